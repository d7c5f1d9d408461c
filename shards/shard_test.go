package shards

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

var testKeys, _ = NewKeyring(bytes.Repeat([]byte("k"), 32))

func openTest(t testing.TB, opts Options) *Shard {
	t.Helper()
	if opts.Keys == nil {
		opts.Keys = testKeys
	}
	opts.Create = true
	s, err := Open(context.Background(), Spec{ID: "1", Engine: "sqlite", DSN: filepath.Join(t.TempDir(), "shard.db")}, opts)
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

func (s *Shard) testHandle(t testing.TB, account string) *Handle {
	t.Helper()
	if err := s.AddAccount(context.Background(), account); err != nil {
		t.Fatal(err)
	}
	return NewHandle(account, s.opts.Keys, func(context.Context, bool) (*Shard, error) { return s, nil })
}

func createGroup(id, name string) Op {
	return Op{Kind: Created, Table: "groups", ID: id, Body: fmt.Appendf(nil, `{"name":%q}`, name), Patch: []byte(`{}`)}
}

func (s *Shard) committer() *committer { return s.engine.(*sqliteEngine).writes }

// hold keeps a SQLite shard's writer busy until release, so that what comes
// meanwhile is one group; waits returns once n writes of an account wait.
func (s *Shard) hold(t *testing.T) (waits func(account string, n int), release func()) {
	t.Helper()
	w := s.committer()
	begun, end := make(chan struct{}), make(chan struct{})
	var held sync.WaitGroup
	held.Go(func() {
		if err := w.do(context.Background(), func(context.Context, *conn) error { close(begun); <-end; return nil }); err != nil {
			t.Error(err)
		}
	})
	release = sync.OnceFunc(func() { close(end); held.Wait() })
	t.Cleanup(release)
	<-begun
	return func(account string, n int) {
		t.Helper()
		for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
			w.line.mu.Lock()
			got := len(w.line.waiting[account])
			w.line.mu.Unlock()
			if got == n {
				return
			}
		}
		t.Errorf("%d writes of %s never wait", n, account)
	}, release
}

// open returns a snapshot of h that is open, and where it is.
func (h *Handle) open(ctx context.Context) (*Snapshot, Position, error) {
	s, err := h.Snapshot(ctx)
	if err != nil {
		return nil, Position{}, err
	}
	at, err := s.Position(ctx)
	if err != nil {
		s.Close()
	}
	return s, at, err
}

// onBoth runs a test on either engine.
func onBoth(t *testing.T, test func(t *testing.T, open func() *Shard)) {
	onBothWith(t, func(t *testing.T, open func(Options) *Shard) {
		test(t, func() *Shard { return open(Options{}) })
	})
}

func onBothWith(t *testing.T, test func(t *testing.T, open func(Options) *Shard)) {
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		test(t, func(opts Options) *Shard { return openTest(t, opts) })
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		c := Cluster.Cluster(t)
		test(t, func(opts Options) *Shard { return openPostgresTest(t, c, c.Database(t), opts, onePrimary) })
	})
}

// exec changes a shard behind everybody's back; on PostgreSQL what is of account a.
func (s *Shard) exec(t testing.TB, text string, args ...any) {
	t.Helper()
	if s.Spec.Engine == "postgres" {
		exec(t, s.Spec.OwnerDSN, "SELECT set_config('app.account_id', 'a', false); "+text)
		return
	}
	err := s.committer().do(context.Background(), func(ctx context.Context, c *conn) error {
		_, err := c.exec(ctx, text, args...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestAReadThatPanicsLeavesNothing: a mistake of ours in the first statement of a
// read takes no connection along, and keeps no shard from resting.
func TestAReadThatPanicsLeavesNothing(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, open func() *Shard) {
		s := open()
		h := s.testHandle(t, "a")
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		for range 100 { // more than there are connections
			snap, err := h.Snapshot(ctx)
			if err != nil {
				t.Fatal(err)
			}
			func() {
				defer snap.Close()
				defer func() {
					if r := recover(); r != "planted" {
						t.Errorf("it is %v, %v", r, err)
					}
				}()
				err = snap.each(ctx, func(b *builder) { b.add("SELECT seq FROM head WHERE account_id = ", b.account) }, func(scanner) error { panic("planted") })
			}()
		}
		snap, _, err := h.open(ctx)
		if err != nil {
			t.Fatal("a read after them: ", err)
		}
		snap.Close()
		if !s.use.rest() {
			t.Error("somebody is still inside")
		}
	})
}
