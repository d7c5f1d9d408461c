package guard

import (
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/validator"
	"github.com/vektah/gqlparser/v2/validator/rules"
)

const (
	// maxFaults is how many faults of a document are looked for.
	maxFaults = 20
	// maxFaultBytes bounds what they say together: some quote the document.
	maxFaultBytes = 8 << 10
)

// rulesOf returns the rules of the specification, OverlappingFieldsCanBeMerged
// aside, which mergeable is for.
func rulesOf(suggestions bool) []validator.Rule {
	all := rules.NewDefaultRules().GetInner()
	delete(all, rules.OverlappingFieldsCanBeMergedRule.Name)
	if !suggestions {
		for silent, loud := range map[*validator.Rule]validator.Rule{
			&rules.FieldsOnCorrectTypeRuleWithoutSuggestions: rules.FieldsOnCorrectTypeRule,
			&rules.KnownArgumentNamesRuleWithoutSuggestions:  rules.KnownArgumentNamesRule,
			&rules.KnownTypeNamesRuleWithoutSuggestions:      rules.KnownTypeNamesRule,
			&rules.ScalarLeafsRuleWithoutSuggestions:         rules.ScalarLeafsRule,
			&rules.ValuesOfCorrectTypeRuleWithoutSuggestions: rules.ValuesOfCorrectTypeRule,
		} {
			all[loud.Name] = silent.RuleFunc
		}
	}
	out := make([]validator.Rule, 0, len(all))
	for name, rule := range all {
		out = append(out, validator.Rule{Name: name, RuleFunc: rule})
	}
	slices.SortFunc(out, func(a, b validator.Rule) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// enough ends a walk whose faults nobody will read.
type enough struct{}

// validate checks a document against the schema and fills in its definitions.
// No rule can end the walk, so the walk is ended from outside.
func (g *Guard) validate(doc *ast.QueryDocument) (faults gqlerror.List) {
	defer func() {
		if r := recover(); r != nil {
			if _, ok := r.(enough); !ok {
				panic(r)
			}
		}
	}()
	bytes := 0
	observers := &validator.Events{}
	for _, rule := range g.rules {
		rule.RuleFunc(observers, func(options ...validator.ErrorOption) {
			fault := &gqlerror.Error{Rule: rule.Name}
			for _, option := range options {
				option(fault)
			}
			faults = append(faults, fault)
			bytes += len(fault.Message)
			if len(faults) == maxFaults || bytes > maxFaultBytes {
				panic(enough{})
			}
		})
	}
	validator.Walk(g.schema, doc, observers)
	return faults
}
