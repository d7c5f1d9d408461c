package shards

import "sync"

// latest are the newest positions of accounts, as far as they are known without
// asking the database: for an engine that alone writes to it. It is safe for
// concurrent use.
type latest struct {
	mu    sync.Mutex
	known map[string]Position
	// age grows with each forget, so that what was read before it is not kept.
	age uint64
}

// maxLatest bounds what is kept; beyond it all is forgotten, and read again.
const maxLatest = 20_000

func newLatest() *latest { return &latest{known: map[string]Position{}} }

func (l *latest) get(account string) (Position, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p, ok := l.known[account]
	return p, ok
}

// began returns what saw wants to know of a read that begins now.
func (l *latest) began() (age uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.age
}

// saw keeps a position that was read or committed, unless a newer one is known. Where
// all was forgotten meanwhile, the position may be old, but what is known may be older
// still: then it goes.
func (l *latest) saw(age uint64, account string, p Position) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.known[account].Before(p) {
		return
	}
	if age != l.age {
		delete(l.known, account)
		return
	}
	if len(l.known) >= maxLatest {
		l.age++
		clear(l.known)
	}
	l.known[account] = p
}

// forget drops all: something other than a write may have changed heads.
func (l *latest) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.age++
	clear(l.known)
}
