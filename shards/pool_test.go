package shards

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"gatehouse/shards/pgtest"
)

// testPool is a pool of SQLite shards in a folder, with a clock of its own.
type testPool struct {
	*Pool
	folder string
	ahead  atomic.Int64 // of the clock, in nanoseconds
}

func newTestPool(t *testing.T) *testPool {
	t.Helper()
	p := &testPool{folder: t.TempDir()}
	p.Pool = NewPool(Options{Keys: testKeys, Create: true, Now: func() time.Time { return time.Now().Add(time.Duration(p.ahead.Load())) }})
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

func (p *testPool) spec(id string) Spec {
	return Spec{ID: id, Engine: "sqlite", DSN: filepath.Join(p.folder, id+".db")}
}

// handle returns a handle of an account that is alone on a shard, of the same name.
func (p *testPool) handle(t *testing.T, id string) *Handle {
	t.Helper()
	shard, err := p.Shard(t.Context(), p.spec(id))
	if err == nil {
		err = shard.AddAccount(t.Context(), id)
	}
	if err != nil {
		t.Fatal(err)
	}
	return NewHandle(id, testKeys, p.route(id))
}

// route is what tenancy does.
func (p *testPool) route(id string) Route {
	return func(ctx context.Context, _ bool) (*Shard, error) {
		if shard, ok := p.Get(id); ok {
			return shard, nil
		}
		return p.Shard(ctx, p.spec(id))
	}
}

// descriptors returns how many files in the pool's folder this process has open.
func (p *testPool) descriptors(t *testing.T) (n int) {
	t.Helper()
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("it reads /proc")
	}
	for _, fd := range all {
		if file, err := os.Readlink("/proc/self/fd/" + fd.Name()); err == nil && strings.HasPrefix(file, p.folder) {
			n++
		}
	}
	return n
}

func (h *Handle) mustCommit(t *testing.T, ops ...Op) Position {
	t.Helper()
	out, err := h.Commit(t.Context(), &Write{Ops: ops})
	if err != nil {
		t.Fatal(err)
	}
	return out.Position
}

// A shard that nobody uses is closed after a while, down to its last file and
// goroutine, and whoever comes next, with an old handle or with a new one,
// notices nothing.
func TestIdleShardsRest(t *testing.T) {
	t.Parallel()
	p := newTestPool(t)
	a, b := p.handle(t, "a"), p.handle(t, "b")
	was := a.mustCommit(t, createGroup("g1", "G1"))
	p.ahead.Add(int64(restAfter - time.Minute))
	b.mustCommit(t, createGroup("g1", "G1"))
	before, _ := p.Get("a")
	p.ahead.Add(int64(time.Minute)) // Get has touched it
	if n := p.CloseIdle(restAfter); n != 0 {
		t.Fatalf("%d shards were closed too soon", n)
	}
	p.ahead.Add(int64(restAfter - time.Minute))
	b.mustCommit(t, createGroup("g2", "G2"))
	if n := p.CloseIdle(restAfter); n != 1 || p.Len() != 1 || !p.Serves("a") || !p.Serves("b") {
		t.Fatalf("%d shards were closed, %d are open", n, p.Len())
	}
	<-before.committer().ended
	if p.ahead.Add(int64(restAfter)); p.CloseIdle(restAfter) != 1 || p.descriptors(t) != 0 {
		t.Errorf("%d files are open", p.descriptors(t))
	}

	// The position is known only to who reads it: another one may have written.
	if at, known := a.Newest(t.Context()); known {
		t.Errorf("a shard that rested knows a position: %v", at)
	}
	if s, err := a.Snapshot(t.Context()); err != nil {
		t.Fatal(err)
	} else if at, err := s.Position(t.Context()); err != nil || at != was {
		t.Errorf("got %v, %v, want %v", at, err, was)
	} else {
		s.Close()
	}
	if at := b.mustCommit(t, createGroup("g3", "G3")); at.Seq != 3 {
		t.Errorf("the history goes on at %v", at)
	}
	if err := before.AddAccount(t.Context(), "c"); !errors.Is(err, errClosed) {
		t.Errorf("a shard that rests was used: %v", err)
	}
}

// What is in use does not rest: an open snapshot, a write under way, a follower.
func TestShardsInUseDoNotRest(t *testing.T) {
	t.Parallel()
	p := newTestPool(t)
	h := p.handle(t, "a")
	h.mustCommit(t, createGroup("g1", "G1"))

	s, err := h.Snapshot(t.Context())
	if err == nil {
		_, err = s.Position(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	if p.CloseIdle(0) != 0 {
		t.Error("a shard was closed under a snapshot")
	}
	s.Close()

	following, leave := context.WithCancel(t.Context())
	f, err := h.Follow(following, nil)
	if err != nil {
		t.Fatal(err)
	}
	if p.CloseIdle(0) != 0 {
		t.Error("a shard was closed under a follower")
	}
	at := h.mustCommit(t, createGroup("g2", "G2"))
	if set, err := f.Next(t.Context()); err != nil || set.Position != at {
		t.Errorf("got %v, %v, want %v", set, err, at)
	}
	leave()
	for deadline := time.Now().Add(10 * time.Second); p.CloseIdle(0) == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it does not rest once nobody follows")
		}
	}
}

