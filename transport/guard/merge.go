package guard

import (
	"fmt"
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"gatehouse/shards"
)

// mergeable reports fields that share a name in the answer but could not be one
// field there (FieldsInSetCanMerge of the specification). gqlparser's own rule
// compares fields pairwise, each pair as often as it is reached: seconds for a
// kilobyte. Here fields are grouped by name, each is compared with the first of
// its group only, and what that takes is counted.
//
// doc must be valid otherwise: definitions are filled in, fragments end.
func mergeable(doc *ast.QueryDocument, steps int) (faults gqlerror.List) {
	m := &merging{steps: steps, told: map[*ast.Field]bool{}}
	for _, o := range doc.Operations { // fragments that are not spread are refused elsewhere
		fields := m.collect(nil, o.SelectionSet, map[string]bool{})
		m.values(fields) // first: it has the better words
		m.shapes(fields)
	}
	if m.steps < 0 {
		return only(&shards.Error{Code: shards.DocumentLimit, Message: "the document repeats its fields in too many ways"})
	}
	return m.faults
}

type merging struct {
	steps  int // that are left
	faults gqlerror.List
	told   map[*ast.Field]bool // those that have a fault
}

func (m *merging) done() bool { return m.steps < 0 || len(m.faults) >= maxFaults }

// collect appends what a selection set asks for on one object: fragments are
// opened, each once.
func (m *merging) collect(to []*ast.Field, set ast.SelectionSet, opened map[string]bool) []*ast.Field {
	for _, selection := range set {
		if m.steps--; m.steps < 0 {
			return to
		}
		switch s := selection.(type) {
		case *ast.Field:
			to = append(to, s)
		case *ast.InlineFragment:
			to = m.collect(to, s.SelectionSet, opened)
		case *ast.FragmentSpread:
			if !opened[s.Name] {
				opened[s.Name] = true
				to = m.collect(to, s.Definition.SelectionSet, opened)
			}
		}
	}
	return to
}

// below collects what a group of fields asks for, together.
func (m *merging) below(group []*ast.Field) []*ast.Field {
	var out []*ast.Field
	opened := map[string]bool{}
	for _, f := range group {
		out = m.collect(out, f.SelectionSet, opened)
	}
	return out
}

// grouped returns fields by their name in the answer, in the order of the text.
func grouped(fields []*ast.Field) [][]*ast.Field {
	var out [][]*ast.Field
	at := make(map[string]int, len(fields))
	for _, f := range fields {
		i, ok := at[f.Alias]
		if !ok {
			i = len(out)
			at[f.Alias] = i
			out = append(out, nil)
		}
		out[i] = append(out[i], f)
	}
	return out
}

// shapes checks that fields with one name answer with one shape, on whatever
// object (SameResponseShape).
func (m *merging) shapes(fields []*ast.Field) {
	for _, group := range grouped(fields) {
		if m.done() {
			return
		}
		for _, f := range group[1:] {
			if !sameShape(group[0].Definition.Type, f.Definition.Type, leaf(group[0]) || leaf(f)) {
				m.fault(f, "they return conflicting types")
			}
		}
		m.shapes(m.below(group))
	}
}

// values checks that fields with one name that may be on one object are the
// same field with the same arguments.
func (m *merging) values(fields []*ast.Field) {
	for _, group := range grouped(fields) {
		for _, together := range onOneObject(group) {
			if m.done() {
				return
			}
			for _, f := range together[1:] {
				switch first := together[0]; {
				case f.Name != first.Name:
					m.fault(f, fmt.Sprintf("%q and %q are different fields", first.Name, f.Name))
				case !m.sameArguments(first.Arguments, f.Arguments):
					m.fault(f, "they have differing arguments")
				}
			}
			m.values(m.below(together))
		}
	}
}

// onOneObject divides a group: fields of two object types never meet, those of
// an interface meet with all.
func onOneObject(group []*ast.Field) [][]*ast.Field {
	var objects []string
	for _, f := range group {
		if p := f.ObjectDefinition; p.Kind == ast.Object && !slices.Contains(objects, p.Name) {
			objects = append(objects, p.Name)
		}
	}
	if len(objects) < 2 {
		return [][]*ast.Field{group}
	}
	out := make([][]*ast.Field, len(objects))
	for i, name := range objects {
		for _, f := range group {
			if p := f.ObjectDefinition; p.Kind != ast.Object || p.Name == name {
				out[i] = append(out[i], f)
			}
		}
	}
	return out
}

func (m *merging) fault(f *ast.Field, reason string) {
	if m.told[f] {
		return
	}
	m.told[f] = true
	m.faults = append(m.faults, gqlerror.ErrorPosf(f.Position,
		"Fields %q conflict because %s. Use different aliases on the fields to fetch both if this was intentional.", f.Alias, reason))
}

func leaf(f *ast.Field) bool { return len(f.SelectionSet) == 0 }

// sameShape compares the wrappers of two types, and of leaves the types themselves.
func sameShape(a, b *ast.Type, leaves bool) bool {
	for a.Elem != nil && b.Elem != nil {
		if a.NonNull != b.NonNull {
			return false
		}
		a, b = a.Elem, b.Elem
	}
	return a.NonNull == b.NonNull && a.Elem == nil && b.Elem == nil && (!leaves || a.NamedType == b.NamedType)
}

func (m *merging) sameArguments(a, b ast.ArgumentList) bool {
	if len(a) != len(b) {
		return false
	}
	for _, x := range a {
		y := b.ForName(x.Name)
		if y == nil || !m.sameValue(x.Value, y.Value) {
			return false
		}
	}
	return true
}

func (m *merging) sameValue(a, b *ast.Value) bool {
	if m.steps--; m.steps < 0 {
		return false
	}
	if a.Kind != b.Kind || a.Raw != b.Raw || len(a.Children) != len(b.Children) {
		return false
	}
	x, y := a.Children, b.Children
	if a.Kind == ast.ObjectValue { // whose order does not matter
		x, y = byName(x), byName(y)
	}
	for i := range x {
		if x[i].Name != y[i].Name || !m.sameValue(x[i].Value, y[i].Value) {
			return false
		}
	}
	return true
}

func byName(list ast.ChildValueList) ast.ChildValueList {
	return slices.SortedFunc(slices.Values(list), func(a, b *ast.ChildValue) int { return strings.Compare(a.Name, b.Name) })
}
