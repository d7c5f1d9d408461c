package shards

import (
	"context"
	"slices"
	"sync"
)

// seats shares the connections to a node between accounts: those that wait for one
// take turns, however many reads each waits for, and none has more than three
// quarters of all. So one account's flood, or what it waits for at the server, keeps
// nobody else waiting. It is safe for concurrent use.
type seats struct {
	all int // how many there are

	mu   sync.Mutex
	held map[string]int
	used int
	// waiting have the accounts that wait for a seat, each with its turn in turns,
	// the next one first.
	waiting map[string][]chan struct{}
	turns   []string
}

func newSeats(n int) *seats {
	return &seats{all: n, held: map[string]int{}, waiting: map[string][]chan struct{}{}}
}

// take returns once the account has a seat, which it has to leave, or with the
// error of ctx.
func (s *seats) take(ctx context.Context, account string) error {
	s.mu.Lock()
	if len(s.waiting[account]) == 0 && s.may(account) {
		s.sit(account)
		s.mu.Unlock()
		return nil
	}
	mine := make(chan struct{})
	if len(s.waiting[account]) == 0 {
		s.turns = append(s.turns, account)
	}
	s.waiting[account] = append(s.waiting[account], mine)
	s.mu.Unlock()
	select {
	case <-mine:
		return nil
	case <-ctx.Done():
	}
	s.mu.Lock()
	of := s.waiting[account]
	i := slices.Index(of, mine)
	if i >= 0 {
		s.wait(account, slices.Delete(of, i, i+1))
	}
	s.mu.Unlock()
	if i < 0 { // it has got one just now
		s.leave(account)
	}
	return ctx.Err()
}

// leave gives a seat to whoever is next.
func (s *seats) leave(account string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held[account]--; s.held[account] == 0 {
		delete(s.held, account)
	}
	s.used--
	for {
		i := slices.IndexFunc(s.turns, s.may)
		if i < 0 {
			return
		}
		next := s.turns[i]
		s.turns = append(slices.Delete(s.turns, i, i+1), next)
		of := s.waiting[next]
		s.sit(next)
		close(of[0])
		s.wait(next, of[1:])
	}
}

func (s *seats) sit(account string) {
	s.held[account]++
	s.used++
}

// wait sets who of an account waits.
func (s *seats) wait(account string, of []chan struct{}) {
	if len(of) > 0 {
		s.waiting[account] = of
		return
	}
	delete(s.waiting, account)
	s.turns = slices.DeleteFunc(s.turns, func(a string) bool { return a == account })
}

// may reports whether the account may have another seat.
func (s *seats) may(account string) bool {
	return s.used < s.all && s.held[account] < s.all-s.all/4
}
