package guard

import (
	"errors"
	"fmt"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/parser"

	"gatehouse/shards"
)

// Limits of a document. A zero field stands for its default.
type Limits struct {
	// Tokens of the whole text; 2,000 by default.
	Tokens int `yaml:"tokens"`
	// Selections written in the text, and with every spread counted as what
	// it stands for; 500 and 2,000.
	Selections int `yaml:"selections"`
	Expanded   int `yaml:"expanded"`
	// Depth of nested fields; 12. Below __schema and __type it is IntrospectionDepth, 20.
	Depth              int `yaml:"depth"`
	IntrospectionDepth int `yaml:"introspectionDepth"`
	// Aliases with every spread counted; 30.
	Aliases int `yaml:"aliases"`
	// RootFields of the operation; 20.
	RootFields int `yaml:"rootFields"`
	// Directives in the text, and at one place; 30 and 5.
	Directives int `yaml:"directives"`
	Repeated   int `yaml:"repeated"`
	// Fragments that are defined; 50.
	Fragments int `yaml:"fragments"`
	// Operations that are defined; 20.
	Operations int `yaml:"operations"`
}

func (l Limits) withDefaults() Limits {
	for _, d := range []struct {
		limit *int
		value int
	}{
		{&l.Tokens, 2000}, {&l.Selections, 500}, {&l.Expanded, 2000}, {&l.Depth, 12}, {&l.IntrospectionDepth, 20},
		{&l.Aliases, 30}, {&l.RootFields, 20}, {&l.Directives, 30}, {&l.Repeated, 5}, {&l.Fragments, 50}, {&l.Operations, 20},
	} {
		if *d.limit == 0 {
			*d.limit = d.value
		}
	}
	return l
}

// Guard checks documents. It is safe for concurrent use.
type Guard struct{ limits Limits }

// New returns a guard with these limits.
func New(l Limits) *Guard { return &Guard{l.withDefaults()} }

func exceeded(what string, limit int) error {
	return &shards.Error{Code: shards.DocumentLimit, Message: fmt.Sprintf("the document has more than %d %s", limit, what)}
}

// Check returns nil for a document that is cheap enough to be validated, and
// DOCUMENT_LIMIT for any other. A document that can't be parsed is left to the
// executor, which says where: then Check returns nil too.
func (g *Guard) Check(text string) error {
	doc, err := parser.ParseQueryWithTokenLimit(&ast.Source{Input: text}, g.limits.Tokens)
	if err != nil {
		var parse *gqlerror.Error
		if errors.As(err, &parse) && parse.Message == fmt.Sprintf("exceeded token limit of %d", g.limits.Tokens) {
			return exceeded("tokens", g.limits.Tokens)
		}
		return nil
	}
	if len(doc.Operations) > g.limits.Operations {
		return exceeded("operations", g.limits.Operations)
	}
	if len(doc.Fragments) > g.limits.Fragments {
		return exceeded("fragments", g.limits.Fragments)
	}
	c := check{limits: g.limits, fragments: make(map[string]*fragment, len(doc.Fragments))}
	for _, f := range doc.Fragments {
		if c.fragments[f.Name] == nil { // validation refuses the second
			c.fragments[f.Name] = &fragment{definition: f}
		}
		if err := c.directives(f.Directives); err != nil {
			return err
		}
	}
	for _, o := range doc.Operations {
		if err := c.directives(o.Directives); err != nil {
			return err
		}
		for _, v := range o.VariableDefinitions {
			if err := c.directives(v.Directives); err != nil {
				return err
			}
		}
		size, err := c.set(o.SelectionSet)
		if err != nil {
			return err
		}
		if size.roots > g.limits.RootFields {
			return exceeded("root fields", g.limits.RootFields)
		}
	}
	for _, f := range c.fragments { // those that nobody spreads are validated too
		if _, err := c.fragment(f); err != nil {
			return err
		}
	}
	return nil
}
