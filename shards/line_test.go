package shards

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
)

func TestAccountsTakeTurnsInLine(t *testing.T) {
	t.Parallel()
	l := newLine()
	add := func(account string, n int) {
		for range n {
			if !l.add(&pending{account: account}) {
				t.Fatalf("%s is refused", account)
			}
		}
	}
	accounts := func(group []*pending) (out []string) {
		for _, p := range group {
			out = append(out, p.account)
		}
		return out
	}
	add("noisy", maxWaiting)
	if l.add(&pending{account: "noisy"}) {
		t.Error("one account may wait without end")
	}
	add("quiet", 2)
	add("other", 1)
	gone := &pending{account: "quiet"}
	gone.state.Store(pendingGivenUp)
	l.add(gone)
	release := func(accounts ...string) {
		for _, account := range accounts {
			l.release(account)
		}
	}
	for _, want := range [][]string{
		{"noisy", "quiet", "other", "noisy"},
		{"quiet", "noisy", "noisy", "noisy"}, // the write that was given up takes no place
	} {
		if got := accounts(l.take(4, maxGroupOps)); !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
		if got := l.take(4, maxGroupOps); got != nil {
			t.Errorf("got %v of accounts whose writes are under way", accounts(got))
		}
		release("other", "quiet", "noisy")
	}
	if rest := l.take(2*maxWaiting, maxGroupOps); len(rest) != maxWaiting-5 {
		t.Errorf("%d are left", len(rest))
	}
	release("noisy")
	if l.take(1, maxGroupOps) != nil || len(l.waiting) != 0 || len(l.held) != 0 {
		t.Error("something is left behind")
	}
}

// A group takes no longer than so many changes do, however many writes have them.
func TestAGroupHasOnlySoManyChanges(t *testing.T) {
	t.Parallel()
	l := newLine()
	for _, n := range []int{maxGroupOps + 1, 1, maxGroupOps - 1, 1} {
		l.add(&pending{account: "a", write: &Write{Ops: make([]Op, n)}})
	}
	for _, want := range []int{1, 2, 1, 0} {
		if got := len(l.take(maxGroup, maxGroupOps)); got != want {
			t.Errorf("a group of %d, want %d", got, want)
		}
		l.release("a")
	}
}

// What a neighbour writes does not wait behind one account's flood.
func TestAWriteOvertakesAnotherAccountsFlood(t *testing.T) {
	t.Parallel()
	s := openTest(t, Options{})
	noisy, quiet := s.testHandle(t, "noisy"), s.testHandle(t, "quiet")
	const flood = 1000
	waits, release := s.hold(t)
	var all sync.WaitGroup
	defer all.Wait()
	var done atomic.Int64
	for i := range flood {
		all.Go(func() {
			if _, err := noisy.Commit(context.Background(), &Write{Ops: []Op{createGroup(fmt.Sprint("g", i), fmt.Sprint("G", i))}}); err != nil {
				t.Error(err)
			}
			done.Add(1)
		})
	}
	waits("noisy", flood)
	all.Go(func() {
		if _, err := quiet.Commit(context.Background(), &Write{Ops: []Op{createGroup("g1", "G")}}); err != nil {
			t.Error(err)
		}
		if n := done.Load(); n > flood/2 {
			t.Errorf("%d of the flood's %d writes came first", n, flood)
		}
	})
	waits("quiet", 1)
	release()
}
