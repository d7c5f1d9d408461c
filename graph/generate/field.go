package main

import (
	"slices"
	"strconv"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
)

// field is a field that was written by hand.
type field struct {
	*ast.FieldDefinition
	of     *entity
	kind   kind
	typ    *ast.Definition // of its values, nil for one and many
	target *entity         // of one and many
}

// kind says what a field's input and filter are, and which directives it may have.
type kind string

const (
	plain  kind = "a single value"
	list   kind = "a list"
	json   kind = "a JSON object"
	object kind = "an object"
	one    kind = "an edge to one record"
	many   kind = "an edge to several records"
)

// fits has the directives of a field that end with the expansion.
func fits(directive string) []kind {
	return map[string][]kind{
		"filter":   {plain, one},
		"sort":     {plain},
		"unique":   {plain},
		"default":  {plain},
		"required": {one},
		"readonly": {plain, list, json, object, one},
	}[directive]
}

// ours tells whether the directive ends with the expansion.
func ours(directive string) bool { return directive == "entity" || fits(directive) != nil }

// classify finds out what the field leads to or holds.
func (s *schema) classify(f *field) error {
	name := f.Type.Name()
	record, paged := strings.CutSuffix(name, "Connection")
	if f.target = s.entities[record]; f.target == nil {
		f.typ = s.types[name]
	}
	switch {
	case f.target != nil && (paged || f.Type.Elem != nil):
		f.kind = many
	case f.target != nil:
		f.kind = one
	case f.typ == nil:
		return mistake(f.Position, "%s: there is no type %s", f, name)
	case f.Type.Elem != nil:
		f.kind = list
	case name == "JSONObject":
		f.kind = json
	case f.typ.IsLeafType():
		f.kind = plain
	default:
		f.kind = object
	}
	if f.typ != nil && !f.typ.IsLeafType() && f.writable() && s.types[name+"Input"] == nil {
		return mistake(f.Position, "%s can't be written: there is no input %sInput", f, name)
	}
	return nil
}

// check refuses what the field's kind can't have.
func (f *field) check() error {
	if f.Description == "" {
		return mistake(f.Position, "%s has no description", f)
	}
	if slices.Contains([]string{"id", "version", "externalId", "createdAt", "updatedAt", "history"}, f.Name) {
		return mistake(f.Position, "%s: every entity has this field already", f)
	}
	for _, dir := range f.Directives {
		if kinds := fits(dir.Name); kinds != nil && !slices.Contains(kinds, f.kind) {
			return mistake(dir.Position, "%s is %s, which can't have @%s", f, f.kind, dir.Name)
		}
	}
	switch {
	case f.kind == many && f.Directives.ForName("edge") == nil:
		return mistake(f.Position, "%s leads to several records, so it needs @edge", f)
	case f.kind == one && f.Type.NonNull:
		return mistake(f.Position, "%s: an edge is null for who may not read it; say @required for one that must be given", f)
	case f.Has("default") && !f.Type.NonNull:
		return mistake(f.Position, "%s has a default, so its type must be %s!", f, f.Type)
	case f.Has("default") && f.literal() == "":
		return mistake(f.Position, "%s: %q is no %s", f, f.Default(), f.Type.Name())
	case f.writable() && len(f.Arguments) > 0:
		return mistake(f.Position, "%s has arguments, so it must be @readonly", f)
	}
	return nil
}

func (f *field) String() string { return f.of.Type + "." + f.Name }

// Has tells whether the field has a directive.
func (f *field) Has(directive string) bool { return f.Directives.ForName(directive) != nil }

func (f *field) writable() bool { return f.kind != many && !f.Has("readonly") }

// always tells whether the field always has a value. A list and a JSON object are empty instead.
func (f *field) always() bool {
	return f.Has("required") || f.Type.NonNull && (f.kind == plain || f.kind == object)
}

// Const is the field's name among enum values.
func (f *field) Const() string { return strings.ToUpper(strings.ReplaceAll(words(f.Name), " ", "_")) }

// InputName is the field's name in inputs: of an edge that of the reference.
func (f *field) InputName() string {
	if f.kind == one {
		return f.Name + "Id"
	}
	return f.Name
}

// Filter is the type of the field's filter.
func (f *field) Filter() string {
	if f.kind == one {
		return "IDFilter"
	}
	return f.Type.Name() + "Filter"
}

// PatchType is the field's type in a patch, where everything may be absent.
func (f *field) PatchType() string {
	switch typ := strings.TrimSuffix(f.Type.String(), "!"); {
	case f.kind == one:
		return "ID"
	case f.typ.IsLeafType():
		return typ
	default:
		return strings.Replace(typ, f.typ.Name, f.typ.Name+"Input", 1)
	}
}

// CreateType is the field's type, and its default, where a record is created.
func (f *field) CreateType() string {
	switch {
	case f.Has("default"):
		return f.PatchType() + "! = " + f.literal()
	case f.always():
		return f.PatchType() + "!"
	default:
		return f.PatchType()
	}
}

// Default is what the field is unless said otherwise, empty where nothing is said.
func (f *field) Default() string { return argument(f.Directives.ForName("default"), "value") }

// literal is the default as SDL has it, empty where it does not suit the type.
func (f *field) literal() string {
	value := f.Default()
	ok := true
	switch {
	case f.typ.Kind == ast.Enum:
		ok = f.typ.EnumValues.ForName(value) != nil
	case f.typ.Name == "Boolean":
		ok = value == "true" || value == "false"
	case f.typ.Name == "Int" || f.typ.Name == "SafeInt":
		_, err := strconv.ParseInt(value, 10, 64)
		ok = err == nil
	default:
		return strconv.Quote(value)
	}
	if !ok {
		return ""
	}
	return value
}
