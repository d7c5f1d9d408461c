package main

import (
	"regexp"
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/validator"
)

// entity is a type with @entity and the names that its SDL is made of.
type entity struct {
	Type        string   // Client
	Name        string   // client, a field
	Plural      string   // clients, a field too
	EnumFilters []*field // the fields by which the filter of their enum is made
	Referrers   []string // the plurals of the entities that refer to this one
	fields      []*field
	def         *ast.Definition
	doc         *ast.SchemaDocument // the file that def is in
	rest        *ast.SchemaDocument // what render made
}

// schema is what the files by hand hold together.
type schema struct {
	types    map[string]*ast.Definition
	entities map[string]*entity
	inOrder  []*entity // of the files
}

var camelCase = regexp.MustCompile(`^[a-z][A-Za-z]*$`)

// newSchema finds the types and the entities, and then the fields: entities know one another.
func newSchema(docs []*ast.SchemaDocument) (*schema, error) {
	s := &schema{types: map[string]*ast.Definition{}, entities: map[string]*entity{}}
	for _, doc := range append(docs, validator.PreludeDocument()) {
		for _, def := range doc.Definitions {
			s.types[def.Name] = def
			dir := def.Directives.ForName("entity")
			if dir == nil {
				continue
			}
			e := &entity{Type: def.Name, Name: lowerFirst(def.Name), Plural: argument(dir, "plural"), def: def, doc: doc}
			switch {
			case def.Kind != ast.Object:
				return nil, mistake(def.Position, "%s: only a type can be an entity", e.Type)
			case !camelCase.MatchString(e.Plural) || e.Plural == e.Name:
				return nil, mistake(dir.Position, "%s: @entity needs its plural, such as clients for Client", e.Type)
			case def.Description == "":
				return nil, mistake(def.Position, "%s has no description", e.Type)
			}
			s.entities[e.Type] = e
			s.inOrder = append(s.inOrder, e)
		}
	}
	for _, e := range s.inOrder {
		for _, f := range e.def.Fields {
			if err := s.add(e, f); err != nil {
				return nil, err
			}
		}
	}
	return s, nil
}

// add takes a field of the entity e, as it was written by hand.
func (s *schema) add(e *entity, def *ast.FieldDefinition) error {
	f := &field{FieldDefinition: def, of: e}
	if err := s.classify(f); err != nil {
		return err
	}
	if err := f.check(); err != nil {
		return err
	}
	e.fields = append(e.fields, f)
	if f.kind == one {
		name := map[bool]string{true: "other " + e.Nouns(), false: e.Nouns()}[f.target == e]
		if !slices.Contains(f.target.Referrers, name) {
			f.target.Referrers = append(f.target.Referrers, name)
		}
	}
	if f.Has("filter") && f.kind != one && s.types[f.Filter()] == nil {
		enum := s.types[f.Type.Name()]
		if enum.Kind != ast.Enum {
			return mistake(f.Position, "%s can't be filtered: there is no %s", f, f.Filter())
		}
		e.EnumFilters = append(e.EnumFilters, f)
		s.types[f.Filter()] = enum // once, though two fields may have the enum
	}
	return nil
}

func (e *entity) Types() string  { return first(e.Plural) }
func (e *entity) Noun() string   { return words(e.Name) }
func (e *entity) Nouns() string  { return words(e.Plural) }
func (e *entity) Const() string  { return strings.ToUpper(e.Prefix()) }
func (e *entity) Prefix() string { return strings.ReplaceAll(e.Noun(), " ", "_") }

// With returns the fields that have a directive.
func (e *entity) With(directive string) []*field {
	return e.where(func(f *field) bool { return f.Has(directive) })
}

// Inputs returns the fields that can be written.
func (e *entity) Inputs() []*field { return e.where((*field).writable) }

// Unique names the fields that no two records have the same.
func (e *entity) Unique() []string { return e.names(func(f *field) bool { return f.Has("unique") }) }

// Always names the fields that can't be cleared.
func (e *entity) Always() []string { return e.names((*field).always) }

// Needed names the fields without which nothing is created.
func (e *entity) Needed() []string {
	return e.names(func(f *field) bool { return f.always() && !f.Has("default") })
}

// Blank names the texts without which nothing is created.
func (e *entity) Blank() []string {
	return e.names(func(f *field) bool { return f.always() && !f.Has("default") && f.Type.Name() == "String" })
}

// Defaulted names the fields that have a default.
func (e *entity) Defaulted() []string {
	return e.names(func(f *field) bool { return f.Has("default") })
}

// Referred names the records that an input refers to: the group, the owner.
func (e *entity) Referred() (found []string) {
	for _, f := range e.where(func(f *field) bool { return f.kind == one && f.writable() }) {
		found = append(found, "the "+words(f.Name))
	}
	return found
}

// Links names the link tables that lead to this entity, such as memberships.
func (e *entity) Links() (found []string) {
	for _, f := range e.where(func(f *field) bool { return f.kind == many }) {
		if table := argument(f.Directives.ForName("edge"), "through"); table != "" && !slices.Contains(found, words(table)) {
			found = append(found, words(table))
		}
	}
	return found
}

func (e *entity) names(is func(*field) bool) (found []string) {
	for _, f := range e.where(func(f *field) bool { return f.writable() && is(f) }) {
		found = append(found, f.InputName())
	}
	return found
}

func (e *entity) where(is func(*field) bool) (found []*field) {
	for _, f := range e.fields {
		if is(f) {
			found = append(found, f)
		}
	}
	return found
}

// argument is the text of a directive's argument, empty where there is none.
func argument(dir *ast.Directive, name string) string {
	if dir == nil || dir.Arguments.ForName(name) == nil {
		return ""
	}
	return dir.Arguments.ForName(name).Value.Raw
}
