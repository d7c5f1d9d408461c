package resolvers

import (
	"maps"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/formatter"

	"gatehouse/graph"
)

// whole returns the schema with what it tells the gateway itself.
func whole() *ast.Schema { return graph.NewExecutableSchema(graph.Config{}).Schema() }

// public returns a copy of schema without the gateway's own directive, which
// is no part of the contract.
func public(schema *ast.Schema) *ast.Schema {
	const internal = "edge"
	out := *schema
	out.Directives = maps.Clone(schema.Directives)
	delete(out.Directives, internal)
	out.Types = maps.Clone(schema.Types)
	for name, t := range schema.Types {
		c := *t
		c.Fields = make(ast.FieldList, len(t.Fields))
		for i, f := range t.Fields {
			g := *f
			g.Directives = nil
			for _, d := range f.Directives {
				if d.Name != internal {
					g.Directives = append(g.Directives, d)
				}
			}
			c.Fields[i] = &g
		}
		out.Types[name] = &c
	}
	// The roots and the possible types must be the copies too.
	again := func(t *ast.Definition) *ast.Definition {
		if t == nil {
			return nil
		}
		return out.Types[t.Name]
	}
	out.Query, out.Mutation, out.Subscription = again(schema.Query), again(schema.Mutation), again(schema.Subscription)
	return &out
}

// Schema returns the public schema, which documents are validated against.
func Schema() *ast.Schema { return public(whole()) }

// SDL returns the public schema as text.
func SDL() string {
	var b strings.Builder
	formatter.NewFormatter(&b, formatter.WithIndent("  ")).FormatSchema(Schema())
	return b.String()
}
