package shards

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"gatehouse/shards/pgtest"
)

// holdPostgres keeps all connections for writing until release, so that what
// comes meanwhile is one group; waits returns once n writes wait.
func (s *Shard) holdPostgres(t *testing.T) (waits func(n int), release func()) {
	t.Helper()
	g := s.engine.(*postgresEngine).writes
	var held []interface{ Release() }
	for range g.connections {
		conn, err := acquire(context.Background(), g.pool)
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, conn)
	}
	release = sync.OnceFunc(func() {
		for _, conn := range held {
			conn.Release()
		}
	})
	t.Cleanup(release)
	return func(n int) {
		t.Helper()
		eventually(t, fmt.Sprint(n, " writes wait"), func() bool {
			g.line.mu.Lock()
			defer g.line.mu.Unlock()
			waiting := 0
			for _, of := range g.line.waiting {
				waiting += len(of)
			}
			return waiting == n
		})
	}, release
}

// asOwner begins a transaction of somebody at a console, under an account's name.
func (s *Shard) asOwner(t *testing.T, account, text string) pgx.Tx {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), s.Spec.OwnerDSN)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	tx, err := conn.Begin(context.Background())
	if err == nil {
		_, err = tx.Exec(context.Background(), setNext, account)
	}
	if err == nil {
		_, err = tx.Exec(context.Background(), text, account)
	}
	if err != nil {
		t.Fatal(err)
	}
	return tx
}

// What accounts have waiting is one transaction in one round trip, and a write
// of each is two statements.
func TestAccountsShareATransaction(t *testing.T) {
	t.Parallel()
	c := Cluster.Cluster(t)
	p := pgtest.NewProxy(t, c.Primary)
	var statements atomic.Int64
	s := openPostgresTest(t, c, c.Database(t), Options{Trace: func(Statement) { statements.Add(1) }}, func(spec *Spec) {
		onePrimary(spec)
		spec.DSN = p.DSN(t, spec.DSN) + "?pool_max_conns=1"
	})
	s.engine.(*postgresEngine).writes.ring = func(string) {} // which nobody waits for
	var groups atomic.Int64
	s.engine.(*postgresEngine).writes.committed = func(int, time.Duration) { groups.Add(1) }
	var handles []*Handle
	for i := range maxTogether {
		handles = append(handles, s.testHandle(t, fmt.Sprint("account", i)))
	}
	least := int64(1 << 20)
	for round := range 4 { // the first prepares the statements; in any of them the gateway may listen for its bell
		waits, release := s.holdPostgres(t)
		p.Settle()
		var all sync.WaitGroup
		for _, h := range handles {
			all.Go(func() {
				out, err := h.Commit(context.Background(), &Write{Ops: []Op{createGroup(fmt.Sprint("g", round), fmt.Sprint("G", round))}})
				if err != nil || out.Position.Seq != int64(round+1) {
					t.Errorf("got %+v, %v", out, err)
				}
			})
		}
		waits(len(handles))
		p.Trips.Store(0)
		groups.Store(0)
		statements.Store(0)
		release()
		all.Wait()
		p.Settle()
		least = min(least, p.Trips.Load())
		if n := groups.Load(); n != 1 {
			t.Errorf("%d transactions", n)
		}
		if n := statements.Load(); n != maxTogether { // and one each that names the account
			t.Errorf("%d statements for %d writes", n, maxTogether)
		}
	}
	if least != 1 {
		t.Errorf("%d round trips for %d writes", least, maxTogether)
	}
}

// What comes first begins at once, and so does a write beside a few others; what
// is little waits for a large group's end.
func TestNoSmallGroupsBesideLargeOnes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		open, writing, waiting int
		want                   bool
	}{
		{0, 0, 0, false}, {0, 0, 1, true},
		{1, 1, 0, false}, {1, 3, 1, true}, {1, 4, 1, false}, {1, 30, 9, false}, {1, 30, 10, true},
		{2, 2, maxTogether - 1, false}, {2, 2 * maxTogether, maxTogether, true},
		{writeConnections, 9, maxTogether, false},
	} {
		g := &groups{open: c.open, writing: c.writing, connections: writeConnections}
		if got := g.wanted(c.waiting); got != c.want {
			t.Errorf("%d wait beside %d groups of %d writes: %v", c.waiting, c.open, c.writing, got)
		}
	}
}

