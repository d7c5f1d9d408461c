// Package schema_test holds the whole schema, as it is expanded to graph/sdl, to
// its own rules. It has no list of entities: whatever implements Record is checked.
package schema_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"
)

func TestSchemaKeepsItsRules(t *testing.T) {
	for _, rule := range rules {
		t.Run(rule.name, func(t *testing.T) {
			for _, broken := range rule.check(load(t, sources(t))) {
				t.Error(broken)
			}
		})
	}
}

var rules = []struct {
	name  string
	check func(*ast.Schema) []string
}{
	{"everything is described", undescribed},
	{"every record has the entity's shape", misshapen},
	{"inputs agree with their record", inputs},
	{"filters and orders agree with their record", lists},
	{"edges say where they lead", edges},
	{"root fields name their scope", unscoped},
}

// shape is what an entity must have, for X the type, x its field and xs and Xs
// their plurals. More fields are allowed anywhere.
const shape = `
type X { id: ID! version: Int! externalId: String createdAt: DateTime! updatedAt: DateTime! history(first: Int = 25, after: String): ChangeConnection! }
enum RecordType { X_X }
type XConnection { edges: [XEdge!]! nodes: [X!]! pageInfo: PageInfo! totalCount: Int! }
type XEdge { cursor: String! node: X! }
input XWhere { externalId: StringFilter createdAt: DateTimeFilter updatedAt: DateTimeFilter }
input XOrder { field: XOrderField! direction: SortDirection! = ASC }
enum XOrderField { CREATED_AT UPDATED_AT }
type Query {
  x(id: ID!): X @scope(requires: "xs:read")
  xs(first: Int, after: String, last: Int, before: String, where: XWhere, orderBy: XOrder): XConnection! @scope(requires: "xs:read")
}
type Mutation {
  createX(input: CreateXInput!): CreateXPayload! @scope(requires: "xs:write")
  updateX(id: ID!, patch: XPatch!, expectedVersion: Int): UpdateXPayload! @scope(requires: "xs:write")
  deleteX(id: ID!, expectedVersion: Int): DeleteXPayload! @scope(requires: "xs:write")
  upsertXs(inputs: [UpsertXInput!]!): UpsertXsPayload! @scope(requires: "xs:write")
}
input CreateXInput { id: ID externalId: String }
input XPatch { externalId: String }
input UpsertXInput { externalId: String! patch: XPatch! }
type CreateXPayload implements Payload { x: X bookmark: Bookmark! errors: [UserError!]! }
type UpdateXPayload implements Payload { x: X bookmark: Bookmark! errors: [UserError!]! }
type DeleteXPayload implements Payload { deletedId: ID bookmark: Bookmark! errors: [UserError!]! }
type UpsertXsPayload implements Payload { results: [UpsertXResult!]! bookmark: Bookmark! errors: [UserError!]! }
type UpsertXResult { x: X created: Boolean! errors: [UserError!]! }
`

const pageArgs = "(first: Int, after: String, last: Int, before: String, where: XWhere, orderBy: XOrder)"

// naming writes a template of X for the record named X.
func naming(template, record string) string {
	field := strings.ToLower(record[:1]) + record[1:]
	return strings.NewReplacer("X_X", upperSnake(record), "xs:", field+"s:", "xs(", field+"s(", "x(", field+"(",
		"x:", field+":", "X", record).Replace(template)
}

func misshapen(s *ast.Schema) (broken []string) {
	for _, record := range records(s) {
		want, err := parser.ParseSchema(&ast.Source{Input: naming(shape, record.Name)})
		if err != nil {
			panic("shape: " + err.Error())
		}
		for _, def := range want.Definitions {
			got := s.Types[def.Name]
			if got == nil || got.Kind != def.Kind {
				broken = append(broken, def.Name+" is missing")
				continue
			}
			for _, name := range def.Interfaces {
				if !slices.Contains(got.Interfaces, name) {
					broken = append(broken, def.Name+" does not implement "+name)
				}
			}
			for _, f := range def.Fields {
				if has := got.Fields.ForName(f.Name); has == nil {
					broken = append(broken, def.Name+"."+f.Name+" is missing")
				} else if signature(has) != signature(f) {
					broken = append(broken, fmt.Sprintf("%s: want %s, got %s", def.Name, signature(f), signature(has)))
				}
			}
			for _, v := range def.EnumValues {
				if got.EnumValues.ForName(v.Name) == nil {
					broken = append(broken, def.Name+"."+v.Name+" is missing")
				}
			}
		}
		if !slices.Contains(record.Interfaces, "Node") {
			broken = append(broken, record.Name+" does not implement Node")
		}
	}
	return broken
}

