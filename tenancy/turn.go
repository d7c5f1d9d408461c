package tenancy

import (
	"slices"
	"sync/atomic"
	"time"
)

// Turn is an operation's right to compute. End it.
type Turn struct {
	turns  *Turns
	member *member
	came   time.Time
	begun  chan struct{} // closed when it may; nil where it need not wait

	// Set before it begins: that it came after those of other accounts, and that what
	// it computes gives way to theirs.
	late, yields bool

	aside bool // it runs in the background; of the operation's goroutine

	// What follows is guarded by the lock of turns; that it ended can be read
	// without.
	inside bool
	ended  atomic.Bool
	idle   int           // goroutines that wait for something else than a processor
	since  time.Duration // the clock when it began to compute
	// kept is not nil while it waits for a server with its turn: then it counts as
	// computing, though idle is not 0.
	kept *kept
}

// Yields reports whether what the operation computes gives way to others: its
// account has used much more than its portion of late, nobody much more than that,
// and it is not alone.
func (turn *Turn) Yields() bool {
	return turn != nil && turn.yields && turn.turns.background != nil && !turn.aside && !turn.ended.Load()
}

// Run runs f and returns when it has; in the background where the operation
// Yields, else right here. A nil Turn yields to nobody. The operation does
// nothing else meanwhile, so that f may use what its caller does.
func (turn *Turn) Run(f func()) {
	if !turn.Yields() {
		f()
		return
	}
	turn.aside = true
	defer func() { turn.aside = false }()
	turn.turns.background.run(f)
}

// Spend says that whoever writes to the shard computed for so long on the operation's
// behalf, while that was idle: a server that is here, or the gateway itself.
func (turn *Turn) Spend(d time.Duration, server bool) {
	turn.change(func(now time.Time) {
		turn.turns.uses(turn.member, d, now)
		if server && turn.late {
			turn.member.pause(d, turn.turns.lull, now)
		}
	})
}

// Idle says that the operation waits for a disk or a network, so that others
// may compute, and returns what says that it goes on. Going on is not waited
// for, since the operation may hold what others need; what comes next waits the
// longer. Several goroutines of the operation may be idle at once.
func (turn *Turn) Idle() (resume func()) {
	turn.change(turn.stand)
	return turn.resume
}

func (turn *Turn) stand(now time.Time) {
	if turn.idle++; turn.idle == 1 {
		turn.turns.stop(turn, now)
	}
}

func (turn *Turn) resume() {
	turn.change(func(now time.Time) {
		if turn.idle--; turn.idle > 0 {
			return
		}
		if turn.kept != nil {
			turn.answered(now)
			return
		}
		turn.turns.start(turn, now)
	})
}

// change changes a turn that has not ended, and lets begin who may then.
func (turn *Turn) change(f func(now time.Time)) {
	if turn.ended.Load() { // as whoever makes sure of it finds nearly always
		return
	}
	t, now := turn.turns, time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	if !turn.ended.Load() {
		f(now)
		t.advance(now)
	}
}

// End gives the turn back. Ending it again does nothing.
func (turn *Turn) End() {
	turn.change(func(now time.Time) {
		turn.ended.Store(true)
		t, m := turn.turns, turn.member
		if !turn.inside { // it never began
			m.queue = slices.DeleteFunc(m.queue, func(other *Turn) bool { return other == turn })
			t.waiting.place(m)
			return
		}
		m.inside--
		if turn.kept != nil {
			turn.answered(now)
		} else if turn.idle > 0 {
			return
		}
		t.stop(turn, now)
	})
}
