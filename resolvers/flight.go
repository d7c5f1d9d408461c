package resolvers

import (
	"context"

	"gatehouse/shards"
)

// flight is an answer that one request makes while others, who ask the same of
// the same position, wait for it.
type flight struct {
	done chan struct{}
	data []byte // nil where nothing came of it
}

type flightKey struct {
	key cacheKey
	at  shards.Position
}

// board returns the flight to wait for, or nil where the caller is to make the
// answer: land is then called with it, or with nil.
func (c *cache) board(account string, key cacheKey, at shards.Position) (waitFor *flight, land func(*kept)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s, k := c.shelf(account), flightKey{key, at}
	if f := s.flights[k]; f != nil {
		return f, nil
	}
	f := &flight{done: make(chan struct{})}
	s.flights[k] = f
	return nil, func(made *kept) {
		if made != nil {
			if made.At == at { // else the account has moved on meanwhile
				f.data = made.Data
			}
			c.put(account, made)
		}
		c.mu.Lock()
		delete(s.flights, k)
		c.tidy(s)
		c.mu.Unlock()
		close(f.done)
	}
}

// wait returns what the flight brought, nil where that is nothing, or came too late.
func (f *flight) wait(ctx context.Context) []byte {
	select {
	case <-f.done:
		return f.data
	case <-ctx.Done():
		return nil
	}
}
