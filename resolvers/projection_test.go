package resolvers

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/vektah/gqlparser/v2/ast"

	"gatehouse/tenancy"
)

// twoWorlds are one world behind both executors: what the projector answers
// must be, to the byte, what the generated code answers.
type twoWorlds struct {
	*world
	plain, projecting *Executor
	schema            *ast.Schema
	ids               map[string][]string // by type
	scopes            []string
	// projected and left count the root fields that the projector answered and
	// that it left to the generated code.
	projected, left atomic.Int32
}

func newTwoWorlds(t testing.TB) *twoWorlds {
	t.Helper()
	w := &twoWorlds{world: newWorld(t, "a"), schema: whole(), ids: map[string][]string{}}
	w.fill("a", 6)
	w.fillOddly()
	var err error
	if w.scopes, err = Scopes(); err != nil {
		t.Fatal(err)
	}
	for _, to := range []**Executor{&w.plain, &w.projecting} {
		if *to, err = NewExecutor(Options{Plain: true}); err != nil {
			t.Fatal(err)
		}
	}
	m, err := newModel(whole())
	if err != nil {
		t.Fatal(err)
	}
	p := newProjector(m, whole(), newOperations(rootFieldsOf(m, whole().Query)))
	for name, f := range p.fields {
		p.fields[name] = rootField{f.scope, func(ctx context.Context, x *projection) (bool, error) {
			done, err := f.answer(ctx, x)
			if done {
				w.projected.Add(1)
			} else {
				w.left.Add(1)
			}
			return done, err
		}}
	}
	w.projecting.AroundFields(p.resolve)
	for name := range m.kinds {
		out := w.must("a", fmt.Sprintf(`{ %s(first: 100) { nodes { id } } }`, m.kinds[name].table), nil)
		for _, n := range out[m.kinds[name].table].(map[string]any)["nodes"].([]any) {
			w.ids[name] = append(w.ids[name], n.(map[string]any)["id"].(string))
		}
		slices.Sort(w.ids[name])
	}
	return w
}

// fillOddly adds records with what is hard to write: escapes, every member and
// none, numbers and objects of the account's own.
func (w *twoWorlds) fillOddly() {
	w.t.Helper()
	text := `"\"quoted\" \\ \u0001 \t line\nbreak \u2028 é 漢 😀 </script>"`
	w.must("a", fmt.Sprintf(`mutation {
		createGroup(input: {name: %[1]s, description: %[1]s, customFields: {a: %[1]s, b: [1, 2.50, 1e3, null, true, {c: {}}]}}) { errors { message } }
		a: createClient(input: {name: %[1]s, tags: ["a", %[1]s, "c"], phone: "1", email: "x@example.com", dateOfBirth: "2000-02-29",
			address: {lines: [%[1]s, "b"], city: %[1]s}, customFields: {x: {y: [%[1]s]}}}) { errors { message } }
		b: createClient(input: {name: "bare", kind: ORGANISATION, address: {lines: []}}) { errors { message } }
		createLead(input: {name: "dear", value: 9007199254740991, stage: LOST, lostReason: %[1]s, expectedCloseOn: "2026-12-31"}) { errors { message } }
	}`, text), nil)
	client := w.must("a", `{ clients(first: 1) { nodes { id } } }`, nil)["clients"].(map[string]any)["nodes"].([]any)[0].(map[string]any)["id"]
	w.must("a", fmt.Sprintf(`mutation { createDocument(input: {title: %s, kind: "note", clientId: %q, content: {deep: [[["x"]], {k: %s}]}}) { errors { message } } }`, text, client, text), nil)
}

// compare runs an operation through both.
func (w *twoWorlds) compare(query string, variables map[string]any, scopes []string) {
	w.t.Helper()
	answer := func(e *Executor) (string, []string) {
		r := w.request("a")
		r.Caller.Scopes = tenancy.NewScopes(scopes...)
		w.exec = e
		data, errs := w.run(r, query, variables)
		slices.Sort(errs) // fields are resolved in any order
		return data, errs
	}
	wantData, wantErrs := answer(w.plain)
	gotData, gotErrs := answer(w.projecting)
	if gotData != wantData || !slices.Equal(gotErrs, wantErrs) {
		w.t.Errorf("%s\n%v %v\ngot  %s %v\nwant %s %v", query, variables, scopes, gotData, gotErrs, wantData, wantErrs)
	}
}

