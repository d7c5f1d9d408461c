package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Account a always asks; what it holds of b must be worth nothing. All that is
// asked is found in the schema, so a new field or entity is covered as it is.

// TestIsolationOfReads puts b's ids and texts into every argument of every
// field and edge that can be read.
func TestIsolationOfReads(t *testing.T) {
	t.Parallel()
	inBothWays(t, checkReads)
}

func checkReads(_ *testing.T, w *isoWorld) {
	w.t.Helper()
	before := w.b.dump()
	for _, f := range append(w.rootFields(w.schema.Query), w.edges()...) {
		for _, l := range w.leaves(f) {
			switch {
			case l.typ == "ID":
				for _, k := range w.ids(f, l) {
					own := []any{w.a.records[k][0].id, w.a.records[k][1].id}
					w.checkRead(f, l, w.b.records[k][isoShared].id, isoID(k, "absent", 1), own)
				}
			case l.typ == "String" && !isoCursorName(l.name):
				w.checkRead(f, l, w.b.textOf(f, l, isoShared), strings.Replace(w.b.textOf(f, l, isoShared).(string), "canary-b", "canary-z", 1),
					[]any{w.a.textOf(f, l, 0), w.a.textOf(f, l, 1)})
			case l.typ != "Bookmark" && !isoCursorName(l.name):
				w.askPlain(f, l)
			}
		}
	}
	w.b.untouched("reading", before)
}

// checkRead compares b's value with an unknown one, and makes sure that the
// request would show something if the value were a's.
func (w *isoWorld) checkRead(f isoField, l isoLeaf, foreign, unknown any, own []any) {
	w.t.Helper()
	r := w.operation(f, w.a.arguments(f, &l, foreign), 1)
	nothing := w.a.all.ask(w.operation(f, w.a.arguments(f, &l, unknown), 1)).raw()
	w.differ(l.at, fmt.Sprintf("%q of account b", foreign), r, w.a.all.ask(r).raw(), nothing)
	if !slices.ContainsFunc(own, func(v any) bool {
		return w.a.all.ask(w.operation(f, w.a.arguments(f, &l, v), 1)).raw() != nothing
	}) {
		w.t.Errorf("%s: a's own values answer as unknown ones: the check above proves nothing\n%s\n%s", l.at, r, isoCut(nothing))
	}
}

// askPlain asks with any value: the scanner reads the answer.
func (w *isoWorld) askPlain(f isoField, l isoLeaf) {
	w.t.Helper()
	t := l.arg.Type
	for _, name := range l.path {
		t = w.schema.Types[t.Name()].Fields.ForName(name).Type
	}
	for t.Elem != nil {
		t = t.Elem
	}
	v := w.a.value(w.about(f), l.name, t, func(*isoKind) string { return "" })
	r := w.operation(f, w.a.arguments(f, &l, v), 1)
	if l.name == "direction" { // needs the field beside it; the cursors' test sorts
		return
	}
	if x := w.a.all.ask(r); strings.Contains(x.body, `"INTERNAL"`) {
		w.t.Errorf("%s: %s\n%s", l.at, r, isoCut(x.body))
	}
}

// textOf returns the text that the account's i-th record has where a leaf asks for one.
func (a *isoAccount) textOf(f isoField, l isoLeaf, i int) any {
	if k := a.w.about(f); k != nil {
		if v, ok := a.records[k][i].input[l.name].(string); ok {
			return v
		}
	}
	return "canary-" + a.name + "-none-000000"
}

func isoCursorName(name string) bool { return name == "after" || name == "before" }

// TestIsolationOfWrites puts b's ids and texts into every argument of every
// mutation. What the records of one account are called is free in another.
func TestIsolationOfWrites(t *testing.T) {
	t.Parallel()
	w := newIsoWorld(t)
	n := 0
	for _, f := range w.rootFields(w.schema.Mutation) {
		type pair struct {
			leaf             isoLeaf
			foreign, unknown any
		}
		var pairs []pair
		for _, l := range w.leaves(f) {
			n++
			k := w.about(f)
			tail := isoLast(append([]string{l.arg.Name}, l.path...))
			switch {
			case l.typ == "ID" && tail == "id" && len(l.path) > 0: // to be given to a new record
				w.b.create(k, isoID(k, "spare", n), nil)
				pairs = append(pairs, pair{l, isoID(k, "spare", n), isoID(k, "absent", n)})
			case l.typ == "ID":
				for _, k := range w.ids(f, l) {
					pairs = append(pairs, pair{l, w.b.records[k][isoShared+1].id, isoID(k, "absent", n)})
				}
			case l.typ == "String" && k != nil && len(l.path) > 0:
				in := k.input.Fields.ForName(tail)
				if in == nil || in.Type.Name() != "String" || in.Type.Elem != nil || in.DefaultValue != nil {
					continue
				}
				foreign, unknown := fmt.Sprintf("foreign-%06d", n), fmt.Sprintf("unknown-%06d", n)
				if strings.Contains(strings.ToLower(tail), "email") {
					foreign, unknown = foreign+"@example.com", unknown+"@example.com"
				}
				w.b.create(k, "", map[string]any{tail: foreign})
				pairs = append(pairs, pair{l, foreign, unknown})
			}
		}
		before := w.b.dump()
		for _, p := range pairs {
			r := w.operation(f, w.a.arguments(f, &p.leaf, p.foreign), 1)
			foreign := w.written(r)
			unknown := w.written(w.operation(f, w.a.arguments(f, &p.leaf, p.unknown), 1))
			w.differ(p.leaf.at, fmt.Sprintf("%q of account b", p.foreign), r, foreign, unknown)
			if !strings.Contains(unknown, `"`+f.Name+`":{`) {
				w.t.Errorf("%s: the request is refused as a whole, so the check proves nothing\n%s\n%s", p.leaf.at, r, unknown)
			}
		}
		w.b.untouched(f.at, before)
	}
}

func isoLast(s []string) string { return s[len(s)-1] }

var isoVolatile = []struct {
	what *regexp.Regexp
	name string
}{
	{regexp.MustCompile(`canary-a-([a-z]+)-\d{6}`), "<text>"},
	{regexp.MustCompile(`(foreign|unknown)-\d{6}`), "<text>"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z`), "<time>"},
	{regexp.MustCompile(`_[0-9a-z]{26}\b`), "_<id>"},
	{regexp.MustCompile(`_version":\d+`), `_version":<n>`},
	{regexp.MustCompile(`\nContent-Length [^\n]*`), ""},
}

var isoBookmark = regexp.MustCompile(`("bookmark":"|\nBookmark \[)([\w-]+)`)

// written sends a mutation of a's and returns its answer without what two
// writes of the same can't have in common. Bookmarks are told as what they
// are ahead of the head before.
func (w *isoWorld) written(r isoRequest) string {
	w.t.Helper()
	head := w.a.head()
	text := w.a.all.ask(r).raw()
	text = isoBookmark.ReplaceAllStringFunc(text, func(s string) string {
		m := isoBookmark.FindStringSubmatch(s)
		at, err := w.keys.ParseBookmark(w.a.id, m[2])
		if err != nil {
			w.finding("the bookmark %s is not one of account a\n  request %s\n  answer %s", m[2], r, isoCut(text))
		}
		return fmt.Sprintf("%s%d/%+d", m[1], at.Epoch, at.Seq-head)
	})
	for _, v := range isoVolatile {
		text = v.what.ReplaceAllString(text, v.name)
	}
	return text
}
