package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"gatehouse/shards"
)

// isoStream is a subscription of a client's, over Server-Sent Events. Each of
// its events is looked through for other accounts' canaries.
type isoStream struct {
	c       *isoClient
	request isoRequest
	lines   *bufio.Scanner
}

// watch subscribes, and returns when the stream has begun.
func (c *isoClient) watch(ctx context.Context, r isoRequest) *isoStream {
	w := c.a.w
	w.t.Helper()
	body, err := json.Marshal(map[string]any{"query": r.document + w.fragments(r.document), "variables": r.variables})
	w.must(err)
	req, err := http.NewRequestWithContext(ctx, "POST", w.server.URL+"/graphql", bytes.NewReader(body))
	w.must(err)
	req.Header = http.Header{"Content-Type": {"application/json"}, "Accept": {"text/event-stream"}, "Authorization": {"Bearer " + c.credential}}
	for _, h := range r.header {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	res, err := w.server.Client().Do(req)
	w.must(err)
	w.t.Cleanup(func() { res.Body.Close() })
	if res.StatusCode != http.StatusOK {
		w.t.Fatalf("%s: %s", r, res.Status)
	}
	s := &isoStream{c, r, bufio.NewScanner(res.Body)}
	s.lines.Buffer(nil, 8<<20)
	return s
}

// next returns the next event's response.
func (s *isoStream) next() isoAnswer {
	s.c.a.w.t.Helper()
	for s.lines.Scan() {
		data, ok := strings.CutPrefix(s.lines.Text(), "data: ")
		if !ok {
			continue
		}
		if found := isoForeign(data, s.c.a.name); found != "" {
			s.c.a.w.finding("%s is shown %q by a stream\n  request %s\n  event %s", s.c.who, found, s.request, isoCut(data))
		}
		return isoAnswer{status: http.StatusOK, body: data}
	}
	s.c.a.w.t.Fatalf("%s: the stream has ended: %v", s.request, s.lines.Err())
	return isoAnswer{}
}

// isoStreams returns a context for streams, which ends before the server does.
func isoStreams(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// TestIsolationOfStreams: nobody's stream tells of another account, however
// alike their records, and what a knows of b is worth nothing in one either.
func TestIsolationOfStreams(t *testing.T) {
	t.Parallel()
	w := newIsoWorld(t)
	ctx := isoStreams(t)
	start := w.keys.Bookmark(w.a.id, shards.Position{Epoch: 1, Seq: w.a.head()})
	for _, f := range w.rootFields(w.schema.Subscription) {
		for _, scopes := range [][]string{{w.kinds[0].read}, {w.kinds[0].read, w.kinds[0].write}} {
			c := w.a.with(scopes...)
			r := w.operation(f, nil, 1)
			c.forbidden(f, r, c.watch(ctx, r).next())
		}
		w.b.all.watch(ctx, w.operation(f, nil, 2))
		whole := w.a.all.watch(ctx, w.operation(f, nil, 2))
		for _, other := range []*isoAccount{w.b, w.c} {
			for _, m := range w.rootFields(w.schema.Mutation) {
				args := other.arguments(m, nil, nil)
				if strings.HasPrefix(m.Name, "delete") {
					args["id"] = other.create(w.about(m), isoID(w.about(m), "spare", 2), nil).id
				}
				other.all.ask(w.operation(m, args, 1))
			}
		}
		w.a.create(w.kinds[0], isoID(w.kinds[0], "spare", 3), nil)
		x := whole.next()
		if list, _ := x.data(f.Name, "changes").([]any); len(x.codes()) > 0 || len(list) != 1 || !strings.Contains(x.body, "spare") {
			w.finding("%s: account a's stream tells of others' writes, or fails\n  event %s", f.at, isoCut(x.body))
		}
		for _, l := range w.leaves(f) {
			w.checkStream(ctx, f, l, start)
		}
	}
	foreign := w.keys.Bookmark(w.b.id, shards.Position{Epoch: 1, Seq: 1})
	for _, f := range w.rootFields(w.schema.Subscription) {
		for _, text := range []string{foreign, isoForged(foreign)} {
			r := w.operation(f, nil, 1)
			r.header = []string{"Last-Event-ID: " + text}
			if x := w.a.all.watch(ctx, r).next(); x.codes()[f.Name] != "BOOKMARK_INVALID" {
				w.finding("%s: Last-Event-ID %s is answered %s", f.at, text, isoCut(x.body))
			}
		}
	}
}

// checkStream compares b's value with an unknown one in an argument of a stream.
func (w *isoWorld) checkStream(ctx context.Context, f isoField, l isoLeaf, start string) {
	w.t.Helper()
	events := func(v any) string {
		args := map[string]any{"after": start}
		args[l.arg.Name] = v
		return w.a.all.watch(ctx, w.operation(f, args, 1)).next().raw()
	}
	switch l.typ {
	case "Bookmark":
		foreign := w.keys.Bookmark(w.b.id, shards.Position{Epoch: 1, Seq: 1})
		w.differ(l.at, "a bookmark of account b", isoRequest{}, events(foreign), events(isoForged(foreign)))
		if own := events(start); own == events(foreign) {
			w.t.Errorf("%s: a's own bookmark answers as an unknown one", l.at)
		}
	case "ID":
		k := w.kinds[0]
		theirs := w.b.create(k, isoID(k, "spare", 4), nil).id
		w.b.do(isoField{FieldDefinition: w.schema.Mutation.Fields.ForName("delete" + k.name), mutation: true}, map[string]any{"id": theirs})
		own := w.a.create(k, "", nil).id
		for range 100 { // until an event must come, with or without changes
			w.a.create(k, "", nil)
		}
		w.differ(l.at, "a record of account b", isoRequest{}, events(theirs), events(isoID(k, "absent", 1)))
		if !strings.Contains(events(own), own) {
			w.t.Errorf("%s: a's own record answers as an unknown one", l.at)
		}
	}
}
