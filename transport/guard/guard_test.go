package guard

import (
	"fmt"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"gatehouse/shards"
)

// zoo has what the gateway's schema has, and a @oneOf input beside it.
func zoo(t testing.TB) *ast.Schema {
	t.Helper()
	schema, err := gqlparser.LoadSchema(&ast.Source{Name: "zoo", Input: `
		type Query { animal(id: ID, by: By, where: Where): Animal, cat: Cat, dog: Dog, animals(ids: [ID!], by: [By!]): [Animal!]!, pet: Pet }
		interface Animal { id: ID!, name: String, friend: Animal }
		type Cat implements Animal { id: ID!, name: String, friend: Animal, lives: Int, size(in: Unit): Int, owner: Person }
		type Dog implements Animal { id: ID!, name: String, friend: Animal, lives: String, size(in: Unit): Int, owner: [Person] }
		union Pet = Cat | Dog
		type Person { id: ID!, name: String!, pet: Pet }
		enum Unit { METRE INCH }
		input By @oneOf { id: ID, name: String, other: By }
		input Where { name: String, any: [Where!], by: By }
	`})
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// limited returns which limit a document exceeds, "" where none.
func limited(faults gqlerror.List) string {
	for _, f := range faults {
		if shards.CodeOf(f.Err) == shards.DocumentLimit {
			return f.Message
		}
	}
	return ""
}

// tree nests n fragments, each of which spreads the next one twice.
func tree(n int) string {
	var b strings.Builder
	b.WriteString("{ ...f0 }")
	for i := range n {
		fmt.Fprintf(&b, " fragment f%d on Query { ...f%d ...f%d }", i, i+1, i+1)
	}
	fmt.Fprintf(&b, " fragment f%d on Query { a }", n)
	return b.String()
}

func aliases(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "a%d: a ", i)
	}
	return b.String()
}