// inputs compares what is written with what is read: a patch has the fields of
// create but id, all of which can be absent, and each is a field of the record
// or a reference to one.
func inputs(s *ast.Schema) (broken []string) {
	for _, record := range records(s) {
		create, patch := s.Types["Create"+record.Name+"Input"], s.Types[record.Name+"Patch"]
		if create == nil || patch == nil {
			continue // misshapen tells
		}
		for _, f := range create.Fields {
			has := patch.Fields.ForName(f.Name)
			if f.Name != "id" && has == nil {
				broken = append(broken, create.Name+"."+f.Name+" is not in "+patch.Name)
			}
			read := record.Fields.ForName(f.Name)
			switch {
			case read == nil && referred(record, f.Name) == nil:
				broken = append(broken, create.Name+"."+f.Name+" is no field of "+record.Name)
			case read != nil && f.Type.NonNull && !read.Type.NonNull:
				broken = append(broken, record.Name+"."+f.Name+" is always there, but its type is nullable")
			}
		}
		for _, f := range patch.Fields {
			in := create.Fields.ForName(f.Name)
			if in == nil {
				broken = append(broken, patch.Name+"."+f.Name+" is not in "+create.Name)
			} else if want := strings.TrimSuffix(in.Type.String(), "!"); f.Type.String() != want || f.DefaultValue != nil {
				broken = append(broken, patch.Name+"."+f.Name+" must be "+want+" without default")
			}
		}
	}
	return broken
}

// lists checks that a filter or an order names a field of the record.
func lists(s *ast.Schema) (broken []string) {
	for _, record := range records(s) {
		where, order := s.Types[record.Name+"Where"], s.Types[record.Name+"OrderField"]
		if where == nil || order == nil {
			continue // misshapen tells
		}
		for _, f := range where.Fields {
			want := "IDFilter"
			if read := record.Fields.ForName(f.Name); read != nil {
				want = read.Type.Name() + "Filter"
			} else if referred(record, f.Name) == nil {
				broken = append(broken, where.Name+"."+f.Name+" is no field of "+record.Name)
				continue
			}
			if f.Type.String() != want || f.DefaultValue != nil {
				broken = append(broken, where.Name+"."+f.Name+" must be a "+want)
				continue
			}
			enum := strings.TrimSuffix(want, "Filter")
			if def := s.Types[enum]; def != nil && def.Kind == ast.Enum {
				for name, typ := range map[string]string{"eq": enum, "in": "[" + enum + "!]"} {
					if has := s.Types[want].Fields.ForName(name); has == nil || has.Type.String() != typ {
						broken = append(broken, want+" needs "+name+": "+typ)
					}
				}
			}
		}
		for _, v := range order.EnumValues {
			if !slices.ContainsFunc(record.Fields, func(f *ast.FieldDefinition) bool { return upperSnake(f.Name) == v.Name }) {
				broken = append(broken, order.Name+"."+v.Name+" is no field of "+record.Name)
			}
		}
	}
	return broken
}

// edges checks the fields that lead to several records, wherever the gateway
// must know which: on records, and on summaries of them.
func edges(s *ast.Schema) (broken []string) {
	for _, def := range objects(s) {
		if def == s.Query || def == s.Mutation || strings.HasSuffix(def.Name, "Connection") {
			continue
		}
		for _, f := range def.Fields {
			name := strings.TrimSuffix(f.Type.Name(), "Connection")
			target := s.Types[name]
			if target == nil || !slices.Contains(target.Interfaces, "Record") {
				continue
			}
			at, edge := def.Name+"."+f.Name, f.Directives.ForName("edge")
			connection := name != f.Type.Name()
			switch {
			case !connection && f.Type.Elem == nil:
				if edge != nil {
					broken = append(broken, at+" leads to one record and needs no @edge")
				}
				continue
			case edge == nil:
				broken = append(broken, at+" leads to records but has no @edge")
				continue
			case len(edge.Arguments) != 1:
				broken = append(broken, at+": @edge takes by or through")
			}
			if by := edge.Arguments.ForName("by"); by != nil && s.Types[name+"Where"].Fields.ForName(by.Value.Raw) == nil {
				broken = append(broken, at+": "+name+"Where has no "+by.Value.Raw)
			}
			full := f.Name + strings.ReplaceAll(pageArgs, "X", name) + ": " + name + "Connection!"
			if got := strings.Split(signature(f), " @")[0]; connection && slices.Contains(def.Interfaces, "Record") && got != full {
				broken = append(broken, fmt.Sprintf("%s: want %s, got %s", def.Name, full, got))
			}
		}
	}
	return broken
}

