package main

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2/ast"

	"gatehouse/shards"
)

// isoList is a field with cursors, in one order.
type isoList struct {
	isoField
	at    string
	args  map[string]any
	nodes string // the type of what is listed
}

// lists returns every list with cursors, in every order that it has.
func (w *isoWorld) lists() []isoList {
	var out []isoList
	for _, f := range append(w.rootFields(w.schema.Query), w.edges()...) {
		page := w.schema.Types[f.Type.Name()]
		if f.Arguments.ForName("after") == nil || page.Fields.ForName("edges") == nil {
			continue
		}
		l := isoList{f, f.at, map[string]any{}, page.Fields.ForName("nodes").Type.Name()}
		out = append(out, l)
		by := f.Arguments.ForName("orderBy")
		if by == nil {
			continue
		}
		fields := w.schema.Types[w.schema.Types[by.Type.Name()].Fields.ForName("field").Type.Name()]
		for _, v := range fields.EnumValues {
			l.at, l.args = f.at+" by "+v.Name, map[string]any{"orderBy": map[string]any{"field": v.Name}}
			out = append(out, l)
		}
	}
	return out
}

// ask asks for the list with a cursor as one of its arguments.
func (l isoList) ask(a *isoAccount, name, cursor string) (isoRequest, isoAnswer) {
	args := maps.Clone(l.args)
	if name != "" {
		args[name] = cursor
	}
	r := a.w.operation(l.isoField, args, 1)
	return r, a.all.ask(r)
}

// cursor returns the cursor of the list's first record in the account.
func (l isoList) cursor(a *isoAccount) string {
	a.w.t.Helper()
	r, x := l.ask(a, "", "")
	const before = `"cursor":"`
	_, text, _ := strings.Cut(x.body, before)
	cursor, _, ok := strings.Cut(text, `"`)
	if !ok {
		a.w.t.Fatalf("%s: no cursor for account %s\n%s\n%s", l.at, a.name, r, isoCut(x.body))
	}
	return cursor
}

// isoForged returns a token that nobody has issued: the MAC is another one.
func isoForged(token string) string {
	other := "A"
	if token[0] == 'A' {
		other = "B"
	}
	return other + token[1:]
}

// TestIsolationOfCursors: a cursor is good for one account, one list and one order.
func TestIsolationOfCursors(t *testing.T) {
	t.Parallel()
	w := newIsoWorld(t)
	lists := w.lists()
	own := map[string]string{}
	for _, l := range lists {
		own[l.at] = l.cursor(w.a)
	}
	for _, l := range lists {
		foreign := l.cursor(w.b)
		for _, name := range []string{"after", "before"} {
			if l.Arguments.ForName(name) == nil {
				continue
			}
			_, forged := l.ask(w.a, name, isoForged(foreign))
			refused := forged.raw()
			r, x := l.ask(w.a, name, foreign)
			w.differ(l.at, "a cursor of account b", r, x.raw(), refused)
			if r, x := l.ask(w.a, name, own[l.at]); len(x.codes()) > 0 {
				w.t.Errorf("%s: its own cursor is refused\n%s\n%s", l.at, r, isoCut(x.body))
			}
			for _, other := range lists {
				// All histories are one list: of changes, newest first, whosever they are.
				histories := l.nodes == "Change" && other.nodes == "Change"
				oneStep := l.isoField.at == other.isoField.at || fmt.Sprint(l.args) == fmt.Sprint(other.args)
				if name != "after" || other.at == l.at || histories || !oneStep {
					continue
				}
				r, x := l.ask(w.a, name, own[other.at])
				w.differ(l.at, "a cursor of "+other.at, r, x.raw(), refused)
			}
		}
	}
}

