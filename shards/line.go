package shards

import "sync"

// maxWaiting is how many writes of one account wait for a shard's writer.
const maxWaiting = 1024

// line is what waits for a shard's writer: accounts take turns, and within an
// account who came first is first. So one account's flood makes a neighbour
// wait for one group at most. It is safe for concurrent use.
type line struct {
	// ready has a value while something may be waiting.
	ready chan struct{}

	mu      sync.Mutex
	waiting map[string][]*pending
	turns   []string // the accounts that wait, the next one first
}

func newLine() *line {
	return &line{ready: make(chan struct{}, 1), waiting: map[string][]*pending{}}
}

// add puts p at the end of its account's writes; false where too many wait.
func (l *line) add(p *pending) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	of := l.waiting[p.account]
	switch len(of) {
	case maxWaiting:
		return false
	case 0:
		l.turns = append(l.turns, p.account)
	}
	l.waiting[p.account] = append(of, p)
	select {
	case l.ready <- struct{}{}:
	default:
	}
	return true
}

// take returns those whose turn it is and who still wait: at most n, and with
// more than so many ops only where the first has more alone.
func (l *line) take(n, ops int) []*pending {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []*pending
	for len(out) < n && len(l.turns) > 0 {
		account := l.turns[0]
		of := l.waiting[account]
		if ops -= of[0].ops(); ops < 0 && len(out) > 0 {
			break
		}
		l.turns = l.turns[1:]
		if len(of) > 1 {
			l.waiting[account] = of[1:]
			l.turns = append(l.turns, account)
		} else {
			delete(l.waiting, account)
		}
		if p := of[0]; p.state.CompareAndSwap(0, pendingTaken) {
			out = append(out, p)
		}
	}
	return out
}