// together has writes of several accounts wait for each other, and returns what
// became of each.
func (s *Shard) together(t *testing.T, writes map[string]*Write) (outs map[string]Committed, errs map[string]error) {
	t.Helper()
	outs, errs = map[string]Committed{}, map[string]error{}
	var mu sync.Mutex
	var all sync.WaitGroup
	waits, release := s.holdPostgres(t)
	for account, w := range writes {
		all.Go(func() {
			out, err := s.again(account).Commit(context.Background(), w)
			mu.Lock()
			defer mu.Unlock()
			outs[account], errs[account] = out, err
		})
	}
	waits(len(writes))
	release()
	all.Wait()
	return outs, errs
}

// What speaks against one account's writes is no matter of its neighbours'. They
// share a transaction all the same.
func TestAFailureIsItsAccountsOwn(t *testing.T) {
	t.Parallel()
	c := Cluster.Cluster(t)
	refused := func(err error) bool { var r *Refusal; return errors.As(err, &r) }
	unavailable := func(err error) bool { return CodeOf(err) == Unavailable }
	unforeseen := func(err error) bool { return err != nil && !refused(err) && CodeOf(err) == Internal }
	for name, test := range map[string]struct {
		state string // of the head
		w     *Write
		want  func(error) bool
	}{
		"a rule is broken":     {"active", &Write{Ops: []Op{createGroup("g1", "again")}}, refused},
		"a version has moved":  {"active", &Write{Ops: []Op{{Kind: Deleted, Table: "groups", ID: "g1", Version: 7}}}, refused},
		"nobody foresaw it":    {"active", &Write{Ops: []Op{{Kind: Created, Table: "groups", ID: "g2", Body: []byte(`{}`), Patch: []byte(`{}`)}}}, unforeseen},
		"it panics":            {"active", &Write{Ops: []Op{{Kind: Created, Table: "nobody's"}}}, unforeseen},
		"the head is fenced":   {"fenced", &Write{Ops: []Op{createGroup("g2", "second")}}, unavailable},
		"the account has gone": {"gone", &Write{Ops: []Op{createGroup("g2", "second")}}, unavailable},
	} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			t.Parallel()
			s := openPostgresTest(t, c, c.Database(t), Options{}, onePrimary)
			var largest atomic.Int64
			s.engine.(*postgresEngine).writes.committed = func(n int, _ time.Duration) { largest.Store(max(largest.Load(), int64(n))) }
			writes := map[string]*Write{}
			for _, account := range []string{"a", "b", "c", "d", "e"} {
				if _, err := s.testHandle(t, account).Commit(t.Context(), &Write{Ops: []Op{createGroup("g1", "first")}}); err != nil {
					t.Fatal(err)
				}
				writes[account] = &Write{Ops: []Op{createGroup("g2", "second")}}
			}
			s.exec(t, "UPDATE head SET state = '"+test.state+"' WHERE account_id = 'a'")
			writes["a"] = test.w
			outs, errs := s.together(t, writes)
			if !test.want(errs["a"]) {
				t.Errorf("got %v", errs["a"])
			}
			delete(writes, "a")
			for account := range writes {
				if errs[account] != nil || outs[account].Position.Seq != 2 {
					t.Errorf("%s: got %+v, %v", account, outs[account], errs[account])
				}
			}
			if largest.Load() != int64(len(writes)) {
				t.Errorf("%d writes together", largest.Load())
			}
			s.exec(t, "UPDATE head SET state = 'active' WHERE account_id = 'a'")
			if out, err := s.again("a").Commit(t.Context(), &Write{Ops: []Op{createGroup("g3", "third")}}); err != nil || out.Position.Seq != 2 {
				t.Errorf("then: got %+v, %v", out, err) // what was not made has no number
			}
		})
	}
}

// Where an operator bounds how long a statement takes, one that takes longer is
// its account's own.
func TestASlowStatementIsItsAccountsOwn(t *testing.T) {
	t.Parallel()
	c := Cluster.Cluster(t)
	s := openPostgresTest(t, c, c.Database(t), Options{}, func(spec *Spec) {
		onePrimary(spec)
		spec.DSN += "?statement_timeout=300"
	})
	s.exec(t, `CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(60); RETURN NEW; END'`)
	s.exec(t, `CREATE TRIGGER slow BEFORE INSERT ON groups FOR EACH ROW WHEN (NEW.account_id = 'a') EXECUTE FUNCTION slow()`)
	writes := map[string]*Write{}
	for _, account := range []string{"a", "b", "c"} {
		s.testHandle(t, account)
		writes[account] = &Write{Ops: []Op{createGroup("g", "G")}}
	}
	_, errs := s.together(t, writes)
	if CodeOf(errs["a"]) != Unavailable || errs["b"] != nil || errs["c"] != nil {
		t.Errorf("got %v", errs)
	}
}

