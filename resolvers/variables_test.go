package resolvers

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/validator"
)

// TestVariablesAreTheValidators: whatever comes for a variable of any type of
// the schema, what is taken as it is is what the validator makes of it.
func TestVariablesAreTheValidators(t *testing.T) {
	t.Parallel()
	schema := Schema()
	var types []*ast.Type
	for name, def := range schema.Types {
		if def.IsInputType() && !strings.HasPrefix(name, "__") {
			types = append(types, ast.NamedType(name, nil), ast.NonNullNamedType(name, nil),
				ast.ListType(ast.NonNullNamedType(name, nil), nil), ast.NonNullListType(ast.ListType(ast.NamedType(name, nil), nil), nil))
		}
	}
	r := rand.New(rand.NewPCG(1, 2))
	taken, refused := 0, 0
	for range 300 {
		for _, typ := range types {
			def := &ast.VariableDefinition{Variable: "v", Type: typ, Definition: schema.Types[typ.Name()]}
			if r.IntN(10) == 0 {
				def.DefaultValue = &ast.Value{Kind: ast.NullValue}
			}
			op := &ast.OperationDefinition{VariableDefinitions: ast.VariableDefinitionList{def}}
			given := map[string]any{"other": "thing"}
			if r.IntN(20) > 0 {
				given["v"] = valueOf(r, schema, typ, 0)
			}
			text, err := json.Marshal(given)
			if err != nil {
				t.Fatal(err)
			}
			got, ok := variablesOf(schema, op, decoded(t, text))
			want, err := validator.VariableValues(schema, op, decoded(t, text))
			switch {
			case ok && err != nil:
				t.Fatalf("%s as %s is taken, and wrong: %v", text, typ, err)
			case ok && !reflect.DeepEqual(got, want):
				t.Fatalf("%s as %s is %#v, want %#v", text, typ, got, want)
			case ok:
				taken++
			case err != nil:
				refused++
			}
		}
	}
	if taken < 1000 || refused < 1000 {
		t.Errorf("%d were taken and %d are wrong: try others", taken, refused)
	}
}

func decoded(t *testing.T, text []byte) (out map[string]any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&out); err != nil {
		t.Fatal(err)
	}
	return out
}

// valueOf returns a value that is of a type, as a rule.
func valueOf(r *rand.Rand, schema *ast.Schema, t *ast.Type, depth int) any {
	if r.IntN(25) == 0 {
		return []any{nil, "text", true, 7, 1.5, -3, "7", "ACTIVE", []any{}, []any{nil}, map[string]any{}, map[string]any{"__typename": "X"}}[r.IntN(12)]
	}
	if t.Elem != nil {
		list := []any{}
		for range r.IntN(3) {
			list = append(list, valueOf(r, schema, t.Elem, depth+1))
		}
		return list
	}
	def := schema.Types[t.NamedType]
	switch def.Kind {
	case ast.Enum:
		name := def.EnumValues[r.IntN(len(def.EnumValues))].Name
		if r.IntN(10) == 0 {
			return strings.ToLower(name)
		}
		return name
	case ast.InputObject:
		object := map[string]any{}
		for _, f := range def.Fields {
			if f.Type.NonNull && r.IntN(15) > 0 || depth < 3 && r.IntN(2) == 0 {
				object[f.Name] = valueOf(r, schema, f.Type, depth+1)
			}
		}
		return object
	}
	switch t.NamedType {
	case "Int":
		return r.IntN(1000)
	case "Float":
		return r.Float64()
	case "Boolean":
		return r.IntN(2) == 0
	}
	return []any{"text", "text", 12}[r.IntN(3)]
}
