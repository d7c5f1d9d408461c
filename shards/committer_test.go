package shards

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

// group makes writes of an account in one group, in their order, and returns
// what became of each.
func (s *Shard) group(t *testing.T, h *Handle, writes ...*Write) ([]Committed, []error) {
	t.Helper()
	waits, release := s.hold(t)
	outs, errs := make([]Committed, len(writes)), make([]error, len(writes))
	var all sync.WaitGroup
	for i, w := range writes {
		all.Go(func() { outs[i], errs[i] = h.Commit(context.Background(), w) })
		waits(h.account, i+1)
	}
	release()
	all.Wait()
	return outs, errs
}

// A write that fails in a group takes nobody with it, leaves nothing behind and
// uses no number, whether it is refused at once, is refused half way, or fails
// in a way that nobody foresaw.
func TestAFailureInAGroupIsItsOwn(t *testing.T) {
	t.Parallel()
	nameless := Op{Kind: Created, Table: "groups", ID: "nameless", Body: []byte(`{}`), Patch: []byte(`{}`)}
	for name, failing := range map[string][]Op{
		"refused":           {createGroup("g9", "first")},
		"refused half way":  {createGroup("g8", "G8"), createGroup("g9", "first")},
		"unforeseen":        {nameless},
		"unforeseen by two": {createGroup("g8", "G8"), nameless},
	} {
		t.Run(name, func(t *testing.T) {
			s := openTest(t, Options{})
			h := s.testHandle(t, "a")
			outs, errs := s.group(t, h,
				&Write{Ops: []Op{createGroup("g1", "first")}}, &Write{Ops: failing}, &Write{Ops: []Op{createGroup("g2", "second")}})
			if errs[0] != nil || outs[0].Position.Seq != 1 || errs[2] != nil || outs[2].Position.Seq != 2 {
				t.Errorf("got %v %v, %v %v", outs[0], errs[0], outs[2], errs[2])
			}
			var refusal *Refusal
			if errs[1] == nil || errors.As(errs[1], &refusal) == strings.HasPrefix(name, "unforeseen") {
				t.Errorf("got %v", errs[1])
			}
			snap, _, err := h.open(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			defer snap.Close()
			sets, err := snap.ChangeSets(context.Background(), 0)
			if err != nil || len(sets) != 2 || len(sets[0].Changes) != 1 || len(sets[1].Changes) != 1 {
				t.Errorf("the history has %d writes, %v", len(sets), err)
			}
			rows, err := snap.Get(context.Background(), "groups", []string{"g1", "g2", "g8", "g9", "nameless"})
			if err != nil || len(rows) != 2 {
				t.Errorf("there are %d groups, %v", len(rows), err)
			}
		})
	}
}

// spending is a turn that only counts what was spent.
type spending struct{ d time.Duration }

func (s *spending) Idle() (resume func())         { return func() {} }
func (s *spending) Served(bool) (resume func())   { return s.Idle() }
func (s *spending) Spend(d time.Duration, _ bool) { s.d += d }

// Whoever asked for a write is told what it took whoever writes to the shard, which
// is everybody's; also for one that is refused.
func TestAWriteIsPaidForByWhoAskedForIt(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, open func() *Shard) {
		s := open()
		for _, refused := range []bool{false, true} {
			h, turn := s.testHandle(t, "a"), &spending{}
			h.InTurn(turn)
			out, err := h.Commit(context.Background(), &Write{Ops: []Op{createGroup(fmt.Sprint(refused), "G")}})
			if (err != nil) != refused || turn.d <= 0 || !refused && turn.d != out.Spent {
				t.Errorf("refused %t: %v was told, %v was spent, %v", refused, turn.d, out.Spent, err)
			}
		}
	})
}

// A savepoint makes SQLite copy each page that is written to: what a single
// statement decides needs none.
func TestPlainWritesNeedNoSavepoints(t *testing.T) {
	t.Parallel()
	s := openTest(t, Options{})
	h := s.testHandle(t, "a")
	guarded := func() bool { return s.committer().conn.stmts.Contains("SAVEPOINT one") }
	s.group(t, h, &Write{Ops: []Op{createGroup("g1", "first")}}, &Write{Ops: []Op{createGroup("g9", "first")}}, &Write{Ops: []Op{createGroup("g2", "second")}})
	if guarded() {
		t.Error("a group of plain writes has savepoints")
	}
	s.group(t, h, &Write{Ops: []Op{createGroup("g3", "third"), createGroup("g9", "first")}}, &Write{Ops: []Op{createGroup("g4", "fourth")}})
	if !guarded() {
		t.Error("a write that may be refused half way has none")
	}
}
