package guard

import (
	"container/list"
	"sync"
)

// cache keeps documents by their text, bounded in bytes. What was used once
// waits in one half, what was used again stays in the other, so a flood of texts
// that nobody repeats does not push out those which everybody uses. It is safe
// for concurrent use.
type cache struct {
	mu     sync.Mutex
	by     map[string]*list.Element
	halves [2]half // of once, and of again
}

type half struct {
	recent      *list.List // of *kept, the latest first
	bytes, most int
}

type kept struct {
	text  string
	doc   *Document
	bytes int
	again int // 0 or 1: the half that it is in
}

func newCache(bytes int) *cache {
	c := &cache{by: map[string]*list.Element{}}
	for i := range c.halves {
		c.halves[i] = half{recent: list.New(), most: bytes / 2}
	}
	return c
}

func (c *cache) get(text string) (*Document, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.by[text]
	if !ok {
		return nil, false
	}
	k := e.Value.(*kept)
	if k.again == 1 {
		c.halves[1].recent.MoveToFront(e)
		return k.doc, true
	}
	c.remove(e)
	k.again = 1
	c.add(k)
	return k.doc, true
}

// put keeps a document that takes this many bytes.
func (c *cache) put(text string, doc *Document, bytes int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.by[text]; !ok {
		c.add(&kept{text: text, doc: doc, bytes: bytes})
	}
}

func (c *cache) add(k *kept) {
	h := &c.halves[k.again]
	c.by[k.text] = h.recent.PushFront(k)
	for h.bytes += k.bytes; h.bytes > h.most; {
		c.remove(h.recent.Back())
	}
}

func (c *cache) remove(e *list.Element) *kept {
	k := e.Value.(*kept)
	h := &c.halves[k.again]
	h.recent.Remove(e)
	h.bytes -= k.bytes
	delete(c.by, k.text)
	return k
}
