package guard

import (
	"fmt"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"gatehouse/shards"
)

// Variables checks what comes with an operation, as JSON decodes it, before it
// is coerced: the sizes of lists, and that of a @oneOf input exactly one member
// is given, which coercion overlooks. What has the wrong type is left to
// coercion. Its cost is linear in the values.
func (g *Guard) Variables(o *ast.OperationDefinition, values map[string]any) gqlerror.List {
	c := given{schema: g.schema, list: g.limits.List}
	for _, v := range o.VariableDefinitions {
		if err := c.check(v.Type, values[v.Variable], ast.Path{ast.PathName("variable"), ast.PathName(v.Variable)}); err != nil {
			return only(err)
		}
	}
	return nil
}

type given struct {
	schema *ast.Schema
	list   int
}

func (c given) check(t *ast.Type, value any, path ast.Path) error {
	if list, ok := value.([]any); ok && t.Elem != nil {
		if len(list) > c.list {
			return &shards.Error{Code: shards.DocumentLimit, Message: fmt.Sprintf("a variable has more than %d values in one list", c.list)}
		}
		for i, element := range list {
			if err := c.check(t.Elem, element, append(path, ast.PathIndex(i))); err != nil {
				return err
			}
		}
		return nil
	}
	for t.Elem != nil { // one value for a list of one
		t = t.Elem
	}
	object, ok := value.(map[string]any)
	definition := c.schema.Types[t.NamedType]
	if !ok || definition == nil || definition.Kind != ast.InputObject {
		return nil
	}
	if definition.Directives.ForName("oneOf") != nil {
		if err := exactlyOne(object, path); err != nil {
			return err
		}
	}
	for _, field := range definition.Fields {
		switch v := object[field.Name].(type) {
		case []any, map[string]any: // nothing is wrong with any other, and a path takes memory
			if err := c.check(field.Type, v, append(path, ast.PathName(field.Name))); err != nil {
				return err
			}
		}
	}
	return nil
}

func exactlyOne(object map[string]any, path ast.Path) error {
	for _, v := range object {
		if len(object) == 1 && v != nil {
			return nil
		}
	}
	return gqlerror.ErrorPathf(append(ast.Path{}, path...), "give exactly one of its members, and not null")
}
