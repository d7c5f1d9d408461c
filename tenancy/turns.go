package tenancy

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"time"

	"gatehouse/shards"
)

const (
	// DefaultConcurrency is how many operations of one account are under way at
	// once, those that wait for a disk or a network among them.
	DefaultConcurrency = 256
	// maxQueue is how many more of one account wait for their turn, and maxWait
	// for how long.
	maxQueue = 256
	maxWait  = time.Second
	// sharing is how long after its last operation an account counts as active,
	// so that the others leave room for it.
	sharing = time.Second
	// crowd bounds how many operations compute at once, by the processor.
	crowd = 8
)

// Turns shares the processors of this instance between accounts. An account
// that computes nothing never waits while another has more than its first
// operation running, and while several are active one processor stays free for
// whoever comes next; an account that is alone may use them all. Safe for
// concurrent use.
type Turns struct {
	processors  int
	concurrency int64
	patience    time.Duration // maxWait

	mu       sync.Mutex
	running  int // operations that compute
	accounts map[string]*member
	waiting  []*member // those with a queue, whose turn comes first
	// latest is the account that was active last, and before it another one.
	latest, before activity
}

type activity struct {
	account string
	at      time.Time
}

// member is an account with operations under way. It is there while it has any.
type member struct {
	account string
	limits  Limits
	running int // those that compute
	inside  int // those that compute or wait for a disk or a network
	queue   []*Turn
	// rested is from when on the account may compute again, where its CPU time
	// is limited.
	rested time.Time
}

// NewTurns returns turns on so many processors; on GOMAXPROCS of them where 0.
// concurrency is an account's where its limits don't say otherwise;
// DefaultConcurrency where 0.
func NewTurns(processors int, concurrency int64) *Turns {
	if processors <= 0 {
		processors = runtime.GOMAXPROCS(0)
	}
	if concurrency <= 0 {
		concurrency = DefaultConcurrency
	}
	return &Turns{processors: processors, concurrency: concurrency, patience: maxWait, accounts: map[string]*member{}}
}

// Turn is an operation's right to compute. End it.
type Turn struct {
	turns  *Turns
	member *member
	begun  chan struct{} // closed when it may; nil where it need not wait

	// What follows is guarded by the lock of turns.
	inside bool
	ended  bool
	idle   int       // goroutines that wait for something else than a processor
	since  time.Time // when it began to compute
}

// Wait returns when the account may compute. RATE_LIMITED where too many of the
// account's operations wait already, UNAVAILABLE where it takes too long.
func (t *Turns) Wait(ctx context.Context, account *Account) (*Turn, error) {
	turn := &Turn{turns: t}
	t.mu.Lock()
	m := t.member(account)
	turn.member = m
	if len(m.queue) >= maxQueue {
		t.mu.Unlock()
		return nil, &shards.Error{Code: shards.RateLimited, Message: "too many operations of this account wait already", RetryAfter: time.Second}
	}
	if m.queue = append(m.queue, turn); len(m.queue) == 1 {
		t.waiting = append(t.waiting, m)
	}
	if t.advance(time.Now()); turn.inside {
		t.mu.Unlock()
		return turn, nil
	}
	turn.begun = make(chan struct{})
	t.mu.Unlock()
	patience := time.NewTimer(t.patience)
	defer patience.Stop()
	var err error
	select {
	case <-turn.begun:
		return turn, nil
	case <-ctx.Done():
		err = ctx.Err()
	case <-patience.C:
		err = &shards.Error{Code: shards.Unavailable, Message: "the gateway is busy", RetryAfter: time.Second}
	}
	turn.End()
	return nil, err
}

// member returns the account's, with its present limits.
func (t *Turns) member(a *Account) *member {
	m := t.accounts[a.ID]
	if m == nil {
		m = &member{account: a.ID}
		t.accounts[a.ID] = m
	}
	m.limits = a.Limits
	return m
}