func TestProjectionsAnswerAsTheGeneratedCode(t *testing.T) {
	t.Parallel()
	w := newTwoWorlds(t)
	for _, query := range []string{
		`{ clients { nodes { __typename id version externalId createdAt updatedAt name kind status email phone dateOfBirth tags customFields
			address { __typename lines city postcode country } group { name } owner { email } } } }`,
		`{ clients(first: 3) { __typename totalCount pageInfo { hasNextPage hasPreviousPage startCursor endCursor __typename }
			edges { cursor node { name } __typename } again: edges { cursor } } }`,
		`{ clients(first: 0) { nodes { id } pageInfo { startCursor endCursor hasNextPage } totalCount } }`,
		`{ clients(last: 2, orderBy: {field: NAME, direction: DESC}) { nodes { a: name b: name } pageInfo { hasPreviousPage } } }`,
		`{ groups(first: 10) { nodes { name description clients(first: 10) { totalCount nodes { owner { groups { name parent { id } } } } } members { nodes { name role active } } children { nodes { id } } } } }`,
		`{ leadPipeline { __typename stage count totalValue leads(first: 2, orderBy: {field: VALUE, direction: DESC}) { nodes { name value owner { name } } } } }`,
		`{ leadPipeline(where: {value: {gte: 10}}) { s: stage leads { totalCount nodes { client { name } } } } }`,
		`{ documents { nodes { title content author { name } } } }`,
		`{ documents { nodes { title client { name } } } }`, // a reference that must be there
		`{ clients(first: 2) { nodes { history { nodes { kind } } } } }`,
		`{ clients(first: 101) { nodes { id } } leads(after: "nonsense") { nodes { id } } }`,
		`{ clients(first: 2) { nodes { leads(first: -1) { nodes { id } } name } } }`,
		`{ clients(first: 2) { nodes { leads(where: {createdAt: {gt: "yesterday"}}) { nodes { id } } } } }`,
		`{ clients(first: 2) { nodes { ...a ...b @skip(if: true) ... on Node { id } ... on Record { v: version } } } }
			fragment a on Client { owner { name } group { id } } fragment b on Client { owner { email } }`,
		`{ viewer { account { name } } clients(first: 1) { nodes { name } } __typename }`,
	} {
		w.compare(query, nil, w.scopes)
		w.compare(query, nil, []string{"clients:read", "leads:read"})
	}
	for name, ids := range w.ids {
		field := lowerFirst(name)
		for _, id := range append(ids[:1:1], "client_00000000000000000000000000", "nonsense", "") {
			w.compare(fmt.Sprintf(`{ %s(id: %q) { id name: __typename history(first: 1) { nodes { kind } } } node(id: %q) { id ... on Client { name } } }`, field, id, id), nil, w.scopes)
			w.compare(fmt.Sprintf(`{ %s(id: %q) { id version } nodes(ids: [%q, "x", %q]) { __typename id ... on Lead { name owner { name } } } }`, field, id, id, ids[0]), nil, w.scopes)
		}
	}
	conditional := `query($a: Boolean!, $b: Boolean!) { clients(first: 2) { nodes { name @include(if: $a) group @skip(if: $b) { name } ... @include(if: $b) { owner { name } } } } }`
	for _, v := range []map[string]any{{"a": true, "b": true}, {"a": true, "b": false}, {"a": false, "b": true}, {"a": false, "b": false}} {
		w.compare(conditional, v, w.scopes)
	}
	w.compare(`query($n: Int, $w: ClientWhere, $id: ID!) { clients(first: $n, where: $w) { nodes { name leads(first: $n) { totalCount } } } client(id: $id) { name } }`,
		map[string]any{"n": 3, "w": map[string]any{"status": map[string]any{"in": []any{"PROSPECT"}}}, "id": w.ids["Client"][0]}, w.scopes)
}

