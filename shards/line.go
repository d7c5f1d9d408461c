package shards

import "sync"

// maxWaiting is how many writes of one account wait for a shard's writer.
const maxWaiting = 1024

// line is what waits for a shard's writers: accounts take turns, and within an
// account who came first is first. So one account's flood makes a neighbour
// wait for one group at most. It is safe for concurrent use.
type line struct {
	// ready has a value while something may be waiting.
	ready chan struct{}

	mu      sync.Mutex
	waiting map[string][]*pending
	turns   []string // the accounts that wait and are not held, the next one first
	// held accounts have writes that were taken: others of theirs come after these.
	held map[string]bool
}

func newLine() *line {
	return &line{ready: make(chan struct{}, 1), waiting: map[string][]*pending{}, held: map[string]bool{}}
}

// add puts p at the end of its account's writes; false where too many wait.
func (l *line) add(p *pending) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	of := l.waiting[p.account]
	if len(of) == maxWaiting {
		return false
	}
	l.waiting[p.account] = append(of, p)
	if len(of) == 0 && !l.held[p.account] {
		l.turns = append(l.turns, p.account)
	}
	l.tell()
	return true
}

func (l *line) tell() {
	select {
	case l.ready <- struct{}{}:
	default:
	}
}

// take returns those whose turn it is and who still wait: at most n, and with
// more than so many ops only where the first has more alone. It holds their
// accounts until release.
func (l *line) take(n, ops int) []*pending {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []*pending
	var again []string // of which more wait
	for len(out) < n {
		turns := &l.turns
		if len(l.turns) == 0 {
			turns = &again
		}
		if len(*turns) == 0 {
			break
		}
		account := (*turns)[0]
		of := l.waiting[account]
		if ops -= of[0].ops(); ops < 0 && len(out) > 0 {
			break
		}
		*turns = (*turns)[1:]
		if of[0].state.CompareAndSwap(0, pendingTaken) {
			out = append(out, of[0])
			l.held[account] = true
		}
		if len(of) > 1 {
			l.waiting[account] = of[1:]
			again = append(again, account)
		} else {
			delete(l.waiting, account)
		}
	}
	for _, account := range again {
		if !l.held[account] {
			l.turns = append(l.turns, account)
		}
	}
	return out
}

// release gives an account whose writes were taken its turn again.
func (l *line) release(account string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held[account] && len(l.waiting[account]) > 0 {
		l.turns = append(l.turns, account)
		l.tell()
	}
	delete(l.held, account)
}

// accounts is how many wait for their turn.
func (l *line) accounts() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.turns)
}