// advance lets begin who may, an operation of each account in turn.
func (t *Turns) advance(now time.Time) {
	for again := true; again; {
		again = false
		for range len(t.waiting) {
			m := t.waiting[0]
			t.waiting = append(t.waiting[1:], m)
			if !t.may(m, now) {
				continue
			}
			turn := m.queue[0]
			if m.queue = m.queue[1:]; len(m.queue) == 0 {
				t.waiting = t.waiting[:len(t.waiting)-1]
			}
			turn.inside = true
			m.inside++
			t.start(turn, now)
			if turn.begun != nil {
				close(turn.begun)
			}
			again = true
		}
	}
}

// start takes note that a turn computes.
func (t *Turns) start(turn *Turn, now time.Time) {
	m := turn.member
	m.running++
	t.running++
	turn.since = now
	if t.latest.account != m.account {
		t.before = t.latest
	}
	t.latest = activity{m.account, now}
}

// may reports whether another operation of m may begin.
func (t *Turns) may(m *member, now time.Time) bool {
	concurrency := t.concurrency
	if m.limits.Concurrency > 0 {
		concurrency = m.limits.Concurrency
	}
	switch {
	case int64(m.inside) >= concurrency, now.Before(m.rested):
		return false
	case m.running == 0:
		return t.running < crowd*t.processors
	}
	return t.running < t.room(m, now)
}

// room is below how many operations that compute another one of m may begin. A
// quarter of the processors is what the garbage collector takes when it runs.
func (t *Turns) room(m *member, now time.Time) int {
	other := t.latest
	if other.account == m.account {
		other = t.before
	}
	if now.Sub(other.at) < sharing {
		return max(1, t.processors-1-t.processors/4)
	}
	return t.processors
}

// stop takes note that a turn does not compute any more.
func (t *Turns) stop(turn *Turn, now time.Time) {
	m := turn.member
	m.running--
	t.running--
	if m.limits.CPU <= 0 {
		return
	}
	// What was used beyond a second's allowance has to be waited for.
	used := now.Sub(turn.since) * 1000 / time.Duration(m.limits.CPU)
	if floor := now.Add(-time.Second); m.rested.Before(floor) {
		m.rested = floor
	}
	if m.rested = m.rested.Add(used); m.rested.After(now) {
		time.AfterFunc(m.rested.Sub(now), func() {
			t.mu.Lock()
			defer t.mu.Unlock()
			now := time.Now()
			t.advance(now)
			t.forget(m, now)
		})
	}
}

// Idle says that the operation waits for a disk or a network, so that others
// may compute, and returns what says that it goes on. Going on is not waited
// for, since the operation may hold what others need; what comes next waits the
// longer. Several goroutines of the operation may be idle at once.
func (turn *Turn) Idle() (resume func()) {
	turn.change(func(now time.Time) {
		if turn.idle++; turn.idle == 1 {
			turn.turns.stop(turn, now)
		}
	})
	return turn.resume
}

func (turn *Turn) resume() {
	turn.change(func(now time.Time) {
		if turn.idle--; turn.idle == 0 {
			turn.turns.start(turn, now)
		}
	})
}

// change changes a turn that has not ended, and lets begin who may then.
func (turn *Turn) change(f func(now time.Time)) {
	t, now := turn.turns, time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	if !turn.ended {
		f(now)
		t.advance(now)
	}
}

// End gives the turn back. Ending it again does nothing.
func (turn *Turn) End() {
	turn.change(func(now time.Time) {
		turn.ended = true
		t, m := turn.turns, turn.member
		switch {
		case !turn.inside: // it never began
			m.queue = slices.DeleteFunc(m.queue, func(other *Turn) bool { return other == turn })
			if len(m.queue) == 0 {
				t.waiting = slices.DeleteFunc(t.waiting, func(other *member) bool { return other == m })
			}
		default:
			m.inside--
			if turn.idle == 0 {
				t.stop(turn, now)
			}
		}
		t.forget(m, now)
	})
}

// forget drops an account that has nothing under way and no time to make up for.
func (t *Turns) forget(m *member, now time.Time) {
	if m.inside == 0 && len(m.queue) == 0 && !now.Before(m.rested) {
		delete(t.accounts, m.account)
	}
}
