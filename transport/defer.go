package transport

import (
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
)

// defers reports whether the document says @defer anywhere.
func defers(c *graphql.OperationContext) bool {
	if !strings.Contains(c.RawQuery, "defer") { // spares nearly everybody the walk
		return false
	}
	var found func(ast.SelectionSet) bool
	found = func(set ast.SelectionSet) bool {
		for _, selection := range set {
			switch s := selection.(type) {
			case *ast.Field:
				if found(s.SelectionSet) {
					return true
				}
			case *ast.InlineFragment:
				if s.Directives.ForName("defer") != nil || found(s.SelectionSet) {
					return true
				}
			case *ast.FragmentSpread: // its definition is walked below, once
				if s.Directives.ForName("defer") != nil {
					return true
				}
			}
		}
		return false
	}
	for _, o := range c.Doc.Operations {
		if found(o.SelectionSet) {
			return true
		}
	}
	for _, f := range c.Doc.Fragments {
		if found(f.SelectionSet) {
			return true
		}
	}
	return false
}
