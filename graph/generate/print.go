package main

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/formatter"
)

const width = 120 // of a description, without its indent

// printed formats a file, without the directives that end with the expansion.
func printed(doc *ast.SchemaDocument) string {
	var parts []string
	add := func(part ast.SchemaDocument) {
		var b bytes.Buffer
		formatter.NewFormatter(&b, formatter.WithIndent("  ")).FormatSchemaDocument(&part)
		parts = append(parts, short(b.String()))
	}
	for _, dir := range doc.Directives {
		if ours(dir.Name) {
			continue
		}
		dir.Description = wrapped(dir.Description)
		wrapArguments(dir.Arguments)
		add(ast.SchemaDocument{Directives: ast.DirectiveDefinitionList{dir}})
	}
	for _, def := range doc.Definitions {
		clean(def)
		add(ast.SchemaDocument{Definitions: ast.DefinitionList{def}})
	}
	for _, def := range doc.Extensions {
		clean(def)
		add(ast.SchemaDocument{Extensions: ast.DefinitionList{def}})
	}
	return strings.Join(parts, "\n")
}

// clean drops our directives and wraps the descriptions.
func clean(def *ast.Definition) {
	isOurs := func(dir *ast.Directive) bool { return ours(dir.Name) }
	def.Directives = slices.DeleteFunc(def.Directives, isOurs)
	def.Description = wrapped(def.Description)
	for _, f := range def.Fields {
		f.Directives = slices.DeleteFunc(f.Directives, isOurs)
		f.Description = wrapped(f.Description)
		wrapArguments(f.Arguments)
	}
	for _, v := range def.EnumValues {
		v.Description = wrapped(v.Description)
	}
}

func wrapArguments(args ast.ArgumentDefinitionList) {
	for _, arg := range args {
		arg.Description = wrapped(arg.Description)
	}
}

// wrapped breaks the lines that are too long.
func wrapped(description string) string {
	var b strings.Builder
	for i, line := range strings.Split(description, "\n") {
		if i > 0 {
			b.WriteByte('\n')
		}
		if utf8.RuneCountInString(line) <= width {
			b.WriteString(line)
			continue
		}
		left := width
		for j, word := range strings.Fields(line) {
			n := utf8.RuneCountInString(word)
			switch {
			case j == 0:
			case n+1 > left:
				b.WriteByte('\n')
				left = width
			default:
				b.WriteByte(' ')
				left--
			}
			b.WriteString(word)
			left -= n
		}
	}
	return b.String()
}

var (
	block = regexp.MustCompile(`(?s)"""\n *(.*?)\n *"""`)
	gap   = regexp.MustCompile(`\n\n( +")`)
)

// short writes a description of one line in one line, and no empty lines between arguments.
func short(text string) string {
	text = block.ReplaceAllStringFunc(text, func(s string) string {
		if line := block.FindStringSubmatch(s)[1]; !strings.ContainsAny(line, "\"\\\n") {
			return `"` + line + `"`
		}
		return s
	})
	return gap.ReplaceAllString(text, "\n$1")
}
