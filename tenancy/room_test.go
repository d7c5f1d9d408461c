package tenancy

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestWhoUsesMuchWaitsForOthers: on two processors what an account asks for
// beyond its portion begins once nobody else computes, or has waited for long.
func TestWhoUsesMuchWaitsForOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		turns := NewTurns(2, 0, nil)
		noisy, quiet := &Account{ID: "noisy"}, &Account{ID: "quiet"}
		waits := func() time.Duration {
			start := time.Now()
			take(t, turns, noisy).End()
			return time.Since(start)
		}
		turn := take(t, turns, quiet)
		if d := waits(); d != 0 {
			t.Errorf("who used little waits for %v", d)
		}
		turns.used(noisy, time.Minute)
		for range 3 {
			if d := waits(); d != lull {
				t.Errorf("it waits for %v while somebody computes", d)
			}
		}
		const more = lull / 4
		time.AfterFunc(more, func() { turn.Idle() })
		if d := waits(); d != more {
			t.Errorf("it waits for %v where somebody computes for %v", d, more)
		}
		other := &Account{ID: "other"}
		turns.used(other, time.Minute)
		second := take(t, turns, other)
		if d := waits(); d != 0 {
			t.Errorf("it waits for %v for somebody who used as much", d)
		}
		second.End()
		turn.resume()
		time.Sleep(sharing)
		turns.used(noisy, time.Minute)
		if d := waits(); d != 0 {
			t.Errorf("it waits for %v for who has not asked for anything in a while", d)
		}
	})
}

// TestOnlyTheGreediestWaitForOthers: an account beyond its portion does not
// wait for room while another one is further beyond it, as those are beside whom
// a flood makes everything take longer.
func TestOnlyTheGreediestWaitForOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		turns := NewTurns(2, 0, nil)
		take(t, turns, &Account{ID: "quiet"})
		busy, flood := &Account{ID: "busy"}, &Account{ID: "flood"}
		waits := func(a *Account) time.Duration {
			start := time.Now()
			take(t, turns, a).End()
			return time.Since(start)
		}
		turns.used(busy, 800*time.Millisecond)
		if d := waits(busy); d != lull {
			t.Errorf("who is beyond its portion waits for %v", d)
		}
		turns.used(flood, time.Minute)
		if d := waits(busy); d != 0 {
			t.Errorf("it waits for %v beside a flood", d)
		}
		if d := waits(flood); d != lull {
			t.Errorf("the flood waits for %v", d)
		}
		turns.used(busy, time.Minute)
		if d := waits(busy); d != lull {
			t.Errorf("another flood waits for %v", d)
		}
		time.Sleep(remembered) // of the flood
		take(t, turns, &Account{ID: "quiet"})
		turns.used(busy, 800*time.Millisecond)
		if d := waits(busy); d != lull {
			t.Errorf("who is beyond its portion waits for %v once the flood is over", d)
		}
	})
}

// TestWhoIsWithinItsPortionAgainBegins: also where nothing else begins or ends.
func TestWhoIsWithinItsPortionAgainBegins(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		turns := NewTurns(2, 0, nil)
		busy := &Account{ID: "busy"}
		take(t, turns, &Account{ID: "quiet"}).End()
		turns.used(busy, 300*time.Millisecond)
		take(t, turns, busy)
		again := turns.accounts.get(busy, time.Now()).even.Add(-allowance)
		if take(t, turns, busy); !time.Now().Equal(again) {
			t.Errorf("it begins %v later", time.Since(again))
		}
	})
}

// TestWhoUsesMuchHasOneAtAServer: an account that comes after others has no more
// operations at a server than compute here. Where that has a machine of its own
// those of others are not counted, nor what it does for anybody.
func TestWhoUsesMuchHasOneAtAServer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		turns := NewTurns(2, 0, nil)
		noisy, quiet := &Account{ID: "noisy"}, &Account{ID: "quiet"}
		start := time.Now()
		for range 10 {
			defer take(t, turns, quiet).Served(false)()
		}
		turns.used(noisy, time.Minute)
		even := turns.accounts.get(noisy, start).even
		turn := take(t, turns, noisy)
		back := turn.Served(false)
		if d := time.Since(start); d != 0 {
			t.Errorf("they wait for %v", d)
		}
		time.AfterFunc(lull/2, func() { back(); turn.End() })
		if take(t, turns, noisy); time.Since(start) != lull/2 {
			t.Errorf("its second begins after %v", time.Since(start))
		}
		for account, want := range map[*Account]time.Time{noisy: even.Add(2 * beside * portion / 2), quiet: start.Add(10 * beside * portion / 2)} {
			if got := turns.accounts.get(account, start).even; got.After(want) {
				t.Errorf("%s has used %v too much", account.ID, got.Sub(want))
			}
		}
	})
}

