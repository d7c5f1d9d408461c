package shards

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"gatehouse/shards/pgtest"
)

// A read is one round trip for its first statement and one for each of the
// others, or for several that are asked together, and one for its end where it
// is not told which are the last; a group of writes is one. Connections are used
// before they are counted, since each prepares a statement when it first meets it.
func TestRoundTrips(t *testing.T) {
	t.Parallel()
	c := Cluster.Cluster(t)
	db := c.Database(t)
	p := pgtest.NewProxy(t, c.Primary)
	s := openPostgresTest(t, c, db, Options{}, func(spec *Spec) {
		onePrimary(spec)
		spec.DSN = p.DSN(t, spec.DSN) + "?pool_max_conns=1"
	})
	s.engine.(*postgresEngine).writes.ring = func(string) {} // which nobody waits for
	ctx := context.Background()
	h := s.testHandle(t, "a")
	n := 0
	create := func() *Write {
		n++
		w := &Write{Ops: []Op{createGroup(fmt.Sprint("g", n), fmt.Sprint("G", n))}}
		for i := range 10 {
			w.Ops = append(w.Ops, createGroup(fmt.Sprint("g", n, "_", i), fmt.Sprint("G", n, " ", i)))
		}
		return w
	}
	read := func(statements int, last bool) func() error {
		return func() error {
			snap, err := h.Snapshot(ctx)
			if err != nil {
				return err
			}
			defer snap.Close()
			for i := range statements {
				if last && i == statements-1 {
					snap.Last()
				}
				if _, err := snap.Get(ctx, "groups", []string{"g1"}); err != nil {
					return err
				}
			}
			_, err = snap.Position(ctx)
			return err
		}
	}
	for _, test := range []struct {
		name string
		do   func() error
		want int64
	}{
		{"a write of 11 records", func() error { _, err := h.Commit(ctx, create()); return err }, 1},
		{"a bookmark that is known", func() error { _, err := h.Bookmark(ctx); return err }, 0},
		{"a bookmark that is not", func() error { _, err := s.again("a").Bookmark(ctx); return err }, 1},
		{"the head", func() error { _, err := h.Head(ctx); return err }, 1},
		{"a read of one statement", read(1, false), 2},
		{"a read of its last statement", read(1, true), 1},
		{"a read of three statements", read(3, false), 4},
		{"a read of three statements and no other", read(3, true), 3},
		{"records and what they refer to", func() error {
			snap, err := h.Snapshot(ctx)
			if err != nil {
				return err
			}
			defer snap.Close()
			snap.Last()
			_, err = snap.GetAll(ctx, Wanted{Table: "clients", IDs: []string{"c"}, With: []string{"groupId", "ownerId"}})
			return err
		}, 1},
		{"a read of three tables, twice", func() error {
			snap, err := h.Snapshot(ctx)
			if err != nil {
				return err
			}
			defer snap.Close()
			if _, err := snap.Get(ctx, "groups", []string{"g1"}); err != nil {
				return err
			}
			for range 2 {
				if _, err := snap.GetAll(ctx, Wanted{Table: "groups", IDs: []string{"g1"}}, Wanted{Table: "users", IDs: []string{"u"}}, Wanted{Table: "clients"}); err != nil {
					return err
				}
			}
			return nil
		}, 4},
		{"a write with a key", func() error {
			w := create()
			w.Key = &IdempotencyKey{Key: fmt.Sprint("k", n), Field: "f", Input: "i"}
			_, err := h.Commit(ctx, w)
			return err
		}, 1},
	} {
		least := int64(1 << 20)
		for range 4 { // the first prepares the statements; in any of them the gateway may listen for its bell
			p.Settle()
			p.Trips.Store(0)
			if err := test.do(); err != nil {
				t.Fatal(test.name, err)
			}
			eventually(t, test.name+" has taken its round trips", func() bool { return p.Trips.Load() >= test.want })
			p.Settle()
			least = min(least, p.Trips.Load())
		}
		// The end of a read is a trip too where it goes alone, but one that nobody waits for.
		if least != test.want {
			t.Errorf("%s took %d round trips, want %d", test.name, least, test.want)
		}
	}
}

