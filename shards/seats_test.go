package shards

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5"

	"gatehouse/shards/pgtest"
)

// TestSeatsAreShared: accounts that wait take turns, whoever came first, and each
// leaves a quarter to others.
func TestSeatsAreShared(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSeats(8)
		var order []string
		take := func(account string, n int) {
			for range n {
				go func() {
					if err := s.take(t.Context(), account); err != nil {
						t.Error(err)
					}
					order = append(order, account)
				}()
				synctest.Wait()
			}
		}
		expect := func(what, want string) {
			t.Helper()
			synctest.Wait()
			if got := fmt.Sprint(order); got != want {
				t.Errorf("%s: %s have one, want %s", what, got, want)
			}
			order = nil
		}
		take("a", 8)
		expect("alone", "[a a a a a a]")
		take("b", 4)
		expect("a quarter was left", "[b b]")
		for _, next := range []string{"a", "b", "a"} {
			s.leave("a")
			expect("they take turns", "["+next+"]")
		}
		s.leave("b")
		expect("one waits", "[b]")
		s.leave("a")
		expect("nobody waits", "[]")
		take("a", 2)
		expect("one was free", "[a]")
		s.leave("b")
		expect("it has less than three quarters", "[a]")
		if len(s.waiting) != 0 || len(s.turns) != 0 || s.used != 8 || s.held["a"] != 6 || s.held["b"] != 2 {
			t.Errorf("in the end there is %+v", s)
		}
	})
}

// TestASeatIsNotWaitedForInVain: who gives up leaves no gap.
func TestASeatIsNotWaitedForInVain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSeats(1)
		if err := s.take(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		if err := s.take(ctx, "b"); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Second {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
		if s.leave("a"); s.used != 0 || len(s.waiting)+len(s.turns)+len(s.held) != 0 {
			t.Errorf("in the end there is %+v", s)
		}
	})
}

// TestASeatThatComesWithTheEndIsGivenBack: who gives up in the moment in which it
// gets one does not keep it.
func TestASeatThatComesWithTheEndIsGivenBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSeats(1)
		for range 10 {
			if err := s.take(t.Context(), "a"); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			go func() {
				if s.take(ctx, "b") == nil {
					s.leave("b")
				}
			}()
			synctest.Wait()
			cancel()
			s.leave("a")
			if synctest.Wait(); s.used != 0 {
				t.Fatal("it is kept")
			}
		}
	})
}

// TestALockedTableIsOneAccountsTrouble: another account reads while all that the
// first one asks for waits for a table, however much that is.
func TestALockedTableIsOneAccountsTrouble(t *testing.T) {
	t.Parallel()
	c := Cluster.Cluster(t)
	s := openPostgresTest(t, c, c.Database(t), Options{}, onePrimary)
	s.testHandle(t, "flood")
	quiet := s.testHandle(t, "quiet")
	unlock := s.lockDocuments(t)
	const reads = 3 * readConnections
	ended := make(chan error, reads)
	for range reads {
		go func() { ended <- get(t.Context(), s.again("flood"), "documents") }()
	}
	pool := s.engine.(*postgresEngine).primary.pool
	for pool.Stat().AcquiredConns() < readConnections*3/4 {
		time.Sleep(time.Millisecond)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if err := get(ctx, quiet, "groups"); err != nil {
		t.Errorf("another account's read: %v", err)
	}
	unlock()
	for range reads {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

// TestReadsThatAreGivenUpKeepTheirSeats: for as long as the pool waits for a server
// that does not notice.
func TestReadsThatAreGivenUpKeepTheirSeats(t *testing.T) {
	t.Parallel()
	c := Cluster.Cluster(t)
	p := pgtest.NewProxy(t, c.Primary)
	never := func([]byte) bool { return false }
	p.Cut.Store(&never) // what cancels a statement is lost
	s := openPostgresTest(t, c, c.Database(t), Options{}, func(spec *Spec) {
		spec.DSN, spec.Replicas = p.DSN(t, spec.DSN), nil
	})
	s.testHandle(t, "flood")
	quiet := s.testHandle(t, "quiet")
	unlock := s.lockDocuments(t)
	var flood sync.WaitGroup
	for range 2 * readConnections {
		flood.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			if err := get(ctx, s.again("flood"), "documents"); !errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
		})
	}
	flood.Wait()
	for range 2 * readConnections { // in the places of those
		flood.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			_ = get(ctx, s.again("flood"), "documents")
		})
	}
	flood.Wait()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if err := get(ctx, quiet, "groups"); err != nil {
		t.Errorf("another account's read: %v", err)
	}
	unlock()
}

// TestConnectionsGoFromReadToRead: what is asked of one that is given back is asked
// before it is somebody else's; only the race detector sees it otherwise.
func TestConnectionsGoFromReadToRead(t *testing.T) {
	t.Parallel()
	c := Cluster.Cluster(t)
	s := openPostgresTest(t, c, c.Database(t), Options{}, onePrimary)
	s.testHandle(t, "a")
	s.testHandle(t, "b")
	var all sync.WaitGroup
	for i := range 40 {
		all.Go(func() {
			for range 30 {
				if err := get(t.Context(), s.again([]string{"a", "b"}[i%2]), "groups"); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
}

// lockDocuments has all that reads documents wait until unlock.
func (s *Shard) lockDocuments(t *testing.T) (unlock func()) {
	t.Helper()
	lock, err := pgx.Connect(t.Context(), s.Spec.OwnerDSN)
	if err == nil {
		_, err = lock.Exec(t.Context(), "BEGIN; LOCK TABLE documents IN ACCESS EXCLUSIVE MODE")
	}
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := lock.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}
}

func get(ctx context.Context, h *Handle, table string) error {
	snap, err := h.Snapshot(ctx)
	if err != nil {
		return err
	}
	defer snap.Close()
	_, err = snap.Get(ctx, table, []string{"1"})
	return err
}