// Two gateways write to the same accounts at once, each for several in one
// transaction, and much of it is refused: each history is one, without gaps, of
// what was acknowledged, and nobody waits in a circle.
func TestGatewaysShareTransactionsAcrossAccounts(t *testing.T) {
	t.Parallel()
	c := Cluster.Cluster(t)
	db := c.Database(t)
	gateways := []*Shard{openPostgresTest(t, c, db, Options{}, onePrimary), openPostgresTest(t, c, db, Options{}, onePrimary)}
	const accounts, writers, writes = 8, 12, 30
	var made [accounts]atomic.Int64
	for a := range accounts {
		if _, err := gateways[0].testHandle(t, fmt.Sprint("a", a)).Commit(t.Context(), &Write{Ops: []Op{createGroup("g", "G")}}); err != nil {
			t.Fatal(err)
		}
		made[a].Add(1)
	}
	var refused atomic.Int64
	var all sync.WaitGroup
	for n, s := range gateways {
		for i := range writers {
			all.Go(func() {
				random := rand.New(rand.NewPCG(uint64(n), uint64(i)))
				for k := range writes {
					a := random.IntN(accounts)
					id := fmt.Sprintf("g_%d_%d_%d", n, i, k)
					w := &Write{Ops: []Op{createGroup(id, id)}}
					switch k % 10 {
					case 3:
						w.Ops = append(w.Ops, createGroup("g", "taken"))
					case 6:
						w.Ops[0] = Op{Kind: Updated, Table: "groups", ID: "g", Version: 99, Body: []byte(`{"name":"G"}`), Patch: []byte(`{}`)}
					case 9:
						w.Ops[0].Body = []byte(`{"name":"orphan","parentId":"nobody"}`)
					}
					_, err := s.again(fmt.Sprint("a", a)).Commit(context.Background(), w)
					var refusal *Refusal
					switch {
					case errors.As(err, &refusal) == (k%10%3 != 0 || k%10 == 0):
						t.Errorf("write %d: got %v", k, err)
					case err == nil:
						made[a].Add(1)
					default:
						refused.Add(1)
					}
				}
			})
		}
	}
	all.Wait()
	if want := int64(len(gateways) * writers * writes * 3 / 10); refused.Load() != want {
		t.Errorf("%d were refused, want %d", refused.Load(), want)
	}
	for a := range accounts {
		snap, at, err := gateways[1].again(fmt.Sprint("a", a)).open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer snap.Close()
		changes, err := snap.Changes(t.Context(), 0, at.Seq, nil, 1<<30)
		if err != nil || at.Seq != made[a].Load() || int64(len(changes)) != at.Seq {
			t.Errorf("%d changes up to %d of %d writes, %v", len(changes), at.Seq, made[a].Load(), err)
		}
		for i, change := range changes {
			if change.Seq != int64(i+1) {
				t.Fatalf("write %d stands at %d", change.Seq, i+1)
			}
		}
	}
	if n := c.Primary.Value(t, "SELECT deadlocks FROM pg_stat_database WHERE datname = '"+db.Name+"'"); n != "0" {
		t.Errorf("%s deadlocks", n)
	}
}

// Where the connection is lost with a COMMIT on it, nobody whose write it was
// about is told that it was made, and nobody is written for again.
func TestUnknownOutcomeOfSeveralAccounts(t *testing.T) {
	t.Parallel()
	c := Cluster.Cluster(t)
	p := pgtest.NewProxy(t, c.Primary)
	s := openPostgresTest(t, c, c.Database(t), Options{}, func(spec *Spec) {
		onePrimary(spec)
		spec.DSN = p.DSN(t, spec.DSN) + "?pool_max_conns=1"
	})
	writes := map[string]*Write{}
	for _, account := range []string{"a", "b", "c"} {
		if _, err := s.testHandle(t, account).Commit(t.Context(), &Write{Ops: []Op{createGroup("g1", "first")}}); err != nil {
			t.Fatal(err)
		}
		writes[account] = &Write{Ops: []Op{createGroup("lost", "second")}}
	}
	var once sync.Once
	cut := func(sent []byte) (ends bool) {
		if bytes.Contains(sent, []byte("lost")) {
			once.Do(func() { ends = true })
		}
		return ends
	}
	p.Cut.Store(&cut)
	_, errs := s.together(t, writes)
	for account, err := range errs {
		var e *Error
		if !errors.As(err, &e) || e.Code != Unavailable || !strings.Contains(e.Message, "not known") {
			t.Errorf("%s: got %v", account, err)
		}
		eventually(t, "the server has made it", func() bool { // once: it goes on without us
			snap, at, err := s.again(account).open(t.Context())
			if err != nil {
				return false
			}
			snap.Close()
			return at.Seq == 2
		})
	}
}
