package guard

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"gatehouse/shards"
)

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

func TestLimits(t *testing.T) {
	t.Parallel()
	g := New(Limits{})
	for _, test := range []struct{ name, document, want string }{
		{"a page", `{ clients(first: 10) { nodes { id name group { name } } } }`, ""},
		{"not parsed: for the executor to say", `{ a`, ""},
		{"a cycle: for validation to say", `{ ...a } fragment a on Query { b { ...a } }`, ""},
		{"an unknown fragment", `{ ...nobody }`, ""},
		{"introspection, as deep as tools ask", `{ __schema { types { fields { args { type { ...t } } } } } }
			fragment t on __Type { kind ofType { kind ofType { kind ofType { kind ofType { kind ofType { kind ofType { kind ofType { name } } } } } } } }`, ""},
		{"tokens", "{ " + strings.Repeat("a ", 2001) + "}", "2000 tokens"},
		{"selections", "{ " + strings.Repeat("a ", 501) + "}", "500 selections"},
		{"a tree of fragments", tree(40), "2000 selections with its fragments expanded"},
		{"depth", strings.Repeat("{ a ", 13) + strings.Repeat("}", 13), "12 levels of fields"},
		{"depth by fragments", "{ " + strings.Repeat("a { ", 6) + "...f" + strings.Repeat(" }", 7) +
			" fragment f on T { " + strings.Repeat("a { ", 6) + "a" + strings.Repeat(" }", 7), "12 levels of fields"},
		{"depth of introspection", "{ __type { " + strings.Repeat("ofType { ", 25) + "name" + strings.Repeat(" }", 27), "levels of"},
		{"aliases", "{ n { " + aliases(31) + "} }", "30 aliases"},
		{"aliases by fragments", "{ a: n { ...f } b: n { ...f } } fragment f on T { " + aliases(15) + " }", "30 aliases"},
		{"root fields", "{ " + strings.Repeat("a ", 21) + "}", "20 root fields"},
		{"directives at one place", "{ a " + strings.Repeat("@x ", 6) + "}", "5 directives at one place"},
		{"directives", "{ n { " + strings.Repeat("a @x @x @x ", 11) + "} }", "30 directives"},
		{"directives on variables", "query(" + strings.Repeat("$a: Int @x @x @x @x ", 8) + ") { a }", "30 directives"},
		{"fragments", "{ a }" + strings.Repeat(" fragment f on T { a }", 51), "50 fragments"},
		{"fragments that nobody spreads", "{ a } fragment f on T { " + strings.Repeat("a { ", 12) + "a" + strings.Repeat(" }", 13), "12 levels of fields"},
		{"operations", strings.Repeat("query a { a } ", 21), "20 operations"},
	} {
		err := g.Check(test.document)
		switch {
		case test.want == "" && err != nil:
			t.Errorf("%s: %v", test.name, err)
		case test.want != "" && (shards.CodeOf(err) != shards.DocumentLimit || !strings.Contains(err.Error(), test.want)):
			t.Errorf("%s: got %v, want %s", test.name, err, test.want)
		}
	}
}

func aliases(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "a%d: a ", i)
	}
	return b.String()
}

// Invariant 2: expanded, these would be 2^400 selections; the test would not end.
func TestFragmentsAreNotExpanded(t *testing.T) {
	t.Parallel()
	if err := New(Limits{Fragments: 500, Selections: 5000, Tokens: 20000}).Check(tree(400)); shards.CodeOf(err) != shards.DocumentLimit {
		t.Errorf("got %v", err)
	}
}

// FuzzCheck looks for a document that makes the guard panic, or that it is slow about.
func FuzzCheck(f *testing.F) {
	f.Add(tree(5))
	f.Add(`query($a: Int = 1 @x) { a(b: {c: [1, $a]}) @include(if: true) { ... on T { b } } }`)
	f.Add(`{ __schema { types { name } } }`)
	g := New(Limits{})
	f.Fuzz(func(t *testing.T, document string) {
		start := time.Now()
		g.Check(document)
		if d := time.Since(start); d > time.Second {
			t.Errorf("%v for %d bytes", d, len(document))
		}
	})
}
