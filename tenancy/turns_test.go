package tenancy

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gatehouse/shards"
)

// soon fails the test where what should happen does not.
func soon(t *testing.T, what string, happens <-chan struct{}) {
	t.Helper()
	select {
	case <-happens:
	case <-time.After(30 * time.Second):
		t.Fatal(what)
	}
}

// newTurns returns turns on so many processors, and a way to wait in the background.
func newTurns(processors int) (*Turns, func(ctx context.Context, a *Account) (turn func() *Turn, begun <-chan struct{})) {
	turns := NewTurns(0, 0, nil)
	turns.processors, turns.patience, turns.lull = processors, time.Minute, time.Minute
	return turns, func(ctx context.Context, a *Account) (func() *Turn, <-chan struct{}) {
		begun := make(chan struct{})
		var turn *Turn
		go func() {
			if got, err := turns.Wait(ctx, a); err == nil {
				turn = got
				close(begun)
			}
		}()
		return func() *Turn { <-begun; return turn }, begun
	}
}

func (t *Turns) queued(test *testing.T, account string, n int) {
	test.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		t.mu.Lock()
		m := t.accounts.of[account]
		ok := m != nil && len(m.queue) == n
		t.mu.Unlock()
		if ok {
			return
		}
	}
	test.Fatalf("%d operations of %s never wait", n, account)
}

func take(t *testing.T, turns *Turns, a *Account) *Turn {
	t.Helper()
	turn, err := turns.Wait(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	return turn
}

func TestAnAccountThatIsAloneUsesAllProcessors(t *testing.T) {
	t.Parallel()
	turns, wait := newTurns(3)
	noisy := &Account{ID: "noisy"}
	for range 3 {
		take(t, turns, noisy)
	}
	_, begun := wait(t.Context(), noisy)
	turns.queued(t, "noisy", 1)
	select {
	case <-begun:
		t.Error("a fourth began on three processors")
	default:
	}
}

func TestWhoComputesNothingNeverWaits(t *testing.T) {
	t.Parallel()
	turns, wait := newTurns(2)
	noisy, quiet, other := &Account{ID: "noisy"}, &Account{ID: "quiet"}, &Account{ID: "other"}
	first, second := take(t, turns, noisy), take(t, turns, noisy)
	turns.used(noisy, time.Minute)
	_, begun := wait(t.Context(), noisy)
	turns.queued(t, "noisy", 1)
	take(t, turns, quiet).End()
	take(t, turns, other).End()
	// Others are active now: one processor stays free.
	first.End()
	turns.queued(t, "noisy", 1)
	take(t, turns, quiet).End()
	second.End()
	soon(t, "it may begin, since nothing runs", begun)
}

// TestWhoRestsIsLookedAtAgain: an account whose CPU time is limited begins as
// often as that allows, also while what it has begun still computes.
func TestWhoRestsIsLookedAtAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		turns := NewTurns(8, 0, nil)
		slow := &Account{ID: "slow", Limits: Limits{CPU: 1}}
		turns.used(slow, time.Millisecond)
		start := time.Now()
		for range 6 {
			take(t, turns, slow)
		}
		if d := time.Since(start); d != 5*1000*beside {
			t.Errorf("they have begun after %v", d)
		}
	})
}

// TestAllThatIsUsedCounts: what a shard's writer does for an account, and what
// there is to do about a request, however little that computes.
func TestAllThatIsUsedCounts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { // no time passes
		turns := NewTurns(2, 0, nil)
		modest := func(a *Account) bool { return turns.accounts.get(a, time.Now()).modest(time.Now()) }
		writer := &Account{ID: "writer"}
		turn := take(t, turns, writer)
		resume := turn.Idle()
		turn.Spend(time.Second, false)
		resume()
		if turn.End(); modest(writer) {
			t.Error("a second of a shard's writer counts for nothing")
		}
		small := &Account{ID: "small"}
		for range 100 {
			take(t, turns, small).End()
		}
		if !modest(small) {
			t.Error("a hundred small operations are a flood")
		}
		for range 10_000 {
			take(t, turns, small).End()
		}
		if modest(small) {
			t.Error("ten thousand at once are none")
		}
	})
}

// used has an account have computed for so long.
func (t *Turns) used(a *Account, d time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.uses(t.accounts.get(a, time.Now()), d, time.Now())
}

func TestWhoUsesLittleIsServedInTheOrderOfArrival(t *testing.T) {
	t.Parallel()
	turns, wait := newTurns(2)
	turns.lull = 0 // it comes last, but need not wait for room
	noisy, a, b := &Account{ID: "noisy"}, &Account{ID: "a"}, &Account{ID: "b"}
	holders := []*Turn{}
	for range 2 * crowd { // nobody may begin
		holders = append(holders, take(t, turns, &Account{ID: "holder " + string(rune('a'+len(holders)))}))
	}
	turns.used(noisy, time.Minute)
	var order []<-chan struct{}
	var held []func() *Turn
	queue := func(a *Account, n int) {
		turn, begun := wait(t.Context(), a)
		turns.queued(t, a.ID, n)
		order, held = append(order, begun), append(held, turn)
	}
	queue(noisy, 1)
	queue(a, 1)
	queue(a, 2) // it uses little, so a second operation need not wait for its first
	queue(b, 1)
	for i, next := range []int{1, 2, 3, 0} {
		holders[i].End()
		soon(t, "nobody begins", order[next])
		for _, later := range []int{1, 2, 3, 0}[i+1:] {
			select {
			case <-order[later]:
				t.Errorf("%d began before its turn", later)
			default:
			}
		}
	}
	for _, h := range holders[4:] {
		h.End()
	}
	for _, turn := range held {
		turn().End()
	}
}

