package guard

import (
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
)

// size is what a selection set costs with its fragments expanded.
type size struct {
	selections int // all, at any depth
	roots      int // fields of the set itself
	aliases    int
	depth      int
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
	expanded   int // selections with every spread counted, of what was walked so far
	directived int // directives in the text
	values     int // arguments in the text, and what is in them
}

// measure returns about how many bytes a document takes once it is parsed, or
// which limit it exceeds.
func measure(limits Limits, doc *ast.QueryDocument) (footprint int, err error) {
	if len(doc.Operations) > limits.Operations {
		return 0, exceeded("operations", limits.Operations)
	}
	if len(doc.Fragments) > limits.Fragments {
		return 0, exceeded("fragments", limits.Fragments)
	}
	c := &check{limits: limits, fragments: make(map[string]*fragment, len(doc.Fragments))}
	for _, f := range doc.Fragments {
		if c.fragments[f.Name] == nil { // validation refuses the second
			c.fragments[f.Name] = &fragment{definition: f}
		}
		if err := c.directives(f.Directives); err != nil {
			return 0, err
		}
	}
	for _, o := range doc.Operations {
		if err := c.operation(o); err != nil {
			return 0, err
		}
	}
	for _, f := range c.fragments { // validation walks each, also those that nobody spreads
		s, err := c.fragment(f)
		if err == nil {
			err = c.expand(s)
		}
		if err != nil {
			return 0, err
		}
	}
	const node = 300 // bytes of a field, an argument or a value, roughly
	return node * (c.written + c.directived + c.values), nil
}

func (c *check) operation(o *ast.OperationDefinition) error {
	if len(o.VariableDefinitions) > c.limits.Variables {
		return exceeded("variables", c.limits.Variables)
	}
	if err := c.directives(o.Directives); err != nil {
		return err
	}
	for _, v := range o.VariableDefinitions {
		if err := c.directives(v.Directives); err != nil {
			return err
		}
		if err := c.value(v.DefaultValue, 0); err != nil {
			return err
		}
	}
	s, err := c.set(o.SelectionSet)
	if err != nil {
		return err
	}
	if s.roots > c.limits.RootFields {
		return exceeded("root fields", c.limits.RootFields)
	}
	return c.expand(s)
}

func (c *check) expand(s size) error {
	if c.expanded += s.selections; c.expanded > c.limits.Expanded {
		return exceeded("selections with its fragments expanded", c.limits.Expanded)
	}
	return nil
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
		total.selections += part.selections + 1
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
	case s.selections > c.limits.Expanded:
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
	if err := c.arguments(f.Arguments); err != nil {
		return size{}, err
	}
	// Depth is compared a level up; here it must not stop introspection.
	below, err := c.below(f)
	if err != nil {
		return size{}, err
	}
	s := size{selections: below.selections, roots: 1, aliases: below.aliases, depth: below.depth + 1, hidden: below.hidden}
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
	depth := c.limits.Depth
	c.limits.Depth = c.limits.IntrospectionDepth
	s, err := c.set(f.SelectionSet)
	c.limits.Depth = depth
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
	for _, d := range list {
		if err := c.arguments(d.Arguments); err != nil {
			return err
		}
	}
	return nil
}

func (c *check) arguments(list ast.ArgumentList) error {
	for _, a := range list {
		if err := c.value(a.Value, 0); err != nil {
			return err
		}
	}
	return nil
}

// value checks what is written as an argument or a default, nil where nothing is.
func (c *check) value(v *ast.Value, depth int) error {
	if v == nil {
		return nil
	}
	c.values++
	if depth > c.limits.Nesting {
		return exceeded("levels of lists and objects in one argument", c.limits.Nesting)
	}
	if v.Kind == ast.ListValue && len(v.Children) > c.limits.List {
		return exceeded("values in one list", c.limits.List)
	}
	for _, child := range v.Children {
		if err := c.value(child.Value, depth+1); err != nil {
			return err
		}
	}
	return nil
}