// TestWhatAServerHereDoesCounts: one on the same processors is as if they did it
// themselves.
func TestWhatAServerHereDoesCounts(t *testing.T) {
	t.Parallel()
	const long = lull / 4
	served := func(turn *Turn) {
		back := turn.Served(true)
		time.Sleep(long)
		back()
		turn.End()
	}
	synctest.Test(t, func(t *testing.T) {
		turns := NewTurns(2, 0, nil)
		noisy, quiet := &Account{ID: "noisy"}, &Account{ID: "quiet"}
		for range 10 { // alone it has as much of the server as it asks for
			defer take(t, turns, noisy).Served(true)()
		}
		turns.used(noisy, time.Minute)
		go served(take(t, turns, quiet))
		waits := func() (*Turn, time.Duration) {
			start := time.Now()
			turn := take(t, turns, noisy)
			return turn, time.Since(start)
		}
		turn, d := waits()
		if d != long {
			t.Errorf("it waits for %v while the server has something of another account's for %v", d, long)
		}
		served(turn)
		if turn, d = waits(); d != long {
			t.Errorf("it leaves the server alone for %v after %v", d, long)
		}
		turn.Spend(long, true)
		turn.End()
		if turn, d = waits(); d != long {
			t.Errorf("it leaves the server alone for %v after a write", d)
		}
		// However long its queue is, it waits for room each time.
		go served(turn)
		take(t, turns, quiet)
		start := time.Now()
		var queue sync.WaitGroup
		for range 3 {
			queue.Go(func() { served(take(t, turns, noisy)) })
		}
		if queue.Wait(); time.Since(start) != 2*long+3*(lull+long)+2*long {
			t.Errorf("its queue takes %v", time.Since(start))
		}
	})
	synctest.Test(t, func(t *testing.T) {
		turns := NewTurns(2, 0, nil)
		busy := &Account{ID: "busy"}
		take(t, turns, &Account{ID: "quiet"}).End()
		start := time.Now()
		served(take(t, turns, busy))
		if got, want := turns.accounts.get(busy, start).even, start.Add((long+beside)*portion/2); got.Before(want.Add(-beside)) {
			t.Errorf("it is even after %v, and has used %v", got.Sub(start), long)
		}
	})
}

// TestAServerThatHangsHoldsNobodyUp: turns that are kept while it answers nothing
// lapse, and what it waits for itself does not count.
func TestAServerThatHangsHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		turns := NewTurns(2, 0, nil)
		healthy := &Account{ID: "healthy"}
		take(t, turns, healthy).End()
		start := time.Now()
		for i := range 2 * crowd {
			defer take(t, turns, &Account{ID: fmt.Sprint(i / 2)}).Served(true)()
		}
		for _, want := range []time.Duration{lull, lull} { // and then all the time
			if take(t, turns, healthy).End(); time.Since(start) != want {
				t.Errorf("another account waits until %v", time.Since(start))
			}
		}
		time.Sleep(time.Minute)
		hung := &Account{ID: "0"}
		for range 2 { // its own goes on as well
			take(t, turns, hung).End()
		}
		if d := time.Since(start); d != lull+time.Minute {
			t.Errorf("its account waits until %v", d)
		}
		if even := turns.accounts.get(hung, start).even; even.After(time.Now().Add(time.Millisecond)) {
			t.Errorf("it is even in %v", time.Until(even))
		}
	})
}

// TestAPauseEnds: whoever leaves a server alone does so for no longer than a lull,
// and not where nobody else is active.
func TestAPauseEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		turns := NewTurns(2, 0, nil)
		noisy, quiet := &Account{ID: "noisy"}, &Account{ID: "quiet"}
		spend := func() {
			turns.used(noisy, time.Minute)
			turn := take(t, turns, noisy)
			turn.Spend(time.Minute, true)
			turn.End()
		}
		take(t, turns, quiet).End()
		spend()
		start := time.Now()
		if take(t, turns, noisy).End(); time.Since(start) != lull {
			t.Errorf("it pauses for %v", time.Since(start))
		}
		time.Sleep(sharing - lull - time.Millisecond)
		take(t, turns, quiet).End()
		time.Sleep(sharing - time.Millisecond)
		spend()
		time.Sleep(time.Millisecond)
		start = time.Now()
		if take(t, turns, noisy).End(); time.Since(start) != 0 {
			t.Errorf("alone it pauses for %v", time.Since(start))
		}
	})
}

// TestNobodyWaitsLongerThanALull: also who waited for its own operation at first,
// while somebody who came later waited for room.
func TestNobodyWaitsLongerThanALull(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		turns := NewTurns(2, 0, nil)
		first, second := &Account{ID: "first"}, &Account{ID: "second"}
		take(t, turns, &Account{ID: "quiet"})
		turn := take(t, turns, first)
		turns.used(first, time.Minute)
		turns.used(second, time.Minute)
		waits := func(a *Account) {
			start := time.Now()
			take(t, turns, a).End()
			if d := time.Since(start); d != lull {
				t.Errorf("%s waits for %v", a.ID, d)
			}
		}
		go waits(first)
		time.Sleep(lull / 4)
		go waits(second)
		time.Sleep(lull / 4)
		turn.End()
		time.Sleep(lull)
	})
}