// unscoped also asks that the manual names the scope, as introspection does
// not show directives.
func unscoped(s *ast.Schema) (broken []string) {
	for _, root := range []*ast.Definition{s.Query, s.Mutation, s.Subscription} {
		if root == nil {
			continue
		}
		for _, f := range root.Fields {
			at, scope := root.Name+"."+f.Name, f.Directives.ForName("scope")
			open := strings.HasPrefix(f.Name, "__") ||
				root == s.Query && slices.Contains([]string{"viewer", "node", "nodes"}, f.Name)
			switch {
			case open != (scope == nil):
				broken = append(broken, at+" has no @scope, or one that it must not have")
			case open:
			default:
				needs := scope.Arguments.ForName("requires").Value.Raw
				if !strings.Contains(f.Description, "`"+needs+"`") {
					broken = append(broken, at+": its description does not name `"+needs+"`")
				}
				if want := map[bool]string{true: ":write", false: ":read"}[root == s.Mutation]; !strings.HasSuffix(needs, want) {
					broken = append(broken, at+": its scope must end in "+want)
				}
			}
			if payload := s.Types[f.Type.Name()]; root == s.Mutation && !slices.Contains(payload.Interfaces, "Payload") {
				broken = append(broken, payload.Name+" does not implement Payload")
			}
		}
	}
	return broken
}

func undescribed(s *ast.Schema) (broken []string) {
	see := func(at, description string) {
		if strings.TrimSpace(description) == "" {
			broken = append(broken, at+" has no description")
		}
	}
	for _, def := range s.Types {
		if def.BuiltIn {
			continue
		}
		see(def.Name, def.Description)
		for _, f := range def.Fields {
			if strings.HasPrefix(f.Name, "__") {
				continue
			}
			see(def.Name+"."+f.Name, f.Description)
			for _, arg := range f.Arguments {
				see(def.Name+"."+f.Name+"("+arg.Name+")", arg.Description)
			}
		}
		for _, v := range def.EnumValues {
			see(def.Name+"."+v.Name, v.Description)
		}
	}
	for _, dir := range s.Directives {
		if dir.Position.Src.BuiltIn {
			continue
		}
		see("@"+dir.Name, dir.Description)
		for _, arg := range dir.Arguments {
			see("@"+dir.Name+"("+arg.Name+")", arg.Description)
		}
	}
	slices.Sort(broken)
	return broken
}

// signature prints a field without its description: names, types, defaults, scope and edge.
func signature(f *ast.FieldDefinition) string {
	var b strings.Builder
	b.WriteString(f.Name)
	for i, arg := range f.Arguments {
		b.WriteString(map[bool]string{true: "(", false: ", "}[i == 0] + arg.Name + ": " + arg.Type.String())
		if arg.DefaultValue != nil {
			b.WriteString(" = " + arg.DefaultValue.String())
		}
	}
	if len(f.Arguments) > 0 {
		b.WriteString(")")
	}
	b.WriteString(": " + f.Type.String())
	if f.DefaultValue != nil {
		b.WriteString(" = " + f.DefaultValue.String())
	}
	for _, dir := range f.Directives {
		for _, arg := range dir.Arguments {
			fmt.Fprintf(&b, " @%s(%s: %s)", dir.Name, arg.Name, arg.Value)
		}
	}
	return b.String()
}

// referred returns the field that a reference such as groupId stands for, nil where there is none.
func referred(record *ast.Definition, reference string) *ast.FieldDefinition {
	name, ok := strings.CutSuffix(reference, "Id")
	if !ok {
		return nil
	}
	return record.Fields.ForName(name)
}

func records(s *ast.Schema) (found []*ast.Definition) {
	for _, def := range objects(s) {
		if slices.Contains(def.Interfaces, "Record") {
			found = append(found, def)
		}
	}
	return found
}

func objects(s *ast.Schema) (found []*ast.Definition) {
	for _, def := range s.Types {
		if def.Kind == ast.Object && !def.BuiltIn {
			found = append(found, def)
		}
	}
	slices.SortFunc(found, func(a, b *ast.Definition) int { return strings.Compare(a.Name, b.Name) })
	return found
}

func upperSnake(name string) string {
	var b strings.Builder
	for i, r := range name {
		if unicode.IsUpper(r) && i > 0 {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToUpper(r))
	}
	return b.String()
}

// sources reads the schema afresh, so that a test may change it.
func sources(t *testing.T) (srcs []*ast.Source) {
	t.Helper()
	files, err := filepath.Glob("../sdl/*.graphqls")
	if err != nil || len(files) == 0 {
		t.Fatalf("no schema: %v", err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		srcs = append(srcs, &ast.Source{Name: filepath.Base(name), Input: string(text)})
	}
	return srcs
}

func load(t *testing.T, srcs []*ast.Source) *ast.Schema {
	t.Helper()
	s, err := gqlparser.LoadSchema(srcs...)
	if err != nil {
		t.Fatal(err)
	}
	if len(records(s)) == 0 {
		t.Fatal("no type implements Record")
	}
	return s
}
