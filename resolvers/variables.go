package resolvers

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
)

// variablesOf returns what validator.VariableValues makes of variables that are
// right as JSON has them, as nearly all are. It returns false for the others,
// which that function coerces, or says what is wrong with: with reflection, and
// more objects than the rest of a small operation takes.
func variablesOf(schema *ast.Schema, op *ast.OperationDefinition, given map[string]any) (map[string]any, bool) {
	out := make(map[string]any, len(op.VariableDefinitions))
	for _, v := range op.VariableDefinitions {
		value, ok := given[v.Variable]
		if !ok && v.DefaultValue == nil && !v.Type.NonNull {
			continue
		}
		if !ok || !v.Definition.IsInputType() {
			return nil, false
		}
		n, isNumber := value.(json.Number)
		var err error
		switch {
		case isNumber && v.Type.NamedType == "Int":
			value, err = n.Int64()
		case isNumber && v.Type.NamedType == "Float":
			value, err = n.Float64()
		default:
			ok = matches(schema, v.Type, value)
		}
		if !ok || err != nil {
			return nil, false
		}
		out[v.Variable] = value
	}
	return out, true
}

// matches reports whether a value is one of the type as it is.
func matches(schema *ast.Schema, t *ast.Type, value any) bool {
	if value == nil {
		return !t.NonNull
	}
	if t.Elem != nil {
		list, ok := value.([]any) // a single value becomes a list
		for _, e := range list {
			ok = ok && matches(schema, t.Elem, e)
		}
		return ok
	}
	def := schema.Types[t.NamedType]
	switch {
	case def == nil:
		return false
	case def.Kind == ast.InputObject:
		object, ok := value.(map[string]any)
		return ok && matchesObject(schema, def, object)
	case def.Kind == ast.Enum:
		name, ok := value.(string)
		return ok && hasValue(def, name)
	}
	return matchesScalar(t.NamedType, value)
}

func matchesObject(schema *ast.Schema, def *ast.Definition, object map[string]any) bool {
	known := 0
	for _, f := range def.Fields {
		value, ok := object[f.Name]
		switch {
		case ok:
			known++
			if !matches(schema, f.Type, value) {
				return false
			}
		case f.Type.NonNull && f.DefaultValue == nil:
			return false
		}
	}
	return known == len(object)
}

// hasValue passes over case, as validator does; what reads the value does not.
func hasValue(def *ast.Definition, name string) bool {
	for _, v := range def.EnumValues {
		if strings.EqualFold(v.Name, name) {
			return true
		}
	}
	return false
}

func matchesScalar(name string, value any) bool {
	switch name {
	case "ID", "String":
		_, ok := value.(string)
		return ok
	case "Boolean":
		_, ok := value.(bool)
		return ok
	case "Int":
		n, _ := value.(json.Number)
		_, err := strconv.ParseInt(string(n), 10, 64)
		return err == nil
	case "Float":
		n, _ := value.(json.Number)
		_, err := strconv.ParseFloat(string(n), 64)
		return err == nil
	}
	return true // those of our own are judged by who reads them
}
