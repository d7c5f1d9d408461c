package shards

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"gatehouse/shards/pgtest"
)

// asked collects the texts that a shard's Options.Trace is shown.
type asked struct {
	mu    sync.Mutex
	texts map[string]bool
}

func (a *asked) trace(s Statement) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.texts == nil {
		a.texts = map[string]bool{}
	}
	a.texts[s.SQL] = true
}

func (a *asked) take() (texts []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	texts = slices.Sorted(maps.Keys(a.texts))
	a.texts = nil
	return texts
}

// A statement has one text however many ids it names, so it is prepared once.
// On PostgreSQL to write one record has its own, and so has what is so much that
// neighbours are not to wait for it.
func TestOneTextForAnyNumberOfIDs(t *testing.T) {
	t.Parallel()
	onBothWith(t, func(t *testing.T, open func(Options) *Shard) {
		var a asked
		s := open(Options{Trace: a.trace})
		h := s.testHandle(t, "a")
		everything(t, h, "w", 2) // from here on the head is known, on SQLite
		a.take()
		everything(t, h, "x", 2)
		two := a.take()
		if len(two) < 10 {
			t.Errorf("only %q", two)
		}
		for _, n := range []int{0, 1, 3, 50, maxShareOps + 1, 500} {
			everything(t, h, "x", n)
			texts := a.take()
			if n == maxShareOps+1 && s.Spec.Engine == "postgres" {
				two = texts
			}
			if n > 2 && !slices.Equal(texts, two) || len(texts) > len(two) { // of no ids some are not asked for
				t.Errorf("with %d ids\n%s\nwith two\n%s", n, strings.Join(texts, "\n"), strings.Join(two, "\n"))
			}
		}
	})
}

// What a caller sends never is in the text of a statement: neither in what is
// given to the driver, nor in what the driver sends to PostgreSQL.
func TestValuesAreBound(t *testing.T) {
	t.Parallel()
	const mark = "zq'9"
	onBothWith(t, func(t *testing.T, open func(Options) *Shard) {
		var a asked
		s := open(Options{Trace: a.trace})
		everything(t, s.testHandle(t, "account "+mark), mark, 2)
		for _, text := range a.take() {
			if strings.Contains(text, mark) || strings.Contains(text, "zq") {
				t.Errorf("%s", text)
			}
		}
	})
	t.Run("on the wire", func(t *testing.T) {
		t.Parallel()
		c := Cluster.Cluster(t)
		p := pgtest.NewProxy(t, c.Primary)
		var mu sync.Mutex
		texts, bound := 0, 0
		look := func(sent []byte) bool {
			mu.Lock()
			defer mu.Unlock()
			for kind, body := range messages(sent) {
				has := bytes.Contains(body, []byte("zq"))
				switch kind {
				case 'P', 'Q': // Parse, and Query
					texts++
					if has {
						t.Errorf("%s", body)
					}
				case 'B': // Bind
					if has {
						bound++
					}
				}
			}
			return false
		}
		p.Cut.Store(&look)
		s := openPostgresTest(t, c, c.Database(t), Options{}, func(spec *Spec) { onePrimary(spec); spec.DSN = p.DSN(t, spec.DSN) })
		everything(t, s.testHandle(t, "account "+mark), mark, 2)
		mu.Lock()
		defer mu.Unlock()
		if texts < 10 || bound < 10 {
			t.Errorf("%d texts were sent, %d times values", texts, bound)
		}
	})
}

// messages goes through what a PostgreSQL client sent: the kind of each message,
// 0 of what begins a connection, and its body.
func messages(sent []byte) func(yield func(kind byte, body []byte) bool) {
	return func(yield func(byte, []byte) bool) {
		for len(sent) > 4 {
			kind, start := sent[0], 1
			if kind == 0 {
				start = 0
			}
			end := start + int(binary.BigEndian.Uint32(sent[start:]))
			if end > len(sent) || !yield(kind, sent[start+4:end]) {
				return
			}
			sent = sent[end:]
		}
	}
}

// everything writes and reads in all ways, each with n ids; mark is in every value.
func everything(t *testing.T, h *Handle, mark string, n int) {
	t.Helper()
	ctx := context.Background()
	var ids []string
	var in []any
	commit := func(kind ChangeKind, version int64) {
		t.Helper()
		w := &Write{
			Actor: Actor{Kind: ActorUser, ID: mark, Name: mark}, RequestID: mark, Memo: fmt.Appendf(nil, "{%q:1}", mark),
			Key: &IdempotencyKey{Key: fmt.Sprint(mark, kind, n), Field: mark, Input: mark},
		}
		for _, id := range ids {
			body := fmt.Appendf(nil, `{"name":%q,"status":"ACTIVE","externalId":%q}`, id, id)
			w.Ops = append(w.Ops, Op{Kind: kind, Table: "clients", ID: id, Version: version, Body: body, Patch: body})
		}
		if out, err := h.Commit(ctx, w); err != nil || len(out.Refused) > 0 {
			t.Fatal(err, out.Refused)
		}
	}
	for i := range n {
		ids = append(ids, fmt.Sprint("id-", mark, n, "-", i))
		in = append(in, ids[i])
	}
	commit(Created, 0)
	commit(Updated, 1)
	s, at, err := h.open(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	clients := s.Table("clients")
	order := Order{Column: "created_at", Desc: true}
	link := Link{"memberships", "group_id", "user_id"}
	for _, p := range []Page{
		{Table: clients, Order: order, Where: []Condition{{"external_id", In, in}, {"name", StartsWith, mark}}},
		{Table: clients, Order: order, Where: []Condition{{"name", Equal, mark}}, After: &Mark{mark, mark}, Limit: 3},
		{Table: clients, Order: order, By: "group_id", Parents: ids, Limit: 3},
		{Table: s.Table("users"), Order: order, Through: &link, Parents: ids, Limit: 3},
	} {
		if _, err := s.List(ctx, p); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Count(ctx, p); err != nil {
			t.Fatal(err)
		}
	}
	if rows, err := s.Get(ctx, "clients", ids); err != nil || len(rows) != n {
		t.Fatal(len(rows), err)
	}
	if h, err := s.History(ctx, ids, 0, 5); err != nil || len(h) != n {
		t.Fatal(len(h), err)
	}
	if _, err := s.Changes(ctx, 0, at.Seq, nil, 10); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Linked(ctx, link, mark, mark); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Sums(ctx, "leads", "stage", "value", []Condition{{"name", Equal, mark}}); err != nil {
		t.Fatal(err)
	}
	commit(Deleted, 2)
}