// What one write does alike to many records, or many writes to one each, is one
// statement; and two updates of one record from one version are not both made.
func TestWhatIsDoneAlikeIsOneStatement(t *testing.T) {
	t.Parallel()
	c := Cluster.Cluster(t)
	var statements atomic.Int64
	s := openPostgresTest(t, c, c.Database(t), Options{Trace: func(Statement) { statements.Add(1) }}, onePrimary)
	h := s.testHandle(t, "a")
	ctx := context.Background()
	whole := func(kind ChangeKind, from, to int, version int64) *Write {
		w := &Write{Partial: true}
		for i := from; i < to; i++ {
			body := fmt.Appendf(nil, `{"name":"Client %d %d","status":"ACTIVE"}`, i, version)
			w.Ops = append(w.Ops, Op{Kind: kind, Table: "clients", ID: fmt.Sprint("c", i), Version: version, Body: body, Patch: body})
		}
		return w
	}
	mixed := whole(Updated, 0, 125, 1)
	mixed.Ops = append(mixed.Ops, whole(Created, 250, 375, 0).Ops...)
	for _, test := range []struct {
		name string
		w    *Write
		want int64
	}{
		{"one", whole(Created, 1000, 1001, 0), 1}, // with the head's
		{"250 created", whole(Created, 0, 250, 0), 1},
		{"125 updated, 125 created", mixed, 2},
		{"250 deleted", whole(Deleted, 125, 375, 1), 1},
	} {
		if test.name == "250 deleted" {
			for i := range test.w.Ops {
				test.w.Ops[i].Patch = nil
			}
		}
		statements.Store(0)
		if out, err := h.Commit(ctx, test.w); err != nil || len(out.Refused) > 0 {
			t.Fatal(test.name, out, err)
		}
		if got := statements.Load(); got != test.want {
			t.Errorf("%s took %d statements, want %d", test.name, got, test.want)
		}
	}
	var writes []*Write
	for _, id := range []string{"c1", "c1", "c2"} {
		w := whole(Updated, 0, 1, 2)
		w.Ops[0].ID = id
		writes = append(writes, w)
	}
	outs, errs := s.transact(t, "a", writes...)
	var refusal *Refusal
	if errs[0] != nil || errs[2] != nil || !errors.As(errs[1], &refusal) || refusal.Reason != Conflict {
		t.Errorf("got %v", errs)
	}
	if outs[2].Position.Seq != 6 {
		t.Errorf("the last write is at %+v", outs[2].Position)
	}
}

// A group has its parent before it, and is there as long as one that it is the
// parent of, also among writes that are made together.
func TestWhatRefersToItsOwnTableIsMadeInOrder(t *testing.T) {
	t.Parallel()
	c := Cluster.Cluster(t)
	s := openPostgresTest(t, c, c.Database(t), Options{}, onePrimary)
	s.testHandle(t, "a")
	child := createGroup("child", "Child")
	child.Body = []byte(`{"name":"Child","parentId":"parent"}`)
	parent := createGroup("parent", "Parent")
	gone := func(id string) Op { return Op{Kind: Deleted, Table: "groups", ID: id, Version: 1} }
	one := func(op Op) *Write { return &Write{Ops: []Op{op}} }
	for _, test := range []struct {
		name   string
		writes []*Write
		want   []Reason
	}{
		{"a child and its parent, by one", []*Write{{Ops: []Op{child, parent}}}, []Reason{NotFound}},
		{"a child and its parent", []*Write{one(child), one(parent)}, []Reason{NotFound, ""}},
		{"a child", []*Write{one(child)}, []Reason{""}},
		{"a parent and its child go", []*Write{one(gone("parent")), one(gone("child"))}, []Reason{InUse, ""}},
		{"a parent goes", []*Write{one(gone("parent"))}, []Reason{""}},
		{"a parent and its child", []*Write{one(parent), one(child)}, []Reason{"", ""}},
		{"a child and its parent go", []*Write{one(gone("child")), one(gone("parent"))}, []Reason{"", ""}},
	} {
		_, errs := s.transact(t, "a", test.writes...)
		for i, err := range errs {
			var refusal *Refusal
			errors.As(err, &refusal)
			if refusal == nil && (err != nil || test.want[i] != "") || refusal != nil && refusal.Reason != test.want[i] {
				t.Errorf("%s: write %d: got %v, want %q", test.name, i, err, test.want[i])
			}
		}
	}
}

// transact makes writes of an account in one group, in their order, and returns
// what became of each.
func (s *Shard) transact(t *testing.T, account string, writes ...*Write) ([]Committed, []error) {
	t.Helper()
	ctx := context.Background()
	g := s.engine.(*postgresEngine).writes
	conn, err := acquire(ctx, g.pool)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	of := &share{groups: g, account: account, at: g.now().UTC()}
	for _, w := range writes {
		of.writes = append(of.writes, &pending{account: account, write: w, done: make(chan struct{})})
	}
	if err := g.commitAlone(ctx, conn, of); err != nil {
		t.Fatal(err)
	}
	outs, errs := make([]Committed, len(writes)), make([]error, len(writes))
	for i, p := range of.writes {
		outs[i], errs[i] = p.out, p.err
	}
	return outs, errs
}
