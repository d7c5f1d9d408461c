package tenancy

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"gatehouse/shards"
)

// begun is Begin, to be used at once.
func begun(b *Budgets, c *Caller) *Spending {
	s := b.Begin(c)
	return &s
}

func callerOf(account, credential string, limits Limits) *Caller {
	return &Caller{Account: Account{ID: account, Limits: limits}, Credential: credential}
}

func TestABudgetIsSpentAndRestored(t *testing.T) {
	t.Parallel()
	c := newClock()
	b := NewBudgets(BudgetOptions{Points: 10, Burst: 100, Now: c.now})
	me := callerOf("a", "key:1", Limits{})
	s := begun(b, me)
	must(t, s.Request(1)) // before anything is known
	must(t, s.Request(60))
	if got, want := *s.Cost(), (Cost{60, 60, Throttle{100, 40, 10}}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	s.Settle(25)
	if got, want := *s.Cost(), (Cost{60, 25, Throttle{100, 75, 10}}); got != want {
		t.Errorf("settled %+v, want %+v", got, want)
	}
	s.Settle(35) // a stream goes on
	if got := s.Cost().Throttle.Remaining; got != 65 {
		t.Errorf("%d remain", got)
	}
	refused := begun(b, me)
	err := refused.Request(90)
	var limited *shards.Error
	if !errors.As(err, &limited) || limited.Code != shards.RateLimited || limited.RetryAfter != 2500*time.Millisecond {
		t.Errorf("got %+v", limited)
	}
	if got, want := *refused.Cost(), (Cost{90, 0, Throttle{100, 65, 10}}); got != want {
		t.Errorf("refused %+v, want %+v", got, want)
	}
	c.advance(2500 * time.Millisecond)
	must(t, begun(b, me).Request(90))
	c.advance(time.Hour)
	if err := begun(b, me).Request(101); shards.CodeOf(err) != shards.CostLimit {
		t.Errorf("more than there can ever be: %v", err)
	}
	must(t, begun(b, me).Request(100)) // and no more than the burst has been saved up
	if err := begun(b, me).Request(1); shards.CodeOf(err) != shards.RateLimited {
		t.Errorf("got %v", err)
	}
}

// What is spared must be there, and stays.
func TestABudgetIsSpared(t *testing.T) {
	t.Parallel()
	b := NewBudgets(BudgetOptions{Points: 10, Burst: 100, Now: newClock().now})
	me := callerOf("a", "key:1", Limits{})
	s := begun(b, me)
	must(t, s.Request(1))
	must(t, s.Spare(99))
	if got, want := *s.Cost(), (Cost{99, 1, Throttle{100, 99, 10}}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	must(t, begun(b, me).Request(60))
	s = begun(b, me)
	must(t, s.Request(1))
	if err := s.Spare(60); shards.CodeOf(err) != shards.RateLimited {
		t.Errorf("got %v", err)
	}
	if got, want := *s.Cost(), (Cost{60, 1, Throttle{100, 38, 10}}); got != want {
		t.Errorf("refused %+v, want %+v", got, want)
	}
}

func TestBudgetsAreOfACredentialInAnAccount(t *testing.T) {
	t.Parallel()
	c := newClock()
	b := NewBudgets(BudgetOptions{Points: 10, Burst: 100, Now: c.now})
	must(t, begun(b, callerOf("a", "user:1", Limits{})).Request(100))
	must(t, begun(b, callerOf("a", "user:2", Limits{})).Request(100))
	must(t, begun(b, callerOf("b", "user:1", Limits{})).Request(100))
	if err := begun(b, callerOf("a", "user:1", Limits{})).Request(1); shards.CodeOf(err) != shards.RateLimited {
		t.Errorf("got %v", err)
	}
	// An account's own limits hold at once, for what is spent from then on.
	more := begun(b, callerOf("a", "user:3", Limits{Points: 50, Burst: 1000}))
	must(t, more.Request(600))
	if got, want := more.Cost().Throttle, (Throttle{1000, 400, 50}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	less := begun(b, callerOf("a", "user:4", Limits{Burst: 5}))
	if err := less.Request(6); shards.CodeOf(err) != shards.CostLimit {
		t.Errorf("got %v", err)
	}
}

// What was not foreseen is a debt, which is paid before anything else.
func TestABudgetCanBeInDebt(t *testing.T) {
	t.Parallel()
	c := newClock()
	b := NewBudgets(BudgetOptions{Points: 10, Burst: 100, Now: c.now})
	me := callerOf("a", "key:1", Limits{})
	s := begun(b, me)
	must(t, s.Request(1))
	s.Settle(150)
	if got := s.Cost().Throttle.Remaining; got != 0 {
		t.Errorf("%d remain", got)
	}
	c.advance(5 * time.Second)
	if err := begun(b, me).Request(1); shards.CodeOf(err) != shards.RateLimited {
		t.Errorf("got %v", err)
	}
	c.advance(time.Second)
	must(t, begun(b, me).Request(10))
}

// A flood of credentials neither fills the memory nor refills a budget.
func TestForgottenBudgetsGainNothing(t *testing.T) {
	t.Parallel()
	c := newClock()
	b := NewBudgets(BudgetOptions{Points: 10, Burst: 100, Credentials: 100, Now: c.now})
	me := callerOf("a", "key:1", Limits{})
	must(t, begun(b, me).Request(100))
	for i := range 1000 {
		_ = begun(b, callerOf("a", fmt.Sprint("user:", i), Limits{})).Request(1)
	}
	if n := len(b.full.young) + len(b.full.old); n > 100 {
		t.Errorf("%d are remembered", n)
	}
	c.advance(time.Second)
	if err := begun(b, me).Request(20); shards.CodeOf(err) != shards.RateLimited {
		t.Errorf("got %v: the flood refilled it", err)
	}
	must(t, begun(b, me).Request(10))
}

// Only who is forgotten leaves a debt to those who are unknown: not who goes on.
func TestABudgetInUseIsNobodyElsesDebt(t *testing.T) {
	t.Parallel()
	c := newClock()
	b := NewBudgets(BudgetOptions{Points: 10, Burst: 100, Credentials: 20, Now: c.now})
	me := callerOf("a", "key:1", Limits{})
	for i := range 100 {
		_ = begun(b, me).Request(90)
		for j := range 2 {
			must(t, begun(b, callerOf("b", fmt.Sprint("user:", i, j), Limits{})).Request(100))
		}
		c.advance(10 * time.Second)
	}
}

// An account whose budgets take long to be restored leaves no more to strangers
// than a default budget takes.
func TestAForgottenDebtIsBounded(t *testing.T) {
	t.Parallel()
	c := newClock()
	b := NewBudgets(BudgetOptions{Points: 10, Burst: 100, Credentials: 20, Now: c.now})
	for i := range 100 {
		_ = begun(b, callerOf("slow", fmt.Sprint("user:", i), Limits{Points: 1, Burst: 1_000_000})).Request(900_000)
	}
	stranger := begun(b, callerOf("b", "key:1", Limits{}))
	if err := stranger.Request(1); shards.CodeOf(err) != shards.RateLimited {
		t.Errorf("got %v: nothing is left of the debt", err)
	}
	c.advance(10 * time.Second)
	must(t, stranger.Request(100))
	must(t, begun(b, callerOf("b", "key:2", Limits{})).Request(100))
}

func TestABudgetIsNotSpentTwice(t *testing.T) {
	t.Parallel()
	c := newClock()
	b := NewBudgets(BudgetOptions{Points: 1, Burst: 1000, Now: c.now})
	me := callerOf("a", "key:1", Limits{})
	var wg sync.WaitGroup
	admitted := make(chan struct{}, 2000)
	for range 200 {
		wg.Go(func() {
			for range 10 {
				if begun(b, me).Request(7) == nil {
					admitted <- struct{}{}
				}
			}
		})
	}
	wg.Wait()
	if n := len(admitted); n != 142 {
		t.Errorf("%d requests of 7 points were admitted of 1000", n)
	}
}
