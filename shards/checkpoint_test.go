package shards

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// The WAL stays short however much is written, though at no time no read is open.
//
// On a machine with much else to do a try to begin it anew may come too late
// for once, so the best of three counts; without any none of them holds.
func TestTheWALStaysShort(t *testing.T) {
	t.Parallel()
	var sizes []int64
	for range 3 {
		size := longestWAL(t)
		if size <= 32<<20 {
			return
		}
		sizes = append(sizes, size>>20)
	}
	t.Errorf("the WAL grew to %v MiB", sizes)
}

// longestWAL returns how long the WAL of a new shard gets while 64 MiB are
// written beside readers that never pause, in bytes.
func longestWAL(t *testing.T) (longest int64) {
	t.Helper()
	s := openTest(t, Options{})
	h := s.testHandle(t, "a")
	reads, stop := s.readWithoutPause(t, "a", 2)
	defer stop()
	n := 0
	for s.fileSize(t, "") < 64<<20 {
		s.writeMiB(t, h, &n)
		longest = max(longest, s.fileSize(t, "-wal"))
	}
	t.Logf("%d MiB of WAL beside %d reads", longest>>20, reads.Load())
	return longest
}

// Writes do not wait for a read to end that goes on and on; the WAL does.
func TestALongReadIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	s := openTest(t, Options{})
	h := s.testHandle(t, "a")
	long, _, err := s.again("a").open(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer long.Close()
	n := 0
	for s.fileSize(t, "-wal") < 32<<20 {
		s.writeMiB(t, h, &n)
	}
	long.Close()
	eventually(t, "the WAL is begun anew", func() bool {
		s.writeMiB(t, h, &n)
		w, err := s.checkpointer().checkpoint("NOOP")
		if err != nil {
			t.Fatal(err)
		}
		return w.size < 16<<20
	})
}

// Where reads that take longer than writers wait never pause, the WAL can't be
// begun anew, and writers don't wait again and again for a try to.
func TestWritersAreNotHeldUpForNothing(t *testing.T) {
	t.Parallel()
	s := openTest(t, Options{})
	h := s.testHandle(t, "a")
	other := s.secondCheckpointer(t)
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	defer all.Wait()
	defer cancel()
	const length = renewPatience * 8 / 5
	for i := range 3 {
		all.Go(func() {
			pause := time.NewTimer(time.Duration(i) * length / 3)
			for {
				select {
				case <-pause.C:
				case <-ctx.Done():
					return
				}
				snap, _, err := s.again("a").open(context.Background())
				if err != nil {
					t.Error(err)
					return
				}
				defer snap.Close()
				time.AfterFunc(length, snap.Close)
				pause.Reset(length)
			}
		})
	}
	n := 0
	for range 3 {
		s.writeMiB(t, h, &n)
	}
	all.Go(func() {
		if err := other.shorten(); err != nil {
			t.Error(err)
		}
	})
	defer close(other.quit)
	// The shard's own writer does not wait for it, so that the WAL goes on.
	looks, held := 0, 0
	for began := time.Now(); time.Since(began) < 80*renewPatience; looks++ {
		s.write(t, h, fmt.Sprint("g", looks))
		if other.writes.TryLock() {
			other.writes.Unlock()
		} else {
			held++
		}
		time.Sleep(longRead)
	}
	t.Logf("held %d of %d", held, looks)
	if held > looks/4 {
		t.Errorf("writers are held up %d times of %d", held, looks)
	}
}

// secondCheckpointer returns one more checkpointer of a shard's file, which does
// only what it is told to, from 1 MiB on.
func (s *Shard) secondCheckpointer(t *testing.T) *checkpointer {
	t.Helper()
	db, err := sql.Open("sqlite", sqliteDSN(s.Spec.DSN, "rw", checkpointPragmas))
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	c := &checkpointer{path: s.Spec.DSN, db: db, limit: 1 << 20, quit: make(chan struct{})}
	t.Cleanup(func() {
		if err := errors.Join(c.db.Close(), s.Close(), c.release()); err != nil {
			t.Error(err)
		}
	})
	return c
}

