package resolvers

import (
	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"gatehouse/graph"
)

// allFit reports whether each argument that a field was given has a value which
// its type takes as it is. What would have to be converted or refused is for
// the generated code.
func allFit(schema *ast.Schema, args ast.ArgumentDefinitionList, given map[string]any) bool {
	for _, a := range args {
		if !fits(schema, a.Type, given[a.Name]) {
			return false
		}
	}
	return true
}

func fits(schema *ast.Schema, t *ast.Type, v any) bool {
	if v == nil { // where null is not allowed, the document was refused
		return true
	}
	if t.Elem != nil {
		list, ok := v.([]any)
		if !ok {
			return false
		}
		for _, e := range list {
			if !fits(schema, t.Elem, e) {
				return false
			}
		}
		return true
	}
	var ok bool
	var err error
	switch t.NamedType {
	case "String", "ID":
		_, ok = v.(string)
		return ok
	case "Boolean":
		_, ok = v.(bool)
		return ok
	case "Int":
		_, err = graphql.UnmarshalInt32(v)
		return err == nil
	case "SafeInt":
		_, err = graph.UnmarshalSafeInt(v)
		return err == nil
	case "DateTime":
		return new(graph.DateTime).UnmarshalGQL(v) == nil
	case "Date":
		return new(graph.Date).UnmarshalGQL(v) == nil
	}
	switch def := schema.Types[t.NamedType]; def.Kind {
	case ast.Enum:
		_, ok = v.(string)
		return ok
	case ast.InputObject:
		in, ok := v.(map[string]any)
		if !ok {
			return false
		}
		for _, f := range def.Fields {
			if !fits(schema, f.Type, in[f.Name]) {
				return false
			}
		}
		return true
	}
	return false
}
