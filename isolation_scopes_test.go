package main

import (
	"strings"
	"testing"
)

// shownKinds reports canaries of other kinds than those that a caller may read.
func (c *isoClient) shownKinds(at string, r isoRequest, x isoAnswer, kinds ...*isoKind) {
	c.a.w.t.Helper()
	may := map[string]bool{"actor": true, "key": true, "account": true, "id": true}
	for _, k := range kinds {
		may[strings.ToLower(k.name)] = true
	}
	for _, m := range isoCanary.FindAllStringSubmatch(x.body, -1) {
		if !may[strings.ToLower(m[2])] {
			c.a.w.finding("%s: %s is shown %s\n  request %s\n  answer %s", at, c.who, m[0], r, isoCut(x.body))
			return
		}
	}
}

// forbidden reports an answer that does not refuse the field for want of a scope.
func (c *isoClient) forbidden(f isoField, r isoRequest, x isoAnswer) {
	c.a.w.t.Helper()
	for path, code := range x.codes() {
		if code == "FORBIDDEN" && (path == f.Name || strings.HasSuffix(path, "."+f.Name)) {
			return
		}
	}
	c.a.w.finding("%s: %s is not refused\n  request %s\n  answer %s", f.at, c.who, r, isoCut(x.body))
}

// TestIsolationOfScopes: whoever may read one type of records sees no other,
// by whatever edge.
func TestIsolationOfScopes(t *testing.T) {
	t.Parallel()
	inBothWays(t, checkScopes)
}

func checkScopes(_ *testing.T, w *isoWorld) {
	w.t.Helper()
	for _, k := range w.kinds {
		reader, feed := w.a.with(k.read), w.a.with(k.read, "changes:read")
		for _, f := range w.rootFields(w.schema.Query) {
			need, to := isoScope(f.FieldDefinition), w.leads(f.FieldDefinition)
			// With nothing of other types below it, too: no edge then refuses in its place.
			for levels := range isoLevels {
				r := w.operation(f, w.a.arguments(f, nil, nil), levels)
				x := reader.ask(r)
				reader.shownKinds(f.at, r, x, k)
				if need != "" && need != k.read || to != nil && to != k {
					reader.forbidden(f, r, x)
				}
			}
		}
		for _, f := range w.edges() {
			to := w.leads(f.FieldDefinition)
			if to == nil || to == k {
				continue
			}
			levels := 1
			if strings.HasSuffix(f.Type.Name(), "Connection") {
				levels = 2
			}
			r := w.operation(f, w.a.arguments(f, nil, nil), levels)
			x := reader.ask(r)
			reader.shownKinds(f.at, r, x, k)
			if !strings.HasPrefix(f.at, k.name+".") { // else it is not reached at all
				continue
			}
			reader.forbidden(f, r, x)
		}
		for _, other := range w.kinds {
			w.checkNodes(feed, k, other)
		}
	}
}

// checkNodes asks for records by fields that lead to every kind.
func (w *isoWorld) checkNodes(feed *isoClient, k, other *isoKind) {
	w.t.Helper()
	id := w.a.records[other][0].id
	for _, f := range append(w.rootFields(w.schema.Query), w.edges()...) {
		if def := w.schema.Types[f.Type.Name()]; def.IsAbstractType() {
			args := map[string]any{}
			for _, arg := range f.Arguments {
				if arg.Type.Elem != nil {
					args[arg.Name] = []any{w.a.records[k][0].id, id}
				} else {
					args[arg.Name] = id
				}
			}
			r := w.operation(f, args, 1)
			x := feed.ask(r)
			feed.shownKinds(f.at, r, x, k)
			if other != k {
				feed.forbidden(f, r, x)
			}
		}
	}
}

// TestIsolationOfWriters: whoever may write but not read sees no record, and
// whoever may write one type sees no other.
func TestIsolationOfWriters(t *testing.T) {
	t.Parallel()
	w := newIsoWorld(t)
	for _, k := range w.kinds {
		writer, both := w.a.with(k.write), w.a.with(k.write, k.read)
		for _, f := range w.rootFields(w.schema.Mutation) {
			need := isoScope(f.FieldDefinition)
			if need == "" {
				t.Errorf("%s needs no scope", f.at)
			}
			r := w.operation(f, w.a.arguments(f, nil, nil), 2)
			if need != k.write {
				writer.forbidden(f, r, writer.ask(r))
				continue
			}
			x := writer.ask(r)
			writer.shownKinds(f.at, r, x)
			if len(x.codes()) > 0 {
				t.Errorf("%s: %s can't write\n%s\n%s", f.at, writer.who, r, x.body)
			}
			r = w.operation(f, w.a.arguments(f, nil, nil), 2)
			both.shownKinds(f.at, r, both.ask(r), k)
			for _, arg := range f.Arguments { // a patch that changes nothing must not be a way to read
				if arg.Name == "patch" {
					r := w.operation(f, map[string]any{"id": w.a.records[k][1].id, "patch": map[string]any{}}, 2)
					writer.shownKinds(f.at, r, writer.ask(r))
				}
			}
		}
	}
}
