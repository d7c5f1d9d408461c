package tenancy

import "time"

const (
	// portion is the part of the processors that an account may use all the
	// time before those that use less go first: a third. Who takes a quarter by
	// themselves need not wait then, although turns take longer beside others'.
	portion = 3
	// beside is what an operation takes beside its turn: to read and parse what
	// was sent, to send and log what is answered, to collect what it leaves behind.
	// Measured for a small write, and much alike for others.
	beside = 40 * time.Microsecond
	// allowance is how long an account may use more than that, as if it had
	// used its portion for so long in advance.
	allowance = 100 * time.Millisecond
	// much is how long beyond its portion an account is that computes in the
	// background. There all takes longer, by the clock, and so it stays there: it is
	// a flood for sure.
	much = 300 * time.Millisecond
	// remembered is for how long at most it counts what an account used.
	remembered = time.Second
	// manyMembers is how many are kept before those of no account are looked for.
	manyMembers = 1024
)

// member is an account whose operations are under way, or were a moment ago.
// Guarded by the lock of Turns.
type member struct {
	account string
	limits  Limits
	running int     // operations that compute
	inside  int     // those that compute or wait for a disk or a network
	queue   []*Turn // those that have not begun
	// even is when the account will have used no more than its portion, and
	// rested from when on it may compute again, where its CPU time is limited.
	even, rested time.Time
	// paused is until when it leaves a server alone that is on this machine, where it
	// comes after others. From then on it waits for room.
	paused time.Time
	// place is what was due when it got its place among those that wait.
	place time.Time
}

// modest reports whether the account has used no more than its portion.
func (m *member) modest(now time.Time) bool { return !m.even.After(now.Add(allowance)) }

// due is when the account's next operation should begin: when it came, or when
// the account may use more.
func (m *member) due() time.Time {
	came, even := m.queue[0].came, m.even.Add(-allowance)
	if even.After(came) {
		return even
	}
	return came
}

// uses takes note that an operation has computed for so long, until now.
func (m *member) uses(d time.Duration, now time.Time, processors int) {
	if since := now.Add(-d); m.even.Before(since) {
		m.even = since
	}
	m.even = m.even.Add(d * portion / time.Duration(processors))
	if most := now.Add(remembered); m.even.After(most) {
		m.even = most
	}
	if m.limits.CPU <= 0 {
		return
	}
	// What was used beyond a second's allowance has to be waited for.
	if floor := now.Add(-time.Second); m.rested.Before(floor) {
		m.rested = floor
	}
	m.rested = m.rested.Add(d * 1000 / time.Duration(m.limits.CPU))
}

// pause has it leave the server alone for so long, but for no longer than most.
func (m *member) pause(d, most time.Duration, now time.Time) {
	if m.paused.Before(now) {
		m.paused = now
	}
	m.paused = m.paused.Add(d)
	if end := now.Add(most); m.paused.After(end) {
		m.paused = end
	}
}

// over reports whether there is nothing to remember of the account.
func (m *member) over(now time.Time) bool {
	return m.inside == 0 && len(m.queue) == 0 && !m.even.After(now) && !m.rested.After(now)
}

// members are bounded by how many accounts are active within a second, or as
// long as their CPU time is limited.
type members struct {
	of map[string]*member
	// most is how many there may be before those that are over are dropped.
	most int
}

// get returns an account's, with its present limits.
func (ms *members) get(a *Account, now time.Time) *member {
	m := ms.of[a.ID]
	if m == nil {
		if len(ms.of) >= max(ms.most, manyMembers) {
			ms.sweep(now)
		}
		m = &member{account: a.ID}
		ms.of[a.ID] = m
	}
	m.limits = a.Limits
	return m
}

// sweep drops those that are over. Half of those that may be there are new
// before the next time.
func (ms *members) sweep(now time.Time) {
	for id, m := range ms.of {
		if m.over(now) {
			delete(ms.of, id)
		}
	}
	ms.most = 2 * len(ms.of)
}

// stopwatch tells how long an operation has computed when more do than there
// are processors: then each has a part of one.
type stopwatch struct {
	passed time.Duration
	at     time.Time
}

// read returns what the clock of an operation shows that has computed all the
// time, where so many have since the clock was read.
func (c *stopwatch) read(now time.Time, running, processors int) time.Duration {
	if running > 0 {
		c.passed += now.Sub(c.at) * time.Duration(min(running, processors)) / time.Duration(running)
	}
	c.at = now
	return c.passed
}
