package tenancy

import (
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// aside reports whether it is called in a background.
func aside() bool { return strings.Contains(string(debug.Stack()), "(*background).serve") }

// runsAside reports whether an operation of the account computes in the background.
func runsAside(t *testing.T, turns *Turns, a *Account) (so bool) {
	t.Helper()
	turn := take(t, turns, a)
	defer turn.End()
	turn.Run(func() { so = aside() })
	return so
}

func TestWhoUsesMuchGivesWayToOthers(t *testing.T) {
	t.Parallel()
	var threads atomic.Int32
	turns := NewTurns(2, 0, func() { threads.Add(1) })
	noisy, quiet := &Account{ID: "noisy"}, &Account{ID: "quiet"}
	if turns.used(noisy, time.Minute); runsAside(t, turns, noisy) {
		t.Error("it gives way to nobody")
	}
	if runsAside(t, turns, quiet) {
		t.Error("who used little gives way")
	}
	for range 10 {
		turns.used(noisy, time.Minute)
		if take(t, turns, quiet).End(); !runsAside(t, turns, noisy) {
			t.Error("who used much does not give way")
		}
	}
	if n := threads.Load(); n < 1 || n > 2 { // the first may not be back yet
		t.Errorf("%d threads for one operation at a time", n)
	}

	turns.used(noisy, time.Minute)
	take(t, turns, quiet).End()
	turn := take(t, turns, noisy)
	within := false
	turn.Run(func() { turn.Run(func() { within = aside() }) })
	if !within {
		t.Error("what runs within does not run there")
	}
	if turn.End(); turn.Yields() {
		t.Error("a turn that has ended gives way")
	}
	if turns := NewTurns(2, 0, nil); turns.background != nil {
		t.Error("there is a background without a way to give way")
	}
}

// TestWhoUsesMoreForAMomentComputesAsEver: it only comes later than others.
func TestWhoUsesMoreForAMomentComputesAsEver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		turns := NewTurns(2, 0, func() {})
		busy, quiet := &Account{ID: "busy"}, &Account{ID: "quiet"}
		turns.used(busy, 400*time.Millisecond)
		take(t, turns, quiet).End()
		turn := take(t, turns, busy)
		if !turn.late || turn.Yields() {
			t.Errorf("late: %t, gives way: %t", turn.late, turn.Yields())
		}
		turn.End()
		turns.used(busy, 400*time.Millisecond)
		if turn := take(t, turns, busy); !turn.late || !turn.Yields() {
			t.Errorf("twice as much: late: %t, gives way: %t", turn.late, turn.Yields())
		}
	})
}

func TestABackgroundIsBounded(t *testing.T) {
	t.Parallel()
	b := newBackground(func() {})
	begun, end := make(chan struct{}), make(chan struct{})
	var all sync.WaitGroup
	for range DefaultConcurrency { // as many operations as an account has
		all.Go(func() {
			b.run(func() {
				if begun <- struct{}{}; !aside() {
					t.Error("there are too few threads")
				}
				<-end
			})
		})
	}
	for range DefaultConcurrency {
		soon(t, "not all run at once", begun)
	}
	here := false
	if b.run(func() { here = !aside() }); !here {
		t.Error("there are too many threads")
	}
	close(end)
	all.Wait()
}

// TestABackgroundOutlivesItsJobs: what ends a goroutine ends no more than that.
func TestABackgroundOutlivesItsJobs(t *testing.T) {
	t.Parallel()
	b := newBackground(func() {})
	for range 2 * maxBackground {
		func() {
			defer func() {
				if got := recover(); got != "boom" {
					t.Errorf("the caller is told %v", got)
				}
			}()
			b.run(func() { panic("boom") })
		}()
		b.run(runtime.Goexit)
	}
	so := false
	for deadline := time.Now().Add(30 * time.Second); !so && time.Now().Before(deadline); {
		b.run(func() { so = aside() })
	}
	if !so {
		t.Error("all threads are gone for good")
	}
}
