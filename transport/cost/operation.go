package cost

import (
	"encoding/json"
	"slices"
	"strconv"

	"github.com/vektah/gqlparser/v2/ast"

	"gatehouse/shards"
)

// Of returns what an operation may cost at most with its coerced variables, and
// whether it costs that whatever they are. Where that is more than most it
// returns something above most, and does not look further. The document must be
// valid, and its fragments bounded when expanded: each is walked as often as it
// is spread.
func (p *Prices) Of(o *ast.OperationDefinition, variables map[string]any, most int64) (points int64, always bool) {
	w := &walk{prices: p, variables: variables, most: most}
	once, each := w.sum(w.collect(nil, o.SelectionSet, map[string]bool{}))
	points = w.bounded(1 + once + each)
	return points, points <= most && !w.varies
}

// Actual returns what an operation cost: what was read and written for it.
func Actual(u shards.Usage) int64 {
	return 1 + u.Rows + counted*u.Counts + written*u.Writes
}

type walk struct {
	prices    *Prices
	variables map[string]any
	most      int64
	varies    bool // a variable has been asked
}

// value returns the value of an argument.
func (w *walk) value(v *ast.Value) (any, error) {
	w.varies = w.varies || asksVariables(v)
	return v.Value(w.variables)
}

func asksVariables(v *ast.Value) bool {
	return v.Kind == ast.Variable || slices.ContainsFunc(v.Children, func(c *ast.ChildValue) bool { return asksVariables(c.Value) })
}

// bounded keeps sums and products from overflowing.
func (w *walk) bounded(n int64) int64 { return min(n, w.most+1) }

// sum returns what fields cost: once, being counts beside a page, and for each
// object that they are selected of.
func (w *walk) sum(fields []*ast.Field) (once, each int64) {
	at := make(map[string]int, len(fields))
	var groups [][]*ast.Field
	for _, f := range fields {
		i, ok := at[f.Alias]
		if !ok {
			i = len(groups)
			at[f.Alias] = i
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], f)
	}
	for _, group := range groups {
		if once+each > w.most {
			return 0, w.most + 1
		}
		f := group[0]
		price := w.prices.of(f)
		if len(f.SelectionSet) == 0 {
			once = w.bounded(once + price.once)
			continue
		}
		var below []*ast.Field
		opened := map[string]bool{}
		for _, same := range group {
			below = w.collect(below, same.SelectionSet, opened)
		}
		belowOnce, belowEach := w.sum(below)
		if price.size == single {
			belowOnce, belowEach = 0, belowOnce+belowEach
		}
		size := w.size(f, price.size)
		each = w.bounded(each + price.once + belowOnce + size*max(price.least, price.each+belowEach))
	}
	return once, each
}

// of returns the price of a field. Those of introspection at the root are in no type.
func (p *Prices) of(f *ast.Field) price {
	switch f.Name {
	case "__schema", "__type":
		return price{each: 1}
	}
	if f.ObjectDefinition == nil {
		return price{}
	}
	return p.fields[f.ObjectDefinition.Name][f.Name]
}

// collect appends the fields of a selection set that are not left out.
func (w *walk) collect(to []*ast.Field, set ast.SelectionSet, opened map[string]bool) []*ast.Field {
	for _, selection := range set {
		switch s := selection.(type) {
		case *ast.Field:
			if w.included(s.Directives) {
				to = append(to, s)
			}
		case *ast.InlineFragment:
			if w.included(s.Directives) {
				to = w.collect(to, s.SelectionSet, opened)
			}
		case *ast.FragmentSpread:
			if !opened[s.Name] && w.included(s.Directives) {
				opened[s.Name] = true
				to = w.collect(to, s.Definition.SelectionSet, opened)
			}
		}
	}
	return to
}

func (w *walk) included(list ast.DirectiveList) bool {
	for _, d := range list {
		if d.Name != "skip" && d.Name != "include" {
			continue
		}
		a := d.Arguments.ForName("if")
		if a == nil {
			continue
		}
		if v, err := w.value(a.Value); err == nil && v == (d.Name == "skip") {
			return false
		}
	}
	return true
}

// size returns what a field multiplies with.
func (w *walk) size(f *ast.Field, s size) int64 {
	switch s {
	case paged:
		for _, name := range []string{"first", "last"} {
			if n, ok := w.number(f, name); ok {
				return max(0, min(n, maxPage)) // beyond that it is an error anyway
			}
		}
		return page
	case perElement:
		for _, a := range f.Arguments {
			if v, err := w.value(a.Value); err == nil {
				if list, ok := v.([]any); ok {
					return int64(len(list))
				}
			}
		}
		return 1 // one value for a list of one
	case fixed:
		return Unpaged
	case fixedSmall:
		return introspected
	}
	return 1
}

// number returns an argument that is a number, or its default; false where both are absent.
func (w *walk) number(f *ast.Field, name string) (int64, bool) {
	var value *ast.Value
	if a := f.Arguments.ForName(name); a != nil {
		value = a.Value
	} else if d := f.Definition.Arguments.ForName(name); d != nil {
		value = d.DefaultValue
	}
	if value == nil {
		return 0, false
	}
	v, err := w.value(value)
	if err != nil || v == nil {
		return 0, false
	}
	switch n := v.(type) {
	case int64:
		return n, true
	case json.Number:
		if i, err := n.Int64(); err == nil {
			return i, true
		}
	case string: // which gqlgen takes for a number where it is one
		if i, err := strconv.ParseInt(n, 10, 64); err == nil {
			return i, true
		}
	}
	return maxPage, true
}
