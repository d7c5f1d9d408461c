package main

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// everything asks account a for all that can be read without knowing anything.
func (a *isoAccount) everything() map[string]string {
	a.w.t.Helper()
	out := map[string]string{}
	for _, f := range append(a.w.rootFields(a.w.schema.Query), a.w.edges()...) {
		out[f.at] = a.all.ask(a.w.operation(f, a.arguments(f, nil, nil), 2)).raw()
	}
	return out
}

// TestIsolationOfEffects: whatever others write, an account's answers stay the
// same to the byte, its totals and its bookmarks, too.
func TestIsolationOfEffects(t *testing.T) {
	t.Parallel()
	w := newIsoWorld(t)
	before, rows := w.a.everything(), w.a.dump()
	for _, other := range []*isoAccount{w.b, w.c} {
		for _, k := range w.kinds {
			other.create(k, "", nil)
		}
		links := w.links()
		for _, f := range w.rootFields(w.schema.Mutation) {
			args := other.arguments(f, nil, nil)
			if r := w.operation(f, args, 2); strings.HasPrefix(f.Name, "delete") {
				args["id"] = other.create(w.about(f), isoID(w.about(f), "spare", 1), nil).id
				other.do(f, args)
			} else if x := other.all.ask(r); len(x.codes()) > 0 {
				t.Errorf("%s\n%s", r, x.body)
			}
		}
		for _, f := range links { // and joins what a has not joined
			args := map[string]any{}
			for n, arg := range f.Arguments {
				args[arg.Name] = other.records[w.target(nil, arg.Name)][2*n].id
			}
			other.do(f, args)
		}
	}
	w.a.untouched("others' writes", rows)
	for at, after := range w.a.everything() {
		w.differ(at, "a after others' writes", isoRequest{}, after, before[at])
	}
}

// TestIsolationOfRequests: nothing that a client may choose names an account,
// and no two answers of one response are mixed up.
func TestIsolationOfRequests(t *testing.T) {
	t.Parallel()
	w := newIsoWorld(t)
	for _, f := range w.rootFields(w.schema.Query) {
		plain := w.operation(f, w.a.arguments(f, nil, nil), 1)
		want := w.a.all.ask(plain).raw()
		for _, name := range []string{
			"X-Account-Id", "X-Account", "Account", "Account-Id", "X-Tenant", "X-Tenant-Id", "Tenant", "X-Org-Id", "X-User", "X-Forwarded-User",
			"Gatehouse-Account", "X-Gatehouse-Account", "X-Forwarded-Host", "X-Original-Host", "Forwarded", "Cookie", "X-Shard", "X-Scopes", "X-Role",
		} {
			r := plain
			value := w.b.id
			switch name {
			case "Cookie":
				value = "account=" + w.b.id + "; token=" + w.b.all.credential
			case "X-Shard":
				value = "two"
			}
			r.header = []string{name + ": " + value}
			w.differ(f.at, "a header "+name+" of account b", r, w.a.all.ask(r).raw(), want)
		}
		for _, name := range []string{"account", "accountId", "account_id", "tenant", "access_token"} {
			r := plain
			r.query = "?" + name + "=" + w.b.id
			w.differ(f.at, "an address with account b", r, w.a.all.ask(r).raw(), want)
			r = plain
			r.extensions = map[string]any{name: w.b.id}
			w.differ(f.at, "extensions with account b", r, w.a.all.ask(r).raw(), want)
		}
	}
	for _, l := range w.lists() {
		w.checkAliases(l)
	}
}

// checkAliases asks for a list twice in one request, with other arguments.
func (w *isoWorld) checkAliases(l isoList) {
	w.t.Helper()
	field := func(alias string, first int) string {
		return fmt.Sprintf("%s: %s(first: %d) %s ", alias, l.Name, first, w.selection(l.Type.Name(), 1))
	}
	ask := func(fields string) isoAnswer {
		return w.a.all.ask(isoRequest{document: "query { " + l.open + fields + l.close + " }"})
	}
	both, one, two := ask(field("one", 1)+field("two", 2)), ask(field("one", 1)), ask(field("two", 2))
	for alias, apart := range map[string]isoAnswer{"one": one, "two": two} {
		want, got := isoNamed(apart.data(), alias), isoNamed(both.data(), alias)
		if len(want) == 0 || !reflect.DeepEqual(got, want) {
			w.finding("%s: two lists of one response are mixed up\n  together %s\n  apart %s", l.at, isoCut(both.body), isoCut(apart.body))
		}
	}
}

// isoNamed returns the values of all members of that name, however deep.
func isoNamed(v any, name string) []any {
	var out []any
	switch v := v.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			if key == name {
				out = append(out, v[key])
			}
			out = append(out, isoNamed(v[key], name)...)
		}
	case []any:
		for _, e := range v {
			out = append(out, isoNamed(e, name)...)
		}
	}
	return out
}
