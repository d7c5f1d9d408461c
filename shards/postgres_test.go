package shards

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gatehouse/shards/pgtest"
)

// openPostgresTest opens a new database of the cluster, with its replicas; at,
// where set, is the way to the primary.
func openPostgresTest(t testing.TB, c *pgtest.Cluster, db pgtest.Database, opts Options, change func(*Spec)) *Shard {
	t.Helper()
	opts.Keys, opts.Create = testKeys, true
	spec := Spec{ID: "1", Engine: "postgres", DSN: db.App(c.Primary), OwnerDSN: db.Owner(c.Primary)}
	for _, r := range c.Replicas {
		spec.Replicas = append(spec.Replicas, Replica{DSN: db.App(r)})
	}
	if change != nil {
		change(&spec)
	}
	s, err := Open(context.Background(), spec, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// onePrimary leaves the replicas out of a Spec.
func onePrimary(spec *Spec) { spec.Replicas = nil }

// again returns a handle that knows nothing.
func (s *Shard) again(account string) *Handle {
	return NewHandle(account, s.opts.Keys, func(context.Context, bool) (*Shard, error) { return s, nil })
}

// Where a table lacks its policy, or the role could lift it, nothing is served.
func TestWalls(t *testing.T) {
	t.Parallel()
	c := Cluster.Cluster(t)
	ctx := context.Background()
	for name, test := range map[string]struct {
		change, want string
		as           func(pgtest.Database) string
	}{
		"a table without a policy":   {"CREATE TABLE extra (account_id text, id text)", "extra does not keep accounts apart", nil},
		"row security is off":        {"ALTER TABLE groups DISABLE ROW LEVEL SECURITY", "groups does not keep", nil},
		"row security is not forced": {"ALTER TABLE head NO FORCE ROW LEVEL SECURITY", "head does not keep", nil},
		"a policy lets all through":  {"CREATE POLICY more ON change USING (true)", "change does not keep", nil},
		"the policy is another":      {"ALTER POLICY account ON clients USING (true)", "clients does not keep", nil},
		"the role owns the tables":   {"", "the gateway's must own nothing", func(db pgtest.Database) string { return db.Owner(c.Primary) }},
		"the role is a superuser":    {"", "is a superuser", func(db pgtest.Database) string { return c.Primary.DSN("postgres", db.Name) }},
		"the schema lags":            {"DELETE FROM bun_migrations WHERE id = (SELECT max(id) FROM bun_migrations)", "lacks 1 migrations", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := c.Database(t)
			s := openPostgresTest(t, c, db, Options{}, onePrimary)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if test.change != "" {
				exec(t, db.Owner(c.Primary), test.change)
			}
			spec := s.Spec
			if test.as != nil {
				spec.DSN = test.as(db)
			}
			served, err := Open(ctx, spec, Options{Keys: testKeys})
			if err == nil {
				served.Close()
			}
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
	db := c.Database(t)
	for name, spec := range map[string]Spec{
		"no owner":            {DSN: db.App(c.Primary)},
		"the simple protocol": {DSN: db.App(c.Primary) + "?default_query_exec_mode=simple_protocol", OwnerDSN: db.Owner(c.Primary)},
		"no server":           {DSN: db.App(c.Primary), OwnerDSN: "postgres://nobody@127.0.0.1:1/x"},
	} {
		spec.ID, spec.Engine = "1", "postgres"
		if _, err := Open(ctx, spec, Options{Keys: testKeys, Create: true}); err == nil {
			t.Errorf("opened with %s", name)
		}
	}
	if _, err := Open(ctx, Spec{ID: "1", Engine: "postgres", DSN: db.App(c.Primary)}, Options{Keys: testKeys}); err == nil {
		t.Error("a database that was never migrated was opened")
	}
}

// What a statement forgets, the policies remember: no row without an account,
// and none of another one.
func TestPoliciesHoldWhateverTheStatement(t *testing.T) {
	t.Parallel()
	c := Cluster.Cluster(t)
	s := openPostgresTest(t, c, c.Database(t), Options{}, onePrimary)
	ctx := context.Background()
	for _, account := range []string{"a", "b"} {
		if _, err := s.testHandle(t, account).Commit(ctx, &Write{Ops: []Op{createGroup("g1", "G of "+account)}}); err != nil {
			t.Fatal(err)
		}
	}
	snap, err := s.again("a").Snapshot(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Close()
	for table := range s.engine.tables() {
		n := int64(-1)
		err := snap.each(ctx, func(b *builder) { b.WriteString("SELECT count(*) FROM " + table + " WHERE $1 <> ''") }, func(row scanner) error { return row.Scan(&n) })
		if err != nil || table == "groups" && n != 1 || table != "groups" && n != 0 {
			t.Errorf("%s: %d rows, %v", table, n, err)
		}
	}
	for _, table := range []string{"head", "change", "groups"} { // without an account
		var n int
		if err := s.engine.(*postgresEngine).primary.pool.QueryRow(ctx, "SELECT count(*) FROM "+table).Scan(&n); err != nil || n != 0 {
			t.Errorf("%s: %d rows without an account, %v", table, n, err)
		}
	}
}

// A request that is given up stops its statement at the server.
func TestCancelledStatementStopsOnPostgres(t *testing.T) {
	t.Parallel()
	c := Cluster.Cluster(t)
	db := c.Database(t)
	s := openPostgresTest(t, c, db, Options{}, onePrimary)
	h := s.testHandle(t, "a")
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(50*time.Millisecond, cancel)
	snap, err := h.Snapshot(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Close()
	err = snap.each(ctx, func(b *builder) { b.WriteString("SELECT pg_sleep(60) WHERE $1 <> ''") }, func(scanner) error { return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		n := c.Primary.Value(t, "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'SELECT pg_sleep%' AND datname = '"+db.Name+"'")
		if n == "0" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the statement goes on")
		}
	}
	again, _, err := h.open(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	again.Close()
}

// A connection that is lost with a COMMIT on it leaves an outcome that nobody
// knows: it is neither acknowledged nor tried again. The key settles it.
func TestUnknownOutcome(t *testing.T) {
	t.Parallel()
	c := Cluster.Cluster(t)
	db := c.Database(t)
	p := pgtest.NewProxy(t, c.Primary)
	s := openPostgresTest(t, c, db, Options{}, func(spec *Spec) { onePrimary(spec); spec.DSN = p.DSN(t, spec.DSN) })
	ctx := context.Background()
	h := s.testHandle(t, "a")
	write := &Write{
		Ops: []Op{createGroup("g1", "G")}, Memo: []byte(`{}`),
		Key: &IdempotencyKey{Key: "k", Field: "f", Input: "i"},
	}
	var once sync.Once
	cut := func(sent []byte) (ends bool) {
		if bytes.Contains(sent, []byte("g1")) {
			once.Do(func() { ends = true })
		}
		return ends
	}
	p.Cut.Store(&cut)
	_, err := h.Commit(ctx, write)
	wantCode(t, err, Unavailable)
	var e *Error
	if !errors.As(err, &e) || e.RetryAfter == 0 || !strings.Contains(e.Message, "not known") {
		t.Errorf("got %v", err)
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) { // the server goes on without us
		snap, at, err := s.again("a").open(ctx)
		if err != nil {
			t.Fatal(err)
		}
		snap.Close()
		if at.Seq == 1 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the write was not made")
		}
	}
	out, err := h.Commit(ctx, write)
	if err != nil || !out.Replayed || out.Position.Seq != 1 {
		t.Errorf("got %+v, %v", out, err)
	}
}

// Two gateways write to the same accounts at once: each history is one, without
// gaps, and a key has one effect whichever gateway it came to.
func TestTwoGatewaysWriteToOneAccount(t *testing.T) {
	t.Parallel()
	c := Cluster.Cluster(t)
	db := c.Database(t)
	gateways := []*Shard{openPostgresTest(t, c, db, Options{}, nil), openPostgresTest(t, c, db, Options{}, nil)}
	gateways[0].testHandle(t, "a")
	ctx := context.Background()
	const writers, writes = 8, 20
	var effects atomic.Int64
	var all sync.WaitGroup
	for i := range writers {
		for n, s := range gateways {
			all.Go(func() {
				h := s.again("a")
				for k := range writes {
					id := fmt.Sprintf("g_%d_%d_%d", n, i, k)
					if k%2 == 0 { // a duplicate of what the other gateway gets
						id = fmt.Sprintf("g_%d_%d", i, k)
					}
					w := &Write{Ops: []Op{createGroup(id, id)}, Key: &IdempotencyKey{Key: id, Field: "f", Input: "i"}, Memo: []byte(`{}`)}
					out, err := h.Commit(ctx, w)
					if err != nil {
						t.Error(err)
						return
					}
					if !out.Replayed {
						effects.Add(1)
					}
					if _, at, there, err := h.served(t, id); err != nil || !there || at.Before(out.Position) {
						t.Errorf("%s, written at %+v, is not there at %+v: %v", id, out.Position, at, err)
					}
				}
			})
		}
	}
	all.Wait()
	const want = writers * writes * 3 / 2
	strong := gateways[1].again("a")
	strong.Strong()
	snap, at, err := strong.open(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Close()
	changes, err := snap.Changes(ctx, 0, at.Seq, nil, 1<<30)
	if err != nil || effects.Load() != want || at.Seq != want || len(changes) != want {
		t.Fatalf("%d effects, %d changes up to %d, %v; want %d", effects.Load(), len(changes), at.Seq, err, want)
	}
	for i, c := range changes {
		if c.Seq != int64(i+1) {
			t.Fatalf("write %d stands at %d", c.Seq, i+1)
		}
	}
}