// TestIsolationOfBookmarks: a bookmark is good for one account.
func TestIsolationOfBookmarks(t *testing.T) {
	t.Parallel()
	w := newIsoWorld(t)
	fields := append(w.rootFields(w.schema.Query), w.rootFields(w.schema.Mutation)...)
	of := func(a *isoAccount) string { // as old as can be, so that no account is behind it
		return a.w.keys.Bookmark(a.id, shards.Position{Epoch: 1, Seq: 1})
	}
	foreign := of(w.b)
	before := w.a.dump() + w.b.dump()
	for _, f := range fields {
		plain := w.operation(f, w.a.arguments(f, nil, nil), 1)
		for what, with := range map[string]func(string) isoRequest{
			"header":     func(s string) isoRequest { r := plain; r.header = []string{"Bookmark: " + s}; return r },
			"extensions": func(s string) isoRequest { r := plain; r.extensions = map[string]any{"bookmark": s}; return r },
		} {
			forged := w.a.all.ask(with(isoForged(foreign)))
			w.differ(f.at+" ("+what+")", "a bookmark of account b", with(foreign), w.a.all.ask(with(foreign)).raw(), forged.raw())
			if code := forged.codes()[""]; code != "BOOKMARK_INVALID" {
				t.Errorf("%s: a forged bookmark is answered %s\n%s", f.at, code, isoCut(forged.body))
			}
		}
	}
	if after := w.a.dump() + w.b.dump(); after != before {
		w.finding("a mutation with a foreign bookmark has written")
	}
	for _, f := range append(w.rootFields(w.schema.Query), w.edges()...) {
		for _, l := range w.leaves(f) {
			if l.typ == "Bookmark" {
				w.checkRead(f, l, foreign, isoForged(foreign), []any{of(w.a)})
			}
		}
	}
}

// TestIsolationOfKeys: an idempotency key is the account's own, whatever
// others have used it for, and for the same input, too.
func TestIsolationOfKeys(t *testing.T) {
	t.Parallel()
	w := newIsoWorld(t)
	send := func(a *isoAccount, f isoField, args map[string]any, key string) isoAnswer {
		r := w.operation(f, args, 1)
		r.header = []string{"Idempotency-Key: " + key}
		return a.all.ask(r)
	}
	for i, f := range w.rootFields(w.schema.Mutation) {
		k, key := w.about(f), fmt.Sprint("key-", i)
		if k == nil || f.Name != k.create.Name {
			send(w.b, f, w.b.arguments(f, nil, nil), key)
			mine := w.a.arguments(f, nil, nil)
			if x := send(w.a, f, mine, key); len(x.codes()) > 0 {
				w.finding("%s: a key that account b has used is refused\n  request %v\n  answer %s", f.at, mine, x.body)
			}
			continue
		}
		for _, same := range []bool{false, true} {
			key := fmt.Sprintf("%s-%t", key, same)
			theirs, mine := w.b.arguments(f, nil, nil), w.a.arguments(f, nil, nil)
			if same { // texts of nobody's, so that the input can be b's and a's
				plain := map[string]any{"input": w.c.plain(k, k.input, i)}
				theirs, mine = plain, plain
			}
			if x := send(w.b, f, theirs, key); !isoDone(f, x) {
				t.Fatalf("%s of b: %v\n%s", f.at, theirs, x.body)
			}
			before, head := w.b.dump(), w.a.head()
			x := send(w.a, f, mine, key)
			if !isoDone(f, x) || w.a.head() != head+1 {
				w.finding("%s: a key that account b has used has another effect than a new one\n  request %v\n  answer %s", f.at, mine, x.body)
			}
			if again := send(w.a, f, mine, key); again.body != x.body || w.a.head() != head+1 {
				t.Errorf("%s: the key is not a's own either\n%s\n%s", f.at, x.body, again.body)
			}
			w.b.untouched(f.at, before)
		}
	}
}

// isoDone reports whether a mutation has succeeded and shows a record.
func isoDone(f isoField, x isoAnswer) bool {
	errors, _ := x.data(f.Name, "errors").([]any)
	payload, _ := x.data(f.Name).(map[string]any)
	for _, v := range payload {
		if _, ok := v.(map[string]any); ok {
			return len(errors) == 0 && len(x.codes()) == 0
		}
	}
	return false
}

// plain returns an input whose texts are nobody's.
func (a *isoAccount) plain(k *isoKind, def *ast.Definition, n int) map[string]any {
	out := a.object(k, def, func(to *isoKind) string { return a.first(to, 0) })
	var strip func(v any) any
	strip = func(v any) any {
		switch v := v.(type) {
		case map[string]any:
			for name := range v {
				v[name] = strip(v[name])
			}
		case []any:
			for i := range v {
				v[i] = strip(v[i])
			}
		case string:
			return strings.Replace(v, "canary-"+a.name, fmt.Sprint("plain-", n), 1)
		}
		return v
	}
	return strip(out).(map[string]any)
}
