package tenancy

import (
	"context"
	"errors"
	"sync"
	"testing"
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
	turns := NewTurns(0, 0)
	turns.processors, turns.patience = processors, time.Minute
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
		m := t.accounts[account]
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

func TestAccountsTakeTurns(t *testing.T) {
	t.Parallel()
	turns, wait := newTurns(1)
	a, b := &Account{ID: "a"}, &Account{ID: "b"}
	holders := []*Turn{}
	for range crowd { // nobody may begin
		holders = append(holders, take(t, turns, &Account{ID: "holder " + string(rune('a'+len(holders)))}))
	}
	turnA, _ := wait(t.Context(), a)
	turns.queued(t, "a", 1)
	_, secondA := wait(t.Context(), a)
	turns.queued(t, "a", 2)
	turnB, _ := wait(t.Context(), b)
	turns.queued(t, "b", 1)
	holders[0].End()
	first := turnA()
	holders[1].End()
	turnB().End()
	select {
	case <-secondA:
		t.Error("a's second came before b's first")
	default:
	}
	first.End()
	for _, h := range holders[2:] {
		h.End()
	}
	soon(t, "a's second never begins", secondA)
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
	if len(turns.accounts) != 0 || len(turns.waiting) != 0 || turns.running != 0 {
		t.Errorf("left behind: %v, %v, %d running", turns.accounts, turns.waiting, turns.running)
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
	turn.since = turn.since.Add(-150 * time.Millisecond) // it has computed as much as it may in 1.5 s
	turns.mu.Unlock()
	turn.End()
	start := time.Now()
	take(t, turns, slow).End()
	if d := time.Since(start); d < 300*time.Millisecond {
		t.Errorf("it computed again after %v", d)
	}
}