// TestWhatIsUsedIsForgotten looks at an account's use as time goes on.
func TestWhatIsUsedIsForgotten(t *testing.T) {
	t.Parallel()
	now := time.Now()
	m := &member{}
	if m.uses(100*time.Millisecond, now, 8); !m.modest(now) {
		t.Error("a tenth of a second of eight processors is too much")
	}
	if m.uses(2*time.Second, now, 8); m.modest(now) {
		t.Error("two seconds are not")
	}
	m.uses(time.Hour, now, 8)
	if m.over(now.Add(remembered - 1)) {
		t.Error("it is forgotten at once")
	}
	if !m.over(now.Add(remembered)) {
		t.Error("an hour is held against it for longer than a second")
	}

	ms := members{of: map[string]*member{}}
	for i := range 10 * manyMembers {
		ms.get(&Account{ID: fmt.Sprint(i)}, now)
	}
	if n := len(ms.of); n > manyMembers {
		t.Errorf("%d accounts are remembered that do nothing", n)
	}
}

// TestProcessorsAreShared: who computes beside seven others on two processors
// has used a quarter of the time that passed.
func TestProcessorsAreShared(t *testing.T) {
	t.Parallel()
	var c stopwatch
	now := time.Now()
	before := c.read(now, 0, 2)
	if d := c.read(now.Add(time.Second), 2, 2) - before; d != time.Second {
		t.Errorf("two on two processors: %v", d)
	}
	before = c.read(now.Add(time.Minute), 0, 2)
	if d := c.read(now.Add(time.Minute+time.Second), 8, 2) - before; d != time.Second/4 {
		t.Errorf("eight on two processors: %v", d)
	}
}

func TestWhoWaitsForADiskLeavesTheProcessor(t *testing.T) {
	t.Parallel()
	turns, wait := newTurns(1)
	a := &Account{ID: "a"}
	turn := take(t, turns, a)
	resume, again := turn.Idle(), turn.Idle() // two of its goroutines
	second := take(t, turns, a)
	again()
	resume() // does not wait, although the second computes
	_, begun := wait(t.Context(), a)
	turns.queued(t, "a", 1)
	second.End()
	turns.queued(t, "a", 1)
	turn.End()
	turn.End()
	soon(t, "the third never begins", begun)
}

func TestWaitingIsBounded(t *testing.T) {
	t.Parallel()
	turns, _ := newTurns(1)
	a := &Account{ID: "a"}
	turn := take(t, turns, a)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for range maxQueue {
		wg.Go(func() {
			if _, err := turns.Wait(ctx, a); !errors.Is(err, context.Canceled) {
				t.Errorf("got %v", err)
			}
		})
	}
	turns.queued(t, "a", maxQueue)
	if _, err := turns.Wait(ctx, a); shards.CodeOf(err) != shards.RateLimited {
		t.Errorf("got %v", err)
	}
	cancel()
	wg.Wait()
	turns.patience = time.Millisecond
	if _, err := turns.Wait(t.Context(), a); shards.CodeOf(err) != shards.Unavailable {
		t.Errorf("got %v", err)
	}
	turn.End()
	turns.accounts.sweep(time.Now().Add(time.Minute))
	if len(turns.accounts.of) != 0 || len(turns.waiting) != 0 || turns.running != 0 {
		t.Errorf("left behind: %v, %v, %d running", turns.accounts.of, turns.waiting, turns.running)
	}
}

func TestAnAccountsOwnConcurrencyAndCPU(t *testing.T) {
	t.Parallel()
	turns, wait := newTurns(4)
	one := &Account{ID: "one", Limits: Limits{Concurrency: 1}}
	turn := take(t, turns, one)
	resume := turn.Idle() // it is under way all the same
	_, begun := wait(t.Context(), one)
	turns.queued(t, "one", 1)
	resume()
	turn.End()
	soon(t, "the second never begins", begun)

	slow := &Account{ID: "slow", Limits: Limits{CPU: 100}}
	turn = take(t, turns, slow)
	turns.mu.Lock()
	turn.since -= 150 * time.Millisecond // it has computed as much as it may in 1.5 s
	turns.mu.Unlock()
	turn.End()
	start := time.Now()
	take(t, turns, slow).End()
	if d := time.Since(start); d < 300*time.Millisecond {
		t.Errorf("it computed again after %v", d)
	}
}