func TestLimits(t *testing.T) {
	t.Parallel()
	g := New(zoo(t), Options{})
	for _, test := range []struct{ name, document, want string }{
		{"a page", `{ clients(first: 10) { nodes { id name group { name } } } }`, ""},
		{"no GraphQL", `{ a`, ""},
		{"a cycle", `{ ...a } fragment a on Query { b { ...a } }`, ""},
		{"an unknown fragment", `{ ...nobody }`, ""},
		{"introspection, as deep as tools ask", `{ __schema { types { fields { args { type { ...t } } } } } }
			fragment t on __Type { kind ofType { kind ofType { kind ofType { kind ofType { kind ofType { kind ofType { kind ofType { name } } } } } } } }`, ""},
		{"bytes", "{ a } #" + strings.Repeat("x", 256<<10), "262144 bytes"},
		{"tokens", "{ " + strings.Repeat("a ", 2001) + "}", "2000 tokens"},
		{"comments are tokens", strings.Repeat("#\n", 2001) + "{ a }", "2000 tokens"},
		{"selections", "{ " + strings.Repeat("a ", 501) + "}", "500 selections"},
		{"a tree of fragments", tree(40), "4000 selections with its fragments expanded"},
		{"a tree that ends nowhere", strings.Replace(tree(40), "{ a }", "{ ...nobody }", 1), "4000 selections with its fragments expanded"},
		{"depth", strings.Repeat("{ a ", 13) + strings.Repeat("}", 13), "12 levels of fields"},
		{"depth by fragments", "{ " + strings.Repeat("a { ", 6) + "...f" + strings.Repeat(" }", 7) +
			" fragment f on T { " + strings.Repeat("a { ", 6) + "a" + strings.Repeat(" }", 7), "12 levels of fields"},
		{"depth of introspection", "{ __type { " + strings.Repeat("ofType { ", 25) + "name" + strings.Repeat(" }", 27), "levels of"},
		{"aliases", "{ n { " + aliases(31) + "} }", "30 aliases"},
		{"aliases by fragments", "{ a: n { ...f } b: n { ...f } } fragment f on T { " + aliases(15) + " }", "30 aliases"},
		{"root fields", "{ " + strings.Repeat("a ", 21) + "}", "20 root fields"},
		{"root fields by fragments", "{ ...f } fragment f on Query { " + strings.Repeat("a ", 21) + "}", "20 root fields"},
		{"directives at one place", "{ a " + strings.Repeat("@x ", 6) + "}", "5 directives at one place"},
		{"directives", "{ n { " + strings.Repeat("a @x @x @x ", 11) + "} }", "30 directives"},
		{"directives on variables", "query(" + strings.Repeat("$a: Int @x @x @x @x ", 8) + ") { a }", "30 directives"},
		{"fragments", "{ a }" + strings.Repeat(" fragment f on T { a }", 51), "50 fragments"},
		{"fragments that nobody spreads", "{ a } fragment f on T { " + strings.Repeat("a { ", 12) + "a" + strings.Repeat(" }", 13), "12 levels of fields"},
		{"operations", strings.Repeat("query a { a } ", 21), "20 operations"},
		{"variables", "query(" + strings.Repeat("$a: Int ", 101) + ") { a }", "100 variables"},
		{"a long list", "{ a(b: [" + strings.Repeat("1 ", 251) + "]) }", "250 values in one list"},
		{"a long list in a directive", "{ a @x(b: {c: [" + strings.Repeat("1 ", 251) + "]}) }", "250 values in one list"},
		{"a long list as a default", "query($a: [Int] = [" + strings.Repeat("1 ", 251) + "]) { a }", "250 values in one list"},
		{"a deep value", "{ a(b: " + strings.Repeat("[", 30) + strings.Repeat("]", 30) + ") }", "20 levels of lists and objects"},
	} {
		_, faults := g.Document(test.document)
		if got := limited(faults); (test.want == "") != (got == "") || !strings.Contains(got, test.want) {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
}

// Invariant 2: expanded, these would be 2^400 selections; the test would not end.
func TestFragmentsAreNotExpanded(t *testing.T) {
	t.Parallel()
	g := New(zoo(t), Options{Limits: Limits{Fragments: 500, Selections: 5000, Tokens: 20000}})
	if _, faults := g.Document(tree(400)); limited(faults) == "" {
		t.Errorf("got %v", faults)
	}
}

func TestEveryLimitIsASetting(t *testing.T) {
	t.Parallel()
	for _, limit := range new(Limits).All() {
		if limit.Name == "list" || limit.Name == "nesting" || limit.Name == "introspectionDepth" {
			continue // zoo's own documents stay below 1 of these
		}
		var l Limits
		for _, one := range l.All() {
			if one.Name == limit.Name {
				*one.Value = 1
			}
		}
		document := `query a($v: ID, $w: ID) @x @y { x: cat { id @x @y ...f } y: animals(ids: [$v, $w]) { id ...g } } query b { cat { id } }
			fragment f on Cat { id } fragment g on Animal { id }`
		if _, faults := New(zoo(t), Options{Limits: l}).Document(document); limited(faults) == "" {
			t.Errorf("%s: got %v", limit.Name, faults)
		}
	}
}

func TestFaultsAreBoundedAndSuggestNothing(t *testing.T) {
	t.Parallel()
	silent, loud := New(zoo(t), Options{}), New(zoo(t), Options{Suggestions: true})
	for name, document := range map[string]string{
		"field": `{ cats { id } }`, "argument": `{ animal(idd: 1) { id } }`, "type": `{ animal { ...f } } fragment f on Animall { id }`,
		"enum": `{ cat { size(in: METRES) } }`, "enum as text": `{ cat { size(in: "METRES") } }`, "input field": `{ animal(where: {nam: "x"}) { id } }`,
		"leaf": `{ cat }`, "directive's argument": `{ cat { id @include(iff: true) } }`,
	} {
		_, faults := silent.Document(document)
		if len(faults) == 0 || strings.Contains(strings.ToLower(faults.Error()), "did you mean") {
			t.Errorf("%s: got %v", name, faults)
		}
		if _, faults := loud.Document(document); !strings.Contains(strings.ToLower(faults.Error()), "did you mean") {
			t.Errorf("%s: no suggestion at all: %v", name, faults)
		}
	}
	if _, faults := silent.Document("{ cat { " + strings.Repeat("nope ", 400) + "} }"); len(faults) != maxFaults {
		t.Errorf("got %d faults", len(faults))
	}
	_, faults := silent.Document(`{ cat { ` + strings.Repeat(`size(in: "`+strings.Repeat("x", 10<<10)+`") `, 20) + `} }`)
	if len(faults) != 1 {
		t.Errorf("got %d faults that quote 10 KiB", len(faults))
	}
}

func TestVariables(t *testing.T) {
	t.Parallel()
	g := New(zoo(t), Options{Limits: Limits{List: 3}})
	doc, faults := g.Document(`query($by: By, $where: Where, $ids: [ID!], $list: [By!]) {
		animal(by: $by, where: $where) { id } animals(ids: $ids, by: $list) { id } }`)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	object := func(members ...any) map[string]any {
		m := map[string]any{}
		for i := 0; i < len(members); i += 2 {
			m[members[i].(string)] = members[i+1]
		}
		return m
	}
	for _, test := range []struct {
		name   string
		values map[string]any
		want   string
	}{
		{"nothing", nil, ""},
		{"one", object("by", object("id", "1")), ""},
		{"none", object("by", object()), "variable.by give exactly one"},
		{"two", object("by", object("id", "1", "name", "x")), "exactly one"},
		{"null", object("by", object("id", nil)), "exactly one"},
		{"two, one of them null", object("by", object("id", "1", "name", nil)), "exactly one"},
		{"two below", object("by", object("other", object("id", "1", "name", "x"))), "variable.by.other give exactly one"},
		{"in a list", object("list", []any{object("id", "1"), object()}), "variable.list[1] give exactly one"},
		{"one for a list", object("list", object()), "exactly one"},
		{"in an input", object("where", object("any", []any{object("by", object())})), "variable.where.any[0].by give exactly one"},
		{"a list", object("ids", []any{"1", "2", "3"}), ""},
		{"a long list", object("ids", []any{"1", "2", "3", "4"}), "more than 3 values"},
		{"a long list below", object("where", object("any", []any{object(), object(), object(), object()})), "more than 3 values"},
		{"the wrong type, for coercion to say", object("by", 5, "ids", object(), "where", []any{}), ""},
		{"undeclared", object("other", []any{1, 2, 3, 4}), ""},
	} {
		faults := g.Variables(doc.Operations[0], test.values)
		if (len(faults) == 0) != (test.want == "") || len(faults) > 0 && !strings.Contains(faults.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", test.name, faults, test.want)
		}
	}
	// In a literal it is validation that says so.
	for _, literal := range []string{`{}`, `{id: 1, name: "x"}`, `{id: null}`} {
		if _, faults := g.Document(`{ animal(by: ` + literal + `) { id } }`); len(faults) == 0 {
			t.Errorf("%s is admitted", literal)
		}
	}
}
