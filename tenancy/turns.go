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
	// lull is how long an operation of an account that used much waits for the
	// others to leave it room: longer than a few of their dear ones take. It is also
	// how long an operation keeps its turn that waits for a server.
	lull = 60 * time.Millisecond
	// sharing is how long after its last operation an account counts as active,
	// so that the others leave room for it.
	sharing = time.Second
	// crowd bounds how many operations compute at once, by the processor.
	crowd = 8
)

// Turns shares the processors of this instance between accounts. Operations
// begin in the order in which they came, but for those of accounts that used
// more than their portion of late, which come later. The greediest of these begin
// where the others leave them room, or after a lull; where they used much more they
// compute in the background. Such an account has one that computes at a time, and
// more only where that leaves a processor free for whoever comes next; alone it may
// use them all. Safe for concurrent use.
type Turns struct {
	processors  int
	concurrency int64
	patience    time.Duration // maxWait
	lull        time.Duration
	background  *background // nil where nothing gives way

	mu       sync.Mutex
	running  int       // operations that compute
	late     int       // those of them that came after others
	looks    time.Time // when timer has it looked again who may begin; zero where it does not
	timer    *time.Timer
	clock    stopwatch
	accounts members
	waiting  waiting
	kept     keeping
	// greediest is the account that is beyond its portion by most.
	greediest *member
	// latest is the account that was active last, and before it another one.
	latest, before activity
}

type activity struct {
	account string
	at      time.Time
}

// NewTurns returns turns on so many processors; on GOMAXPROCS of them where 0.
// concurrency is an account's where its limits don't say otherwise;
// DefaultConcurrency where 0. giveWay has the thread that calls it give way to
// all others of the process, for good; where it is nil nothing is run so.
func NewTurns(processors int, concurrency int64, giveWay func()) *Turns {
	if processors <= 0 {
		processors = runtime.GOMAXPROCS(0)
	}
	if concurrency <= 0 {
		concurrency = DefaultConcurrency
	}
	t := &Turns{processors: processors, concurrency: concurrency, patience: maxWait, lull: lull, accounts: members{of: map[string]*member{}}}
	if giveWay != nil {
		t.background = newBackground(giveWay)
	}
	return t
}

// Wait returns when the account may compute. RATE_LIMITED where too many of the
// account's operations wait already, UNAVAILABLE where it takes too long.
func (t *Turns) Wait(ctx context.Context, account *Account) (*Turn, error) {
	now := time.Now()
	turn := &Turn{turns: t, came: now}
	t.mu.Lock()
	m := t.accounts.get(account, now)
	turn.member = m
	if len(m.queue) >= maxQueue {
		t.mu.Unlock()
		return nil, &shards.Error{Code: shards.RateLimited, Message: "too many operations of this account wait already", RetryAfter: time.Second}
	}
	if m.queue = append(m.queue, turn); len(m.queue) == 1 {
		t.waiting.place(m)
	}
	if t.advance(now); turn.inside {
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

// look lets begin who may by now.
func (t *Turns) look() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.looks = time.Time{}
	t.advance(time.Now())
}

// lookAt has it looked again at a time at the latest: perhaps nothing else begins or
// ends by then.
func (t *Turns) lookAt(at, now time.Time) {
	switch {
	case !t.looks.IsZero() && !at.Before(t.looks):
		return
	case t.timer == nil:
		t.timer = time.AfterFunc(at.Sub(now), t.look)
	default:
		t.timer.Reset(at.Sub(now))
	}
	t.looks = at
}

// advance lets begin who may.
func (t *Turns) advance(now time.Time) {
	t.lapse(now)
	for t.running < crowd*t.processors {
		m := t.next(now)
		if m == nil {
			return
		}
		turn := m.queue[0]
		m.queue = slices.Delete(m.queue, 0, 1)
		turn.inside, turn.late = true, t.greedy(m, now) && t.shared(m, now)
		turn.yields = turn.late && m.even.After(now.Add(much))
		m.inside++
		t.uses(m, beside, now)
		t.start(turn, now)
		if turn.begun != nil {
			close(turn.begun)
		}
	}
}

// next returns whose operation is to begin, nil where nobody's may.
func (t *Turns) next(now time.Time) *member {
	for _, m := range t.waiting {
		if t.may(m, now) {
			return m
		}
	}
	return nil
}

// may reports whether another operation of m may begin.
func (t *Turns) may(m *member, now time.Time) bool {
	concurrency := t.concurrency
	if m.limits.Concurrency > 0 {
		concurrency = m.limits.Concurrency
	}
	switch {
	case int64(m.inside) >= concurrency:
		return false
	case now.Before(m.rested):
		t.lookAt(m.rested, now)
		return false
	case m.running < t.processors && !t.greedy(m, now):
		return true
	case m.running >= t.processors:
		return t.running < t.room(m, now)
	}
	t.lookAt(m.even.Add(-allowance), now) // when it is not greedy any more
	if m.running > 0 {
		return t.running < t.room(m, now)
	}
	lulled := m.queue[0].came.Add(t.lull)
	if again := m.paused.Add(t.lull); lulled.Before(again) {
		lulled = again
	}
	// Those that come after others don't wait for each other.
	roomy := t.running-t.late < t.room(m, now)
	if !now.Before(lulled) || roomy && (!now.Before(m.paused) || !t.shared(m, now)) {
		return true
	}
	if roomy {
		t.lookAt(m.paused, now)
	}
	t.lookAt(lulled, now)
	return false
}

// room is below how many operations that compute another one of m may begin. A
// quarter of the processors is what the garbage collector takes when it runs.
func (t *Turns) room(m *member, now time.Time) int {
	if t.shared(m, now) {
		return max(1, t.processors-1-t.processors/4)
	}
	return t.processors
}

// greedy reports whether m has used more than its portion of late, and nobody
// much more than m: who is beyond it because operations take longer beside a flood
// does not give way to that.
func (t *Turns) greedy(m *member, now time.Time) bool {
	return !m.modest(now) && !m.even.Before(t.greediest.even.Add(-allowance))
}

// shared reports whether another account than m is active.
func (t *Turns) shared(m *member, now time.Time) bool {
	other := t.latest
	if other.account == m.account {
		other = t.before
	}
	return now.Sub(other.at) < sharing
}

// uses takes note that somebody has computed for an account for so long.
func (t *Turns) uses(m *member, d time.Duration, now time.Time) {
	m.uses(d, now, t.processors)
	if t.greediest == nil || m.even.After(t.greediest.even) {
		t.greediest = m
	}
	t.waiting.place(m)
}

// read returns what the clock of whoever computes shows.
func (t *Turns) read(now time.Time) time.Duration {
	return t.clock.read(now, t.running, t.processors)
}

// start takes note that a turn computes.
func (t *Turns) start(turn *Turn, now time.Time) {
	m := turn.member
	turn.since = t.read(now)
	m.running++
	t.running++
	if turn.late {
		t.late++
	}
	if t.latest.account != m.account {
		t.before = t.latest
	}
	t.latest = activity{m.account, now}
}

// stop takes note that a turn does not compute any more.
func (t *Turns) stop(turn *Turn, now time.Time) {
	m := turn.member
	used := t.read(now) - turn.since
	m.running--
	t.running--
	if turn.late {
		t.late--
	}
	t.uses(m, used, now)
}
