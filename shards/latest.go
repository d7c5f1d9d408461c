package shards

import "sync"

// latest are the newest heads of accounts, as far as they are known without asking
// the database: for an engine where one goroutine alone writes to it, tasks of operators
// included. It is safe for concurrent use.
type latest struct {
	mu    sync.Mutex
	known map[string]head
	// age grows with each forget, so that what was read before it is not kept.
	age uint64
	// moving are the heads that a COMMIT under way moves; with anything it may move
	// others, too. A snapshot that is taken meanwhile is from before it or from behind it.
	moving   map[string]*tally
	anything bool
}

// maxLatest bounds what is kept; beyond it all is forgotten, and read again.
const maxLatest = 20_000

func newLatest() *latest { return &latest{known: map[string]head{}} }

// begins returns what is known of an account's head, and the age of that for still and
// saw, before a snapshot is taken. For who writes it is what the database has.
func (l *latest) begins(account string) (h head, known bool, age uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	h, known = l.known[account]
	return h, known, l.age
}

// still reports whether a snapshot that was taken since begins has the head that begins
// returned: no COMMIT may have moved it, and none has. A write moves it for good.
func (l *latest) still(age uint64, account string, h head) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return age == l.age && l.known[account] == h && !l.moves(account)
}

// moves reports whether a COMMIT is under way that may move the account's head.
func (l *latest) moves(account string) bool {
	_, moving := l.moving[account]
	return moving || l.anything
}

// saw keeps a head that was read, unless a newer one is known. Where all was forgotten
// meanwhile, or a COMMIT is about to move it, the head may be older than what somebody
// was told, but what is known may be older still: then it goes.
func (l *latest) saw(age uint64, account string, h head) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.known[account].Before(h.Position) {
		return
	}
	if age != l.age || l.moves(account) {
		delete(l.known, account)
		return
	}
	l.keep(account, h)
}

func (l *latest) keep(account string, h head) {
	if _, there := l.known[account]; !there && len(l.known) >= maxLatest {
		l.drop()
	}
	h.end = -1 // which is of one reader's question
	l.known[account] = h
}

// commits runs a COMMIT that moves heads or, with anything, whatever is in the
// database. Nobody may be told of the commit before it returns.
func (l *latest) commits(heads map[string]*tally, anything bool, commit func() error) error {
	l.mu.Lock()
	l.moving, l.anything = heads, anything
	l.mu.Unlock()
	done := false
	defer func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.moving, l.anything = nil, false
		if !done || anything { // who knows
			l.drop()
			return
		}
		for account, t := range heads {
			l.keep(account, t.head)
		}
	}()
	err := commit()
	done = err == nil
	return err
}

// forget drops all: somebody else has written.
func (l *latest) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.drop()
}

func (l *latest) drop() {
	l.age++
	clear(l.known)
}
