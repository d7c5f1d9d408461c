package transport

import (
	"context"
	"sync"
	"time"

	"gatehouse/shards"
	"gatehouse/tenancy"
)

// writeWithin is how long one write to a stream may take. Whoever does not read
// for so long is disconnected, and goes on from the last event later.
const writeWithin = 10 * time.Second

// streams are the sockets and streams of events that are open. It is safe for
// concurrent use.
type streams struct {
	most int64 // of an account that has no limit of its own

	mu       sync.Mutex
	of       map[string]int64 // by account
	stopping chan struct{}
	open     sync.WaitGroup
}

func newStreams(most int64) *streams {
	if most == 0 {
		most = DefaultSockets
	}
	return &streams{most: most, of: map[string]int64{}, stopping: make(chan struct{})}
}

// stop tells all streams to end, and waits for them until ctx ends.
func (s *streams) stop(ctx context.Context) error {
	s.mu.Lock()
	if !s.stopped() {
		close(s.stopping)
	}
	s.mu.Unlock()
	gone := make(chan struct{})
	go func() { s.open.Wait(); close(gone) }()
	select {
	case <-gone:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *streams) stopped() bool {
	select {
	case <-s.stopping:
		return true
	default:
		return false
	}
}

// count returns how many are open.
func (s *streams) count() (n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, of := range s.of {
		n += of
	}
	return n
}

// enter takes a place among the account's streams, and leave gives it back.
func (s *streams) enter(account tenancy.Account) (leave func(), err error) {
	most := s.most
	if account.Limits.Sockets > 0 {
		most = account.Limits.Sockets
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.stopped():
		return nil, &shards.Error{Code: shards.Unavailable, Message: "the gateway is stopping", RetryAfter: time.Second}
	case s.of[account.ID] >= most:
		return nil, &shards.Error{Code: shards.RateLimited, Message: "the account has too many open connections", RetryAfter: 5 * time.Second}
	}
	s.of[account.ID]++
	s.open.Add(1)
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.of[account.ID]--; s.of[account.ID] == 0 {
			delete(s.of, account.ID)
		}
		s.open.Done()
	}, nil
}
