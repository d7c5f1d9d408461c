package guard

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"
	"github.com/vektah/gqlparser/v2/validator"
	"github.com/vektah/gqlparser/v2/validator/rules"
)

func TestMergeable(t *testing.T) {
	t.Parallel()
	g := New(zoo(t), Options{})
	for _, test := range []struct{ document, want string }{
		{`{ cat { id id name } cat { id friend { id } } cat { friend { name } } }`, ""},
		{`{ cat { id: name id } }`, `"name" and "id" are different fields`},
		{`{ cat { size(in: METRE) size } }`, "differing arguments"},
		{`{ cat { size(in: METRE) size(in: INCH) } }`, "differing arguments"},
		{`{ cat { size(in: METRE) size(in: METRE) } }`, ""},
		{`query($u: Unit) { cat { size(in: $u) ...f } } fragment f on Cat { size(in: $u) }`, ""},
		{`{ animal(where: {name: "a", by: {id: 1}}) { id } animal(where: {by: {id: 1}, name: "a"}) { id } }`, ""},
		{`{ animal(where: {name: "a"}) { id } animal(where: {name: "b"}) { id } }`, "differing arguments"},
		{`{ pet { ... on Cat { name: id } ... on Dog { name } } }`, "conflicting types"},
		{`{ pet { ... on Cat { x: name } ... on Dog { x: lives } } }`, ""},
		{`{ pet { ... on Cat { lives } ... on Dog { lives } } }`, "conflicting types"},
		{`{ pet { ... on Cat { owner { id } } ... on Dog { owner { id } } } }`, "conflicting types"},
		{`{ pet { ... on Cat { size(in: METRE) } ... on Dog { size(in: INCH) } } }`, ""},
		{`{ animal { x: name ... on Cat { x: id } } }`, "different fields"},
		{`{ animal { ... on Cat { friend { x: id } } ... on Dog { friend { x: name } } } }`, "conflicting types"},
		{`{ animal { ... on Cat { friend { x: name } } ... on Dog { friend { x: name } } friend { x: name } } }`, ""},
		{`{ animal { ... on Cat { friend { x: name ... on Cat { y: name } } } friend { ... on Animal { y: id } } } }`, "different fields"},
		{`{ a: cat { ...f } b: cat { ...f ...g } } fragment f on Cat { x: id ...g } fragment g on Cat { x: id }`, ""},
		{`{ cat { ...f ...g } } fragment f on Cat { friend { x: id } } fragment g on Cat { friend { x: __typename } }`, "conflict"},
	} {
		_, faults := g.Document(test.document)
		if (len(faults) == 0) != (test.want == "") || len(faults) > 0 && !strings.Contains(faults.Error(), test.want) {
			t.Errorf("%s\ngot %v, want %q", test.document, faults, test.want)
		}
	}
}

// Our rule finds a conflict exactly where gqlparser's finds one.
func TestMergeableAgreesWithTheLibrary(t *testing.T) {
	t.Parallel()
	schema := zoo(t)
	conflicts := 0
	for seed := range uint64(3000) {
		text := randomDocument(rand.New(rand.NewPCG(seed, 1)))
		ours, theirs := verdicts(t, schema, text)
		if ours != theirs {
			t.Fatalf("seed %d: a conflict for us: %t, for the library: %t\n%s", seed, ours, theirs, text)
		}
		if ours {
			conflicts++
		}
	}
	if conflicts < 300 || conflicts > 2700 {
		t.Errorf("%d of 3000 documents have a conflict; that compares little", conflicts)
	}
}

func verdicts(t *testing.T, schema *ast.Schema, text string) (ours, theirs bool) {
	t.Helper()
	doc, err := parser.ParseQuery(&ast.Source{Input: text})
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	rule := rules.OverlappingFieldsCanBeMergedRule
	theirs = len(validator.ValidateWithRules(schema, doc, rules.NewRules(rule))) > 0
	return len(mergeable(doc, 1_000_000)) > 0, theirs
}

// randomDocument returns a document in which names meet often.
func randomDocument(r *rand.Rand) string {
	fields := map[string][]string{
		"Animal": {"id", "name", "friend"}, "Cat": {"id", "name", "friend", "lives", "size", "owner"},
		"Dog": {"id", "name", "friend", "lives", "size", "owner"}, "Person": {"id", "name", "pet"}, "Pet": {"__typename"},
	}
	to := map[string]string{"friend": "Animal", "owner": "Person", "pet": "Pet"}
	var set func(of string, depth int) string
	set = func(of string, depth int) string {
		var b strings.Builder
		b.WriteString("{ ")
		for range 1 + r.IntN(3) {
			if of != "Person" && r.IntN(3) == 0 {
				on := []string{"Cat", "Dog", "Animal"}[r.IntN(3)]
				if of == "Cat" || of == "Dog" {
					on = of
				}
				if r.IntN(2) == 0 {
					fmt.Fprintf(&b, "... on %s %s ", on, set(on, depth))
				} else {
					fmt.Fprintf(&b, "...F%s%d ", on, r.IntN(2))
				}
				continue
			}
			field := fields[of][r.IntN(len(fields[of]))]
			if to[field] != "" && depth == 0 {
				field = "__typename"
			}
			if r.IntN(3) == 0 {
				b.WriteString([]string{"x", "y"}[r.IntN(2)] + ": ")
			}
			b.WriteString(field + " ")
			if field == "size" && r.IntN(2) == 0 {
				b.WriteString([]string{"(in: METRE) ", "(in: INCH) "}[r.IntN(2)])
			}
			if to[field] != "" {
				b.WriteString(set(to[field], depth-1))
			}
		}
		b.WriteString("} ")
		return b.String()
	}
	text := "{ animal " + set("Animal", 3) + "pet " + set("Pet", 3) + "} "
	for _, on := range []string{"Cat", "Dog", "Animal"} {
		for i := range 2 {
			// Without spreads below, so that no fragment spreads itself.
			body := set(on, 1)
			for strings.Contains(body, "...F") {
				body = set(on, 1)
			}
			if !strings.Contains(text, fmt.Sprintf("...F%s%d ", on, i)) {
				continue // nobody spreads it
			}
			text += fmt.Sprintf("fragment F%s%d on %s %s", on, i, on, body)
		}
	}
	return text
}
