package resolvers

import (
	"context"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/99designs/gqlgen/graphql"

	"gatehouse/tenancy"
)

// answerInParts returns the responses to a query that may come in parts.
func (w *world) answerInParts(t *testing.T, r *tenancy.Request, query string, variables map[string]any, between func()) []*graphql.Response {
	t.Helper()
	r.Incremental = true
	ctx := tenancy.WithRequest(context.Background(), r)
	rc, errs := w.exec.CreateOperationContext(ctx, &graphql.RawParams{Query: query, Variables: variables})
	if errs != nil {
		t.Fatal(errs)
	}
	next, ctx := w.exec.DispatchOperation(ctx, rc)
	var out []*graphql.Response
	for res := next(ctx); res != nil; res = next(ctx) {
		out = append(out, res)
		if between != nil && len(out) == 1 {
			between()
		}
	}
	return out
}

// assemble puts the parts together, as a client does.
func assemble(t *testing.T, parts []*graphql.Response) any {
	t.Helper()
	var whole any
	if err := json.Unmarshal(parts[0].Data, &whole); err != nil {
		t.Fatal(err)
	}
	for _, part := range parts[1:] {
		var list []struct {
			Data map[string]any
			Path []any
		}
		if err := json.Unmarshal(part.Data, &list); err != nil {
			t.Fatalf("%s: %v", part.Data, err)
		}
		for _, one := range list {
			at := whole
			for _, step := range one.Path {
				switch s := step.(type) {
				case string:
					at = at.(map[string]any)[s]
				case float64:
					at = at.([]any)[int(s)]
				}
			}
			merge(at.(map[string]any), one.Data)
		}
	}
	return whole
}

func merge(into, from map[string]any) {
	for k, v := range from {
		if a, ok := into[k].(map[string]any); ok {
			if b, ok := v.(map[string]any); ok {
				merge(a, b)
				continue
			}
		}
		into[k] = v
	}
}

var deferring = []string{
	`{ ... @defer { viewer { actor { id } } } }`,
	`{ viewer { account { name } ... @defer(label: "use") { account { usage { clients groups } } } } }`,
	`{ clients(first: 3) { nodes { id ... @defer { name group { name } } } pageInfo { hasNextPage } } }`,
	`{ clients(first: 3) { nodes { id ...F @defer(label: "f") } } leads(first: 1) { nodes { name } } } fragment F on Client { owner { name ... @defer { email } } group { members { nodes { name } } } }`,
	`{ groups(first: 2) { ... on GroupConnection @defer { totalCount nodes { name } } } }`,
	`query($on: Boolean!) { clients(first: 2) { nodes { ... @defer(if: $on) { name } } } }`,
	`query($on: Boolean!) { groups { nodes { name ... @defer { id } ... @defer @skip(if: $on) { createdAt } } } }`,
	`{ leadPipeline { stage ... @defer { count leads(first: 1) { nodes { name } } } } }`,
	`{ a: groups { nodes { ...G } } } fragment G on Group { id ... @defer { x: name y: name } }`,
}

// Put together, the parts are the answer; where it comes whole it is so too.
func TestDeferredPartsMakeTheAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "a")
	w.fill("a", 3)
	for _, query := range deferring {
		variables := map[string]any{"on": true}
		plain := strings.ReplaceAll(query, "@defer(if: $on)", "@include(if: $on)")
		for _, d := range []string{`@defer(label: "use")`, `@defer(label: "f")`, `@defer`} {
			plain = strings.ReplaceAll(plain, d, "")
		}
		data, errs := w.run(w.request("a"), plain, variables)
		if errs != nil {
			t.Fatal(plain, errs)
		}
		var want any
		if err := json.Unmarshal([]byte(data), &want); err != nil {
			t.Fatal(err)
		}
		whole, errs := w.run(w.request("a"), query, variables)
		if errs != nil || whole != data {
			t.Errorf("%s\nat once: %s %v\nwant     %s", query, whole, errs, data)
		}
		parts := w.answerInParts(t, w.request("a"), query, variables, nil)
		if len(parts) != 2 || !*parts[0].HasNext || *parts[1].HasNext || len(parts[0].Data) >= len(data) {
			t.Fatalf("%s: got %+v", query, parts)
		}
		if got := assemble(t, parts); !reflect.DeepEqual(got, want) {
			t.Errorf("%s\nin parts: %s %s\nwant      %s", query, parts[0].Data, parts[1].Data, data)
		}
	}
	// What is not deferred after all comes at once.
	off := w.answerInParts(t, w.request("a"), `query($on: Boolean!) { groups { nodes { ... @defer(if: $on) { name } } } }`, map[string]any{"on": false}, nil)
	if len(off) != 1 || off[0].HasNext != nil || !strings.Contains(string(off[0].Data), "Group 1") {
		t.Errorf("got %+v", off)
	}
	// A mutation and a subscription have no parts.
	for _, m := range w.answerInParts(t, w.request("a"), `mutation { createGroup(input: {name: "G"}) { ... @defer { group { name } } } }`, nil, nil) {
		if m.HasNext != nil || !strings.Contains(string(m.Data), `"name":"G"`) {
			t.Errorf("got %s", m.Data)
		}
	}
	s := w.subscribe(t, w.request("a"), `subscription { changes { changes { ... @defer { kind record { id } } } } }`)
	w.must("a", `mutation { createGroup(input: {name: "H"}) { bookmark } }`, nil)
	if data, _ := s.event(); !strings.Contains(data, `"kind":"CREATED","record":{"id":"group_`) {
		t.Errorf("got %s", data)
	}
}

// Both parts are one query's: one snapshot (invariant 4).
func TestDeferredPartsAreOfOneSnapshot(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "a")
	w.fill("a", 2)
	write := func() { w.must("a", `mutation { createGroup(input: {name: "Later"}) { bookmark } }`, nil) }
	parts := w.answerInParts(t, w.request("a"), `{ groups(first: 1) { nodes { id } } ... @defer { all: groups { totalCount } } }`, nil, write)
	if len(parts) != 2 || !strings.Contains(string(parts[1].Data), `"totalCount":2`) {
		t.Errorf("got %s", parts[1].Data)
	}
	// And it is closed in the end: else the shard would wait for it when the test is over.
}

func TestErrorsOfDeferredParts(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "a")
	w.fill("a", 2)
	r := w.request("a")
	r.Caller.Scopes = tenancy.NewScopes("groups:read")
	parts := w.answerInParts(t, r, `{ user(id: "user_00000000000000000000000000") { id } groups(first: 1) { nodes { id ... @defer { members { totalCount } } } } }`, nil, nil)
	if len(parts) != 1 && (len(parts[0].Errors) != 1 || parts[0].Errors[0].Path.String() != "user") {
		t.Errorf("got %+v", parts[0])
	}
	if len(parts) != 2 || len(parts[1].Errors) != 0 || strings.Count(string(parts[1].Data), "FORBIDDEN") != 1 {
		t.Errorf("got %s %v", parts[1].Data, parts[1].Errors)
	}
}
