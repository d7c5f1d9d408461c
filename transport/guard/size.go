package guard

import (
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
)

// size is what a selection set costs with its fragments expanded.
type size struct {
	fields  int // all, at any depth
	roots   int // those of the set itself
	aliases int
	depth   int
	// hidden is the depth below __schema and __type, which has its own limit.
	hidden int
}

// fragment is a definition, and its size once somebody asked for it.
type fragment struct {
	definition *ast.FragmentDefinition
	known      bool
	under      bool // its size is being computed: it spreads itself
	size       size
}

// check is one walk over a document.
type check struct {
	limits     Limits
	fragments  map[string]*fragment
	written    int // selections in the text
	directived int // directives in the text
}

// set returns the size of a selection set, or which limit it exceeds. It stops
// at the first, so that no sum grows past it.
func (c *check) set(selections ast.SelectionSet) (size, error) {
	var total size
	for _, selection := range selections {
		if c.written++; c.written > c.limits.Selections {
			return size{}, exceeded("selections", c.limits.Selections)
		}
		var part size
		var err error
		switch s := selection.(type) {
		case *ast.Field:
			part, err = c.field(s)
		case *ast.InlineFragment:
			if err = c.directives(s.Directives); err == nil {
				part, err = c.set(s.SelectionSet)
			}
		case *ast.FragmentSpread:
			if err = c.directives(s.Directives); err == nil && c.fragments[s.Name] != nil {
				part, err = c.fragment(c.fragments[s.Name])
			}
		}
		if err != nil {
			return size{}, err
		}
		total.fields += part.fields
		total.roots += part.roots
		total.aliases += part.aliases
		total.depth = max(total.depth, part.depth)
		total.hidden = max(total.hidden, part.hidden)
		if err := c.within(total); err != nil {
			return size{}, err
		}
	}
	return total, nil
}

func (c *check) within(s size) error {
	switch {
	case s.fields > c.limits.Expanded:
		return exceeded("selections with its fragments expanded", c.limits.Expanded)
	case s.aliases > c.limits.Aliases:
		return exceeded("aliases", c.limits.Aliases)
	case s.depth > c.limits.Depth:
		return exceeded("levels of fields", c.limits.Depth)
	case s.hidden > c.limits.IntrospectionDepth:
		return exceeded("levels of introspection", c.limits.IntrospectionDepth)
	}
	return nil
}

func (c *check) field(f *ast.Field) (size, error) {
	if err := c.directives(f.Directives); err != nil {
		return size{}, err
	}
	// Depth is compared a level up; here it must not stop introspection.
	below, err := c.below(f)
	if err != nil {
		return size{}, err
	}
	s := size{fields: below.fields + 1, roots: 1, aliases: below.aliases, depth: below.depth + 1, hidden: below.hidden}
	if f.Alias != f.Name {
		s.aliases++
	}
	if strings.HasPrefix(f.Name, "__") {
		s.depth, s.hidden = 1, max(below.hidden, below.depth+1)
	}
	return s, nil
}

// below returns the size of what is selected of a field.
func (c *check) below(f *ast.Field) (size, error) {
	if !strings.HasPrefix(f.Name, "__") {
		return c.set(f.SelectionSet)
	}
	inner := *c
	inner.limits.Depth = c.limits.IntrospectionDepth
	s, err := inner.set(f.SelectionSet)
	c.written, c.directived = inner.written, inner.directived
	return s, err
}

// fragment returns the size of a fragment, which it computes once.
func (c *check) fragment(f *fragment) (size, error) {
	if f.known || f.under { // a cycle is for validation to refuse; here it must end
		return f.size, nil
	}
	f.under = true
	s, err := c.set(f.definition.SelectionSet)
	f.size, f.known, f.under = s, true, false
	return s, err
}

func (c *check) directives(list ast.DirectiveList) error {
	c.directived += len(list)
	if len(list) > c.limits.Repeated {
		return exceeded("directives at one place", c.limits.Repeated)
	}
	if c.directived > c.limits.Directives {
		return exceeded("directives", c.limits.Directives)
	}
	return nil
}