// Where a write begins the WAL anew while a read is waited for, there is nothing
// to wait for any more.
func TestAWriteBeginsTheWALAnew(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s := openTest(t, Options{})
	h := s.testHandle(t, "a")
	long, _, err := s.again("a").open(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer long.Close()
	n := 0
	for range 3 {
		s.writeMiB(t, h, &n)
	}
	other := s.secondCheckpointer(t)
	defer close(other.quit)
	shortened := make(chan error, 1)
	go func() { shortened <- other.shorten() }()
	look := func(mode string) wal {
		w, err := s.checkpointer().checkpoint(mode)
		if err != nil {
			t.Fatal(err)
		}
		return w
	}
	eventually(t, "the read is waited for", func() bool { return look("NOOP").copied > 0 })
	pause, err := other.db.Conn(ctx) // it has only this one
	if err != nil {
		t.Fatal(err)
	}
	long.Close()
	look("PASSIVE")
	if _, err := h.Commit(ctx, &Write{Ops: []Op{createGroup("g1", "first")}}); err != nil {
		t.Fatal(err)
	}
	if w := look("NOOP"); w.size >= other.limit {
		t.Fatalf("the WAL was not begun anew: %d bytes", w.size)
	}
	pause.Close()
	eventually(t, "it is done", func() bool { return len(shortened) > 0 })
	if err := <-shortened; err != nil {
		t.Error(err)
	}
}

// Where a WAL needs only a write to be begun anew, there is nothing to hold writers up for.
func TestARenewedWALIsLeftAlone(t *testing.T) {
	t.Parallel()
	s := openTest(t, Options{})
	h := s.testHandle(t, "a")
	n := 0
	for range 3 {
		s.writeMiB(t, h, &n)
	}
	other := s.secondCheckpointer(t)
	if err := other.shorten(); err != nil {
		t.Fatal(err)
	}
	if w, err := other.checkpoint("NOOP"); err != nil || w.size < other.limit || w.copied != w.size {
		t.Fatalf("%v, %v", w, err)
	}
	other.renewedAt = time.Time{} // long ago
	other.writes.Lock()
	defer other.writes.Unlock()
	again := make(chan error, 1)
	go func() { again <- other.shorten() }()
	eventually(t, "it is left alone", func() bool { return len(again) > 0 })
	if err := <-again; err != nil {
		t.Error(err)
	}
}

// A WAL that grows fast is copied once it is longer, however long that takes it.
func TestAWALThatGrowsFastIsCopiedLater(t *testing.T) {
	t.Parallel()
	s := openTest(t, Options{})
	h := s.testHandle(t, "a")
	n := 0
	for range 3 {
		s.writeMiB(t, h, &n)
	}
	other := s.secondCheckpointer(t)
	copied := func() int64 {
		t.Helper()
		if err := other.shorten(); err != nil {
			t.Fatal(err)
		}
		w, err := other.checkpoint("NOOP")
		if err != nil {
			t.Fatal(err)
		}
		return w.copied
	}
	other.renewedAt = time.Now().Add(time.Minute) // however slow the test is
	if n := copied(); n > 0 {
		t.Errorf("%d bytes are copied of 3 MiB", n)
	}
	other.renewedAt = time.Now().Add(-time.Second)
	if n := copied(); n < other.limit {
		t.Errorf("%d bytes are copied in the end", n)
	}
	for after, want := range map[time.Duration]int64{70 * time.Millisecond: maxBusyWAL, time.Second: other.limit} {
		other.renewedAt = time.Now().Add(-after)
		if got := other.due(maxBusyWAL - 1); got != want {
			t.Errorf("of %d bytes after %v it is copied from %d on, not %d", maxBusyWAL-1, after, got, want)
		}
	}
}

// A WAL that has become long while it was copied is begun anew without more ado.
func TestALongWALIsNotCaughtUpWith(t *testing.T) {
	t.Parallel()
	s := openTest(t, Options{})
	h := s.testHandle(t, "a")
	n := 0
	s.writeMiB(t, h, &n)
	other := s.secondCheckpointer(t)
	var err error
	if other.file, err = os.Open(s.Spec.DSN); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		size int64
		all  bool
	}{{maxCaughtUp + 1, false}, {maxBusyWAL + 3<<20, true}} {
		if _, err := other.catchUp(wal{size: test.size}); err != nil {
			t.Fatal(err)
		}
		w, err := other.checkpoint("NOOP")
		if err != nil || w.copied != w.size && test.all || w.copied > 0 && !test.all {
			t.Errorf("with %d bytes %d are copied, %v", test.size, w.copied, err)
		}
	}
}

