package transport

import (
	"container/list"
	"sync"
)

// shelves keep texts for accounts, each on its own shelf, bounded in bytes all
// together and for each account: what an account registers makes room for itself
// on its own shelf first. What was used least lately goes. It is safe for
// concurrent use.
type shelves struct {
	mu            sync.Mutex
	bytes         int
	most, account int // bytes of all, and of one account
	by            map[string]*shelf
	recent        *list.List // of *shelf, the latest first
}

type shelf struct {
	account string
	bytes   int
	by      map[string]*list.Element
	recent  *list.List // of *persisted, the latest first
	at      *list.Element
}

type persisted struct{ id, text string }

// overhead is about what an entry takes beside its texts, in bytes.
const overhead = 300

func (p *persisted) size() int { return len(p.id) + len(p.text) + overhead }

func newShelves(most, account int) *shelves {
	return &shelves{most: most, account: account, by: map[string]*shelf{}, recent: list.New()}
}

func (s *shelves) get(account, id string) (string, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	of, ok := s.by[account]
	if !ok {
		return "", false
	}
	e, ok := of.by[id]
	if !ok {
		return "", false
	}
	of.recent.MoveToFront(e)
	s.recent.MoveToFront(of.at)
	return e.Value.(*persisted).text, true
}

// put keeps a text, unless it is larger than a shelf.
func (s *shelves) put(account, id, text string) {
	p := &persisted{id, text}
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.size() > s.account {
		return
	}
	of, ok := s.by[account]
	if !ok {
		of = &shelf{account: account, by: map[string]*list.Element{}, recent: list.New()}
		of.at = s.recent.PushFront(of)
		s.by[account] = of
	}
	s.recent.MoveToFront(of.at)
	if e, ok := of.by[id]; ok { // the same text: the id is its hash
		of.recent.MoveToFront(e)
		return
	}
	of.by[id] = of.recent.PushFront(p)
	of.bytes += p.size()
	s.bytes += p.size()
	for of.bytes > s.account {
		s.drop(of)
	}
	for s.bytes > s.most {
		s.drop(s.recent.Back().Value.(*shelf))
	}
}

// drop takes the oldest text from a shelf, and the shelf away with the last one.
func (s *shelves) drop(of *shelf) {
	e := of.recent.Back()
	p := of.recent.Remove(e).(*persisted)
	delete(of.by, p.id)
	of.bytes -= p.size()
	s.bytes -= p.size()
	if of.recent.Len() == 0 {
		s.recent.Remove(of.at)
		delete(s.by, of.account)
	}
}
