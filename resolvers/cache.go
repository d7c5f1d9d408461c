package resolvers

import (
	"container/heap"
	"container/list"
	"sync"

	"gatehouse/shards"
	"gatehouse/tenancy"
)

// cache keeps whole answers of queries, each with the position that it is
// exact at. It is bounded in bytes: the account that holds the most gives first,
// so that nobody's answers go because of another's. It is safe for concurrent use.
type cache struct {
	limit int

	mu       sync.Mutex
	bytes    int
	accounts map[string]*shelf
	largest  shelves
}

// cacheKey is a digest of all that an answer depends on beside the account and
// its head: scopes, document, operation and variables.
type cacheKey [32]byte

// shelf has the answers of one account (invariant 7).
type shelf struct {
	account string
	bytes   int
	place   int // in the heap
	answers map[cacheKey]*list.Element
	// asked has those that are known by a request that they answer, too.
	asked  map[asking]*list.Element
	recent list.List // of *kept, the last used in front
	// flights are answers that are being made.
	flights map[flightKey]*flight
}

// kept is an answer.
type kept struct {
	key   cacheKey
	asked asking // none where empty; the cache's lock guards it
	tenancy.Answered
}

// keptOverhead is about what an answer takes beside its data, in bytes.
const keptOverhead = 256

func (k *kept) size() int { return len(k.Data) + len(k.asked.text) + keptOverhead }

func newCache(limit int) *cache {
	return &cache{limit: limit, accounts: map[string]*shelf{}}
}

// get returns the answer that is exact at a position.
func (c *cache) get(account string, key cacheKey, at shards.Position) ([]byte, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.accounts[account]
	if s == nil {
		return nil, false
	}
	e := s.answers[key]
	if e == nil || e.Value.(*kept).At != at {
		return nil, false
	}
	s.recent.MoveToFront(e)
	return e.Value.(*kept).Data, true
}

// put keeps an answer in place of an older one, and makes room for it.
func (c *cache) put(account string, k *kept) {
	if k.size() > c.limit/8 { // it would push out too many others
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.shelf(account)
	if e := s.answers[k.key]; e != nil {
		if k.At.Before(e.Value.(*kept).At) {
			return
		}
		c.drop(s, e)
	}
	e := s.recent.PushFront(k)
	s.answers[k.key] = e
	if k.asked != (asking{}) {
		s.asked[k.asked] = e
	}
	c.grow(s, k.size())
	c.shrink()
	c.tidy(s)
}

// shrink makes room.
func (c *cache) shrink() {
	for c.bytes > c.limit {
		s := c.largest[0]
		c.drop(s, s.recent.Back())
	}
}

func (c *cache) shelf(account string) *shelf {
	s := c.accounts[account]
	if s == nil {
		s = &shelf{account: account, answers: map[cacheKey]*list.Element{}, asked: map[asking]*list.Element{}, flights: map[flightKey]*flight{}}
		c.accounts[account] = s
		heap.Push(&c.largest, s)
	}
	return s
}

func (c *cache) grow(s *shelf, by int) {
	c.bytes += by
	s.bytes += by
	heap.Fix(&c.largest, s.place)
}

func (c *cache) drop(s *shelf, e *list.Element) {
	k := s.recent.Remove(e).(*kept)
	delete(s.answers, k.key)
	if s.asked[k.asked] == e {
		delete(s.asked, k.asked)
	}
	c.grow(s, -k.size())
	c.tidy(s)
}

// tidy forgets an account that has nothing.
func (c *cache) tidy(s *shelf) {
	if len(s.answers) == 0 && len(s.flights) == 0 && c.accounts[s.account] == s {
		delete(c.accounts, s.account)
		heap.Remove(&c.largest, s.place)
	}
}

// shelves are a heap: the largest first.
type shelves []*shelf

func (h shelves) Len() int           { return len(h) }
func (h shelves) Less(i, j int) bool { return h[i].bytes > h[j].bytes }
func (h shelves) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i, j
}

// Push and Pop are heap.Interface's.
func (h *shelves) Push(x any) {
	s := x.(*shelf)
	s.place = len(*h)
	*h = append(*h, s)
}

func (h *shelves) Pop() any {
	last := len(*h) - 1
	s := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return s
}
