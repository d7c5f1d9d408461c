package resolvers

import (
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
)

// gqlgen can defer the fields that have a resolver, and shows null in their
// place meanwhile, even where the schema has none. So it never sees @defer: an
// operation that may be answered in parts is made two, one without what is
// deferred and one with all of it, over one snapshot and the same loaders. Of
// the second only what the first lacks is sent.

// defers reports whether the operation has a fragment to defer, and whether
// one that is not switched off.
func defers(op *graphql.OperationContext) (any, active bool) {
	if !strings.Contains(op.RawQuery, "defer") { // spares nearly everybody the walk
		return false, false
	}
	seen := map[string]bool{}
	var walk func(ast.SelectionSet)
	walk = func(set ast.SelectionSet) {
		for _, s := range set {
			if f, ok := s.(*ast.Field); ok {
				walk(f.SelectionSet)
				continue
			}
			below, directives := fragment(op, s)
			if d := directives.ForName("defer"); d != nil {
				any, active = true, active || switchedOn(op, d)
			}
			if spread, ok := s.(*ast.FragmentSpread); ok {
				if seen[spread.Name] {
					continue
				}
				seen[spread.Name] = true
			}
			walk(below)
		}
	}
	walk(op.Operation.SelectionSet)
	return any, active
}

// fragment returns what a fragment or a spread selects, and its directives.
func fragment(op *graphql.OperationContext, s ast.Selection) (ast.SelectionSet, ast.DirectiveList) {
	switch s := s.(type) {
	case *ast.InlineFragment:
		return s.SelectionSet, s.Directives
	case *ast.FragmentSpread:
		return op.Doc.Fragments.ForName(s.Name).SelectionSet, s.Directives
	}
	return nil, nil
}

// switchedOn reports what the argument if of a directive says: true if nothing.
func switchedOn(op *graphql.OperationContext, d *ast.Directive) bool {
	on, given := d.ArgumentMap(op.Variables)["if"].(bool)
	return on || !given
}

// withoutDefer returns a copy of the operation in which nothing is deferred: what
// was is left out if leave is set, and else stands where everything does. The
// document itself is shared with others.
func withoutDefer(op *graphql.OperationContext, leave bool) *graphql.OperationContext {
	c := copier{op: op, leave: leave, fragments: map[string]*ast.FragmentDefinition{}}
	doc := *op.Doc
	doc.Fragments = make(ast.FragmentDefinitionList, len(op.Doc.Fragments))
	for i, f := range op.Doc.Fragments {
		copied := *f
		doc.Fragments[i], c.fragments[f.Name] = &copied, &copied
	}
	for _, f := range doc.Fragments {
		f.SelectionSet = c.set(f.SelectionSet)
	}
	operation := *op.Operation
	operation.SelectionSet = c.set(operation.SelectionSet)
	doc.Operations = ast.OperationList{&operation}
	return &graphql.OperationContext{ // which can't be copied
		RawQuery: op.RawQuery, Variables: op.Variables, OperationName: op.OperationName, Doc: &doc, Operation: &operation,
		Extensions: op.Extensions, Headers: op.Headers, DisableIntrospection: op.DisableIntrospection, RecoverFunc: op.RecoverFunc,
		ResolverMiddleware: op.ResolverMiddleware, RootResolverMiddleware: op.RootResolverMiddleware, Stats: op.Stats,
	}
}

type copier struct {
	op        *graphql.OperationContext
	leave     bool
	fragments map[string]*ast.FragmentDefinition
}

func (c copier) set(set ast.SelectionSet) ast.SelectionSet {
	var out ast.SelectionSet
	for _, s := range set {
		switch s := s.(type) {
		case *ast.Field:
			f := *s
			f.SelectionSet = c.set(f.SelectionSet)
			out = append(out, &f)
		case *ast.InlineFragment:
			f := *s
			if f.Directives = c.directives(f.Directives); f.Directives != nil {
				f.SelectionSet = c.set(f.SelectionSet)
				out = append(out, &f)
			}
		case *ast.FragmentSpread:
			f := *s
			if f.Directives = c.directives(f.Directives); f.Directives != nil {
				f.Definition = c.fragments[f.Name]
				out = append(out, &f)
			}
		}
	}
	return out
}

// directives returns a fragment's directives but for @defer, nil where it is to
// be left out.
func (c copier) directives(list ast.DirectiveList) ast.DirectiveList {
	out := ast.DirectiveList{}
	for _, d := range list {
		if d.Name != "defer" {
			out = append(out, d)
		} else if c.leave && switchedOn(c.op, d) {
			return nil
		}
	}
	return out
}