// TestProjectionsAnswerGeneratedOperations tries operations that nobody thought of.
func TestProjectionsAnswerGeneratedOperations(t *testing.T) {
	t.Parallel()
	w := newTwoWorlds(t)
	for seed := range uint64(400) {
		w.try(seed)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	if w.projected.Load() < 5*w.left.Load() {
		t.Errorf("the projector answered %d root fields and left %d", w.projected.Load(), w.left.Load())
	}
}

func FuzzProjections(f *testing.F) {
	w := newTwoWorlds(f)
	f.Add(uint64(1))
	f.Fuzz(func(t *testing.T, seed uint64) {
		w.t = t
		w.try(seed)
	})
}

// try compares the operation that grows from a seed.
func (w *twoWorlds) try(seed uint64) {
	g := &grower{twoWorlds: w, rand: rand.New(rand.NewPCG(seed, 0)), variables: map[string]any{}}
	var roots []*ast.FieldDefinition
	for _, f := range w.schema.Query.Fields {
		if f.Name != "changes" && f.Name != "viewer" && !strings.HasPrefix(f.Name, "__") {
			roots = append(roots, f)
		}
	}
	var b strings.Builder
	for range 1 + g.rand.IntN(2) {
		b.WriteString(g.field(roots[g.rand.IntN(len(roots))], 0))
	}
	// Every variable must be used.
	query := "query($yes: Boolean = true, $no: Boolean = false, $v: Boolean!) { y: __typename @skip(if: $yes) n: __typename @skip(if: $no) v: __typename @include(if: $v) " + b.String() + "}"
	scopes := w.scopes
	if g.rand.IntN(6) == 0 {
		scopes = slices.DeleteFunc(slices.Clone(scopes), func(string) bool { return g.rand.IntN(8) == 0 })
	}
	w.compare(query, map[string]any{"v": g.rand.IntN(2) == 0}, scopes)
}

// grower makes operations.
type grower struct {
	*twoWorlds
	rand      *rand.Rand
	variables map[string]any
	aliases   int
}

func (g *grower) field(f *ast.FieldDefinition, depth int) string {
	g.aliases++
	var args []string
	for _, a := range f.Arguments {
		if a.Type.NonNull || g.rand.IntN(3) == 0 {
			if v := g.value(a.Name, a.Type, f); v != "" {
				args = append(args, a.Name+": "+v)
			}
		}
	}
	out := fmt.Sprintf("f%d: %s", g.aliases, f.Name)
	if g.rand.IntN(4) > 0 && len(f.Arguments) == 0 {
		out = f.Name
	}
	if len(args) > 0 {
		out += "(" + strings.Join(args, ", ") + ")"
	}
	if len(f.Arguments) == 0 && g.rand.IntN(12) == 0 {
		out += []string{" @skip(if: $no)", " @include(if: $v)", " @skip(if: $v)", " @include(if: $yes)"}[g.rand.IntN(4)]
	}
	return out + g.set(g.schema.Types[f.Type.Name()], depth) + " "
}

// set returns what is selected of a type, "" of a leaf.
func (g *grower) set(def *ast.Definition, depth int) string {
	if def.Kind != ast.Object && def.Kind != ast.Interface {
		return ""
	}
	var fields []string
	for range 1 + g.rand.IntN(5) {
		f := def.Fields[g.rand.IntN(len(def.Fields))]
		composite := g.schema.Types[f.Type.Name()].Kind
		switch {
		case strings.HasPrefix(f.Name, "__"), f.Name == "history" && g.rand.IntN(10) > 0,
			depth > 8 && (composite == ast.Object || composite == ast.Interface):
			fields = append(fields, "__typename")
		case g.rand.IntN(10) == 0 && def.Kind == ast.Object:
			fields = append(fields, "... on "+def.Name+" { "+g.field(f, depth+1)+"}")
		default:
			fields = append(fields, g.field(f, depth+1))
		}
	}
	if def.Kind == ast.Interface {
		for _, t := range g.schema.GetPossibleTypes(def) {
			if g.rand.IntN(2) == 0 {
				fields = append(fields, "... on "+t.Name+g.set(t, depth+1))
			}
		}
	}
	if slices.ContainsFunc(def.Interfaces, func(i string) bool { return i == "Record" }) && g.rand.IntN(8) == 0 {
		fields = append(fields, "... on Record { id version }")
	}
	// The same name must not stand for two fields with other arguments or selections.
	seen := map[string]bool{}
	fields = slices.DeleteFunc(fields, func(f string) bool {
		name := strings.FieldsFunc(f, func(r rune) bool { return r == ' ' || r == '(' })[0]
		if name == "..." {
			return false
		}
		was := seen[name]
		seen[name] = true
		return was
	})
	return " { " + strings.Join(fields, " ") + " }"
}

// value returns an argument's value: mostly a good one.
func (g *grower) value(name string, t *ast.Type, f *ast.FieldDefinition) string {
	odd := g.rand.IntN(25) == 0
	switch {
	case t.Elem != nil:
		return "[" + g.value(name, t.Elem, f) + ", " + g.value(name, t.Elem, f) + "]"
	case name == "first" || name == "last":
		if name == "last" && g.rand.IntN(3) > 0 {
			return ""
		}
		if odd {
			return []string{"-1", "101", "null", "0"}[g.rand.IntN(4)]
		}
		return fmt.Sprint(1 + g.rand.IntN(5))
	case name == "after" || name == "before":
		if odd {
			return `"nonsense"`
		}
		return ""
	case t.NamedType == "ID":
		types := []string{"Client", "Group", "User", "Lead", "Document"}
		of := g.ids[types[g.rand.IntN(len(types))]]
		if own := g.ids[f.Type.Name()]; own != nil && g.rand.IntN(5) > 0 {
			of = own
		}
		if odd || len(of) == 0 {
			return `"nonsense"`
		}
		return fmt.Sprintf("%q", of[g.rand.IntN(len(of))])
	}
	return g.input(g.schema.Types[t.NamedType], f)
}

func (g *grower) input(def *ast.Definition, f *ast.FieldDefinition) string {
	switch def.Kind {
	case ast.Enum:
		return def.EnumValues[g.rand.IntN(len(def.EnumValues))].Name
	case ast.InputObject:
		var fields []string
		for _, field := range def.Fields {
			if !field.Type.NonNull && g.rand.IntN(len(def.Fields)) > 0 {
				continue
			}
			var v string
			if field.Type.Elem != nil {
				v = "[" + g.value(field.Name, field.Type.Elem, f) + "]"
			} else {
				v = g.value(field.Name, field.Type, f)
			}
			fields = append(fields, field.Name+": "+v)
		}
		return "{" + strings.Join(fields, ", ") + "}"
	}
	switch def.Name {
	case "DateTime":
		if g.rand.IntN(10) == 0 {
			return `"yesterday"`
		}
		return []string{`"2020-01-01T00:00:00Z"`, `"2100-01-01T00:00:00.000Z"`}[g.rand.IntN(2)]
	case "Boolean":
		return fmt.Sprint(g.rand.IntN(2) == 0)
	case "SafeInt", "Int":
		return fmt.Sprint(g.rand.IntN(40))
	}
	return []string{`"Client 1"`, `"c"`, `"x@example.com"`, `""`}[g.rand.IntN(4)]
}

// What a body lacks, and how another database may print it, is written as the
// generated code would.
func TestProjectionsReadBodiesOfAnyLayout(t *testing.T) {
	t.Parallel()
	o := &object{names: []string{"b", "a", "o"}}
	x := &projection{}
	base := x.open(o, []byte("{ \"a\" : \"x\\\"}\" ,\n \"o\": {\"b\": [1, {\"a\": \"}]\"}]} , \"b\":-1.5e3 }"))
	var got []string
	for _, s := range x.slots[base:] {
		got = append(got, string(s))
	}
	if want := []string{"-1.5e3", `"x\"}"`, `{"b": [1, {"a": "}]"}]}`}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if x.open(o, []byte(`{}`)); x.slots[3] != nil || x.slots[4] != nil {
		t.Error("an empty body has members")
	}
}
