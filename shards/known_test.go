package shards

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// headsRead counts the statements that read a head.
type headsRead struct{ n atomic.Int64 }

func (h *headsRead) trace(s Statement) {
	if strings.Contains(s.SQL, " FROM head ") {
		h.n.Add(1)
	}
}

// A head is read once, by whoever needs it first, and again when something other than
// a write may have changed it.
func TestAKnownHeadIsNotRead(t *testing.T) {
	t.Parallel()
	var heads headsRead
	s := openTest(t, Options{Trace: heads.trace})
	h := s.testHandle(t, "a")
	write := func(id string) {
		t.Helper()
		if _, err := h.Commit(t.Context(), &Write{Ops: []Op{createGroup(id, id)}}); err != nil {
			t.Fatal(err)
		}
	}
	want := func(reads, seq int64) {
		t.Helper()
		snap, at, err := h.open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer snap.Close()
		if rows, err := snap.Get(t.Context(), "groups", []string{"g1", "g2"}); err != nil || at.Seq != seq || len(rows) != int(seq) {
			t.Errorf("%d rows at %v, %v; want %d", len(rows), at, err, seq)
		}
		if got := heads.n.Swap(0); got != reads {
			t.Errorf("%d heads were read, want %d", got, reads)
		}
	}
	write("g1")
	want(1, 1)
	write("g2")
	want(0, 2)
	s.exec(t, "UPDATE head SET trimmed = 1 WHERE account_id = 'a'")
	want(1, 2)
	want(0, 2)
}

// TestAKnownHeadIsTheSnapshots: whoever writes meanwhile, a snapshot's head is the one
// that its database has.
func TestAKnownHeadIsTheSnapshots(t *testing.T) {
	t.Parallel()
	var heads headsRead
	s := openTest(t, Options{Trace: heads.trace})
	const accounts = 3
	var wg sync.WaitGroup
	over, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	for a := range accounts {
		account := fmt.Sprint("a", a)
		h := s.testHandle(t, account)
		wg.Go(func() {
			for n := 0; over.Err() == nil; n++ {
				if _, err := h.Commit(t.Context(), &Write{Ops: []Op{createGroup(fmt.Sprint("g", n), fmt.Sprint(n))}}); err != nil {
					t.Error(err)
				}
				if n%20 == 0 { // changes it back and forth, as no write does
					err := s.committer().do(t.Context(), func(ctx context.Context, c *conn) error {
						_, err := c.exec(ctx, "UPDATE head SET trimmed = 1 - trimmed WHERE account_id = ?1", account)
						return err
					})
					if err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	var known atomic.Int64
	for range 4 {
		wg.Go(func() {
			for over.Err() == nil {
				h := NewHandle(fmt.Sprint("a", rand.N(accounts)), testKeys, func(context.Context, bool) (*Shard, error) { return s, nil })
				snap, err := h.Snapshot(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				before := heads.n.Load()
				got, err := snap.opened(t.Context())
				if heads.n.Load() == before {
					known.Add(1)
				}
				var is head
				if err == nil {
					err = snap.each(t.Context(), func(b *builder) { headOf(b, 0) }, is.scan)
				}
				if err != nil || is != got {
					t.Errorf("the head is %+v, %v; in the database %+v", got, err, is)
				}
				snap.Close()
				if t.Failed() {
					return
				}
			}
		})
	}
	wg.Wait()
	if known.Load() == 0 {
		t.Error("no head was known")
	}
}

// A bookmark of an older epoch is judged by that epoch's end, also where the head is known.
func TestAKnownHeadDoesNotJudgeOlderEpochs(t *testing.T) {
	t.Parallel()
	s := openTest(t, Options{})
	s.testHandle(t, "a")
	s.exec(t, "UPDATE head SET epoch = 2, seq = 7 WHERE account_id = 'a'")
	s.exec(t, "INSERT INTO epoch_end (account_id, epoch, seq) VALUES ('a', 1, 7)")
	for _, test := range []struct {
		at   Position
		code Code
	}{{Position{2, 7}, ""}, {Position{1, 7}, ""}, {Position{1, 8}, BookmarkLost}} {
		h := NewHandle("a", testKeys, func(context.Context, bool) (*Shard, error) { return s, nil })
		h.require(test.at)
		snap, _, err := h.open(t.Context())
		wantCode(t, err, test.code)
		if err == nil {
			snap.Close()
		}
	}
}

// Where nothing is asked of the database, a read that was given up ends all the same.
func TestAKnownHeadIsNotForWhoGaveUp(t *testing.T) {
	t.Parallel()
	s := openTest(t, Options{})
	h := s.testHandle(t, "a")
	if _, err := h.prove(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if p, err := h.prove(ctx, false); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, %v", p, err)
	}
}

// TestAHeadThatIsNotAsKnownIsAskedFor: the writer finds out where somebody else has
// changed it, before it commits anything.
func TestAHeadThatIsNotAsKnownIsAskedFor(t *testing.T) {
	t.Parallel()
	const refused = "a write of which nothing is made, and which is remembered"
	for _, test := range []struct {
		name, change string
		code         Code
		at           Position
	}{
		{"as it was", "UPDATE head SET seq = seq", "", Position{1, 3}},
		{"a restore", "UPDATE head SET seq = 40", "", Position{1, 41}},
		{"a move", "UPDATE head SET epoch = 2", "", Position{2, 3}},
		{"another write", "INSERT INTO change SELECT account_id, 3, n, kind, record_table, 'g9', version, patch, actor, request_id, at FROM change WHERE seq = 2;" +
			" UPDATE head SET seq = 3", "", Position{1, 4}},
		{"a fence", "UPDATE head SET state = 'fenced'", Unavailable, Position{}},
		{refused, "UPDATE head SET state = 'fenced'", Unavailable, Position{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := openTest(t, Options{})
			h := s.testHandle(t, "a")
			e := s.engine.(*sqliteEngine)
			other, err := connect(e.driver, sqliteDSN(e.path, "rw", []string{"busy_timeout(5000)"}), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer other.close()
			for _, id := range []string{"g1", "g2"} {
				if _, err := h.Commit(t.Context(), &Write{Ops: []Op{createGroup(id, id)}}); err != nil {
					t.Fatal(err)
				}
			}
			for change := range strings.SplitSeq(test.change, ";") {
				if _, err := other.exec(t.Context(), change); err != nil {
					t.Fatal(err)
				}
			}
			write := &Write{Ops: []Op{createGroup("g3", "g3")}}
			if test.name == refused {
				write = &Write{Ops: []Op{createGroup("g1", "again"), createGroup("g2", "again")}, Partial: true, Key: &IdempotencyKey{Key: "k", Field: "f", Input: "i"}}
			}
			out, err := h.Commit(t.Context(), write)
			if CodeOf(err) != test.code || out.Position != test.at {
				t.Errorf("%v, %v; want %v, %q", out.Position, err, test.at, test.code)
			}
			var is head
			if err := other.query(t.Context(), Statement{SQL: "SELECT seq, epoch, state, trimmed, -1 FROM head"}, is.scan); err != nil {
				t.Fatal(err)
			}
			snap, err := h.Snapshot(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer snap.Close()
			if got, err := snap.opened(t.Context()); err != nil || got != is {
				t.Errorf("a read then is at %+v, %v; want %+v", got, err, is)
			}
			if test.code == "" {
				return
			}
			if _, err := other.exec(t.Context(), "UPDATE head SET state = 'active'"); err != nil {
				t.Fatal(err)
			}
			if _, err := h.Commit(t.Context(), write); err != nil { // which is not asked of what was known
				t.Error(err)
			}
		})
	}
}
