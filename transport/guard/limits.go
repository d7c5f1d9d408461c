package guard

import (
	"fmt"

	"gatehouse/shards"
)

// Limits of a document and of the variables that come with it. A zero field
// stands for its default.
type Limits struct {
	// Bytes of the text; 256 KiB by default.
	Bytes int `yaml:"bytes"`
	// Tokens of the text, comments among them; 2,000.
	Tokens int `yaml:"tokens"`
	// Selections written in the text, 500, and with every spread counted as
	// what it stands for, over all operations and fragments, 4,000.
	Selections int `yaml:"selections"`
	Expanded   int `yaml:"expanded"`
	// Depth of nested fields; 12. Below __schema and __type it is IntrospectionDepth, 20.
	Depth              int `yaml:"depth"`
	IntrospectionDepth int `yaml:"introspectionDepth"`
	// Aliases with every spread counted; 30.
	Aliases int `yaml:"aliases"`
	// RootFields of an operation; 20.
	RootFields int `yaml:"rootFields"`
	// Directives in the text, and at one place; 30 and 5.
	Directives int `yaml:"directives"`
	Repeated   int `yaml:"repeated"`
	// Fragments and Operations that are defined; 50 and 20.
	Fragments  int `yaml:"fragments"`
	Operations int `yaml:"operations"`
	// Variables that one operation declares; 100.
	Variables int `yaml:"variables"`
	// Nesting of lists and objects in one argument; 20.
	Nesting int `yaml:"nesting"`
	// List is how many values a list may have, in an argument and in a
	// variable, lists inside a JSON scalar aside; 250.
	List int `yaml:"list"`
}

// Limit is one limit by its name in a configuration.
type Limit struct {
	Name  string
	Value *int
	value int // the default
}

// All returns every limit.
func (l *Limits) All() []Limit {
	return []Limit{
		{"bytes", &l.Bytes, 256 << 10}, {"tokens", &l.Tokens, 2000},
		{"selections", &l.Selections, 500}, {"expanded", &l.Expanded, 4000},
		{"depth", &l.Depth, 12}, {"introspectionDepth", &l.IntrospectionDepth, 20},
		{"aliases", &l.Aliases, 30}, {"rootFields", &l.RootFields, 20},
		{"directives", &l.Directives, 30}, {"repeated", &l.Repeated, 5},
		{"fragments", &l.Fragments, 50}, {"operations", &l.Operations, 20},
		{"variables", &l.Variables, 100}, {"nesting", &l.Nesting, 20}, {"list", &l.List, 250},
	}
}

// WithDefaults returns l with the default of each that is zero.
func (l Limits) WithDefaults() Limits {
	for _, limit := range l.All() {
		if *limit.Value == 0 {
			*limit.Value = limit.value
		}
	}
	return l
}

// exceeded says which limit of a document is exceeded (invariant 3).
func exceeded(what string, limit int) error {
	return &shards.Error{Code: shards.DocumentLimit, Message: fmt.Sprintf("the document has more than %d %s", limit, what)}
}