// However many shards there are, few are open.
func TestOpenShardsAreBounded(t *testing.T) {
	t.Parallel()
	p := newTestPool(t)
	p.most = 2
	var handles []*Handle
	for i := range 5 {
		handles = append(handles, p.handle(t, fmt.Sprint("s", i)))
		p.ahead.Add(int64(2 * justUsed))
	}
	for n := range 2 {
		for _, h := range handles {
			if at := h.mustCommit(t, createGroup(fmt.Sprint("g", n), fmt.Sprint("G", n))); at.Seq != int64(n+1) {
				t.Fatalf("the history goes on at %v", at)
			}
			p.ahead.Add(int64(2 * justUsed))
			if n := p.Len(); n > 2 {
				t.Fatalf("%d shards are open", n)
			}
		}
	}
	perShard := 2*6 + 1 // the writer, four readers and the checkpointer: the file and its WAL, and once the index of that
	if n := p.descriptors(t); n == 0 || n > 2*perShard {
		t.Errorf("%d files are open", n)
	}
	// Those that were used last.
	for i := range 5 {
		if _, open := p.Get(fmt.Sprint("s", i)); open != (i >= 3) {
			t.Errorf("shard %d: open is %v", i, open)
		}
	}
}

// While shards are closed under everybody's hands, nothing fails, is lost, is
// seen twice or is older than what was seen before.
func TestRestIsNotNoticed(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	p := newTestPool(t)
	var handles []*Handle
	for i := range 4 {
		handles = append(handles, p.handle(t, fmt.Sprint("s", i)))
	}
	closed, tick := 0, time.NewTicker(5*time.Millisecond)
	defer tick.Stop()
	for written := 0; closed < 20 && ctx.Err() == nil && !t.Failed(); written += 50 {
		done := make(chan struct{})
		go func() { p.useAll(ctx, t, handles, written, written+50); close(done) }()
		for busy := true; busy; {
			select {
			case <-done:
				busy = false
			case <-tick.C:
				closed += p.CloseIdle(time.Millisecond)
			}
		}
	}
	if closed == 0 {
		t.Error("no shard was closed")
	}
}

// useAll writes, reads and follows the accounts of handles, of which so many
// writes are there.
func (p *testPool) useAll(ctx context.Context, t *testing.T, handles []*Handle, from, to int) {
	var all sync.WaitGroup
	for _, writer := range handles {
		id := writer.account
		written := make(chan Position, to-from)
		all.Go(func() {
			defer close(written)
			for n := from; n < to; n++ {
				out, err := writer.Commit(ctx, &Write{Ops: []Op{createGroup(fmt.Sprint("g", n), fmt.Sprint("G", n))}})
				if err != nil || out.Position.Seq != int64(n+1) {
					t.Errorf("write %d: %v, %v", n, out.Position, err)
					return
				}
				written <- out.Position
			}
		})
		all.Go(func() {
			reader := NewHandle(id, testKeys, p.route(id))
			for at := range written {
				if newest, err := reader.Head(ctx); err != nil || newest.Before(at) {
					t.Errorf("%v is said to be the newest after %v: %v", newest, at, err)
				}
				reader.require(at)
				s, err := reader.Snapshot(ctx)
				if err != nil {
					t.Error(err)
					return
				}
				if got, err := s.Position(ctx); err != nil || got.Before(at) {
					t.Errorf("read %v, %v after %v", got, err, at)
				}
				s.Close()
			}
		})
		all.Go(func() {
			for n := from; n < to; n += 5 { // not all the time, so that the shard may rest
				if err := p.follow(ctx, id, n, n+5); err != nil {
					t.Errorf("followed from %d on: %v", n, err)
					return
				}
			}
		})
	}
	all.Wait()
}

// follow follows an account from one write to another.
func (p *testPool) follow(ctx context.Context, id string, from, to int) error {
	ctx, leave := context.WithCancel(ctx)
	defer leave()
	f, err := NewHandle(id, testKeys, p.route(id)).Follow(ctx, &Position{Epoch: 1, Seq: int64(from)})
	for n := from; n < to && err == nil; n++ {
		var set *ChangeSet
		if set, err = f.Next(ctx); err == nil && set.Position.Seq != int64(n+1) {
			err = fmt.Errorf("%v came after %d", set.Position, n)
		}
	}
	return err
}

// On PostgreSQL no connection is left of a shard that rests, to any node. One of
// which somebody follows an account does not rest.
func TestIdlePostgresShardsRest(t *testing.T) {
	t.Parallel()
	c := Cluster.Cluster(t)
	db := c.Database(t)
	made := openPostgresTest(t, c, db, Options{}, nil)
	made.testHandle(t, "a")
	if err := made.Close(); err != nil {
		t.Fatal(err)
	}
	p := NewPool(Options{Keys: testKeys})
	defer p.Close()
	route := func(ctx context.Context, _ bool) (*Shard, error) { return p.Shard(ctx, made.Spec) }
	h, follower := NewHandle("a", testKeys, route), NewHandle("a", testKeys, route)
	h.mustCommit(t, createGroup("g1", "G1"))
	following, leave := context.WithCancel(t.Context())
	if _, err := follower.Follow(following, nil); err != nil {
		t.Fatal(err)
	}
	if p.CloseIdle(0) != 0 {
		t.Error("a shard was closed under a follower")
	}
	leave()
	until := func(what string, holds func() bool) {
		t.Helper()
		for deadline := time.Now().Add(20 * time.Second); !holds(); time.Sleep(10 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal(what)
			}
		}
	}
	until("it does not rest once nobody follows", func() bool { return p.CloseIdle(0) == 1 })
	for _, node := range append([]*pgtest.Node{c.Primary}, c.Replicas...) {
		conn, err := pgx.Connect(t.Context(), db.Owner(node))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(t.Context())
		until("connections are left", func() bool {
			var n int
			if err := conn.QueryRow(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()").Scan(&n); err != nil {
				t.Fatal(err)
			}
			return n == 0
		})
	}
	if at := h.mustCommit(t, createGroup("g2", "G2")); at.Seq != 2 {
		t.Errorf("the history goes on at %v", at)
	}
}