// Where nobody writes any more the WAL is emptied; when the shard is closed it goes.
func TestTheWALGoes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := openTest(t, Options{})
		h := s.testHandle(t, "a")
		n := 0
		s.writeMiB(t, h, &n)
		time.Sleep(idleAfter / 2)
		s.writeMiB(t, h, &n)
		time.Sleep(idleAfter / 2)
		if s.fileSize(t, "-wal") < 1<<20 {
			t.Error("it is empty too soon")
		}
		time.Sleep(idleAfter)
		synctest.Wait()
		if size := s.fileSize(t, "-wal"); size != 0 {
			t.Errorf("%d bytes are left", size)
		}
		s.writeMiB(t, h, &n)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(s.Spec.DSN + "-wal"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("after the shard was closed: %v", err)
		}
	})
}

// A read that goes on when the WAL is to be emptied only puts that off.
func TestTheWALGoesOnceItIsNotRead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := openTest(t, Options{})
		h := s.testHandle(t, "a")
		n := 0
		s.writeMiB(t, h, &n)
		long, _, err := s.again("a").open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * idleAfter)
		long.Close()
		if s.fileSize(t, "-wal") == 0 {
			t.Error("it is empty, though it is read")
		}
		time.Sleep(2 * idleAfter)
		synctest.Wait()
		if size := s.fileSize(t, "-wal"); size != 0 {
			t.Errorf("%d bytes are left", size)
		}
	})
}

// readWithoutPause has n readers, each of which begins a snapshot before it ends
// the one before, until stop is called.
func (s *Shard) readWithoutPause(t testing.TB, account string, n int) (reads *atomic.Int64, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	reads = &atomic.Int64{}
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			var last *Snapshot
			for ctx.Err() == nil {
				next, _, err := s.again(account).open(context.Background())
				if err == nil {
					_, err = next.Get(context.Background(), "clients", []string{"c0", "c1", "c2"})
				}
				if err != nil {
					t.Error(err)
					return
				}
				if last != nil {
					last.Close()
				}
				last = next
				reads.Add(1)
			}
			last.Close()
		})
	}
	return reads, sync.OnceFunc(func() { cancel(); all.Wait() })
}

// writeMiB creates clients with more than 1 MiB in all; n counts them.
func (s *Shard) writeMiB(t testing.TB, h *Handle, n *int) {
	t.Helper()
	w := &Write{}
	for range 32 {
		body := fmt.Appendf(nil, `{"name":"Client %d","status":"ACTIVE","note":"%032768d"}`, *n, *n)
		w.Ops = append(w.Ops, Op{Kind: Created, Table: "clients", ID: fmt.Sprint("c", *n), Body: body, Patch: body})
		*n++
	}
	if _, err := h.Commit(context.Background(), w); err != nil {
		t.Fatal(err)
	}
}

func (s *Shard) checkpointer() *checkpointer { return s.engine.(*sqliteEngine).wal }

func (s *Shard) fileSize(t testing.TB, suffix string) int64 {
	t.Helper()
	f, err := os.Stat(s.Spec.DSN + suffix)
	if err != nil {
		t.Fatal(err)
	}
	return f.Size()
}
