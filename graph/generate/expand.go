package main

import (
	"bytes"
	_ "embed"
	"os"
	"path/filepath"
	"text/template"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/parser"
	"github.com/vektah/gqlparser/v2/validator"
)

// expand writes the whole schema into the folder to: each file of the folder
// from, with what follows from its entities. By hand an entity is only its own
// fields, with the directives that graph/schema/internal.graphqls describes.
func expand(from, to string) error {
	srcs, err := sources(from)
	if err != nil {
		return err
	}
	texts, err := expanded(srcs)
	if err != nil {
		return err
	}
	if err := os.RemoveAll(to); err != nil { // a file may have lost its source
		return err
	}
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	for name, text := range texts {
		if err := os.WriteFile(filepath.Join(to, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

func sources(folder string) (srcs []*ast.Source, err error) {
	files, err := filepath.Glob(filepath.Join(folder, "*.graphqls"))
	if err != nil {
		return nil, err
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		srcs = append(srcs, &ast.Source{Name: filepath.ToSlash(name), Input: string(text)})
	}
	return srcs, nil
}

// expanded returns the expanded files by their base names. An error names the
// file and the line that was written by hand.
func expanded(srcs []*ast.Source) (map[string]string, error) {
	var docs []*ast.SchemaDocument
	for _, src := range srcs {
		doc, err := parser.ParseSchema(src)
		if err != nil {
			return nil, err
		}
		docs = append(docs, doc)
	}
	s, err := newSchema(docs)
	if err != nil {
		return nil, err
	}
	for _, e := range s.inOrder {
		if err := s.render(e); err != nil {
			return nil, err
		}
	}
	for _, e := range s.inOrder {
		e.merge()
	}
	if err := validate(docs); err != nil {
		return nil, err
	}
	texts := map[string]string{}
	for i, doc := range docs {
		name := filepath.Base(srcs[i].Name)
		texts[name] = "# Code generated from ../schema/" + name + " by graph/generate, DO NOT EDIT.\n\n" + printed(doc)
	}
	return texts, nil
}

//go:embed entity.tmpl
var entityTemplate string

// render writes and parses what the entity has beside its own fields.
func (s *schema) render(e *entity) error {
	t, err := template.New("entity").Funcs(english()).Parse(entityTemplate)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := t.Execute(&b, e); err != nil {
		return err
	}
	if e.rest, err = parser.ParseSchema(&ast.Source{Name: "the expansion of " + e.Type, Input: b.String()}); err != nil {
		return err
	}
	for _, def := range e.rest.Definitions[1:] { // the first is e.def itself
		if byHand := s.types[def.Name]; byHand != nil && byHand.Name == def.Name {
			return mistake(byHand.Position, "%s follows from %s, so it can't be written by hand", def.Name, e.Type)
		}
	}
	return nil
}

// merge puts the own fields into the rendered type, before its last, which is
// history, and the rendered type and all else into the entity's file.
func (e *entity) merge() {
	record := e.rest.Definitions.ForName(e.Type)
	last := len(record.Fields) - 1
	own := record.Fields[:last:last]
	for _, f := range e.fields {
		f.Description = f.AsRead()
		if f.kind == many && f.Type.Elem == nil && len(f.Arguments) == 0 {
			f.Arguments = f.target.list().Arguments
		}
		own = append(own, f.FieldDefinition)
	}
	e.def.Fields = append(own, record.Fields[last])
	e.def.Interfaces = record.Interfaces
	e.def.Description = e.AsRead()
	e.doc.Definitions = append(e.doc.Definitions, e.rest.Definitions[1:]...)
	e.doc.Extensions = append(e.rest.Extensions, e.doc.Extensions...)
}

// list is the query for a page of the entity's records.
func (e *entity) list() *ast.FieldDefinition {
	return e.rest.Extensions.ForName("Query").Fields.ForName(e.Plural)
}

// validate checks the whole schema while it still has the places where things
// were written by hand. It checks copies: the validator changes what it extends.
func validate(docs []*ast.SchemaDocument) error {
	all := validator.PreludeDocument()
	for _, doc := range docs {
		all.Merge(doc)
	}
	for i, def := range all.Definitions {
		clone := *def
		all.Definitions[i] = &clone
	}
	_, err := validator.ValidateSchemaDocument(all)
	return err
}

// mistake is an error at a place in a file that was written by hand.
func mistake(at *ast.Position, format string, args ...any) error {
	return gqlerror.ErrorPosf(at, format, args...)
}
