package transport

import (
	"bytes"
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/99designs/gqlgen/graphql"

	"gatehouse/shards"
	"gatehouse/tenancy"
)

const (
	// writeWithin is how long one write to a stream may take. Whoever does not
	// read for so long is disconnected, and goes on from the last event later.
	writeWithin = 10 * time.Second
	// confirmEvery is how often a stream's caller is looked up again, and
	// unconfirmedFor how long a stream goes on while the directory can't say.
	confirmEvery   = time.Second
	unconfirmedFor = 5 * time.Second
)

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

// authority says for as long as a stream lives whether its caller may still be
// served (tenancy's invariant 3). It is safe for concurrent use.
type authority struct {
	gate Gate
	host string

	mu        sync.Mutex
	caller    *tenancy.Caller
	confirmed time.Time
}

func (h *handler) authorityOf(caller *tenancy.Caller, host string) *authority {
	return &authority{gate: h.gate, host: host, caller: caller, confirmed: time.Now()}
}

// now returns the caller as they are now, or why they may not be served.
func (a *authority) now(ctx context.Context) (*tenancy.Caller, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	caller, err := a.gate.Confirm(ctx, a.caller, a.host)
	if err == nil {
		a.caller, a.confirmed = caller, time.Now()
	}
	return caller, err
}

// confirm returns why the stream must end, nil while it may go on: for a while
// also where nobody can say, which lets nothing new begin.
func (a *authority) confirm(ctx context.Context) error {
	_, err := a.now(ctx)
	if err == nil || ctx.Err() != nil {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if shards.CodeOf(err) == shards.Unavailable && time.Since(a.confirmed) < unconfirmedFor {
		return nil
	}
	return err
}

// payload is one response of a stream, encoded: a copy, because the executor
// uses the memory of a response again.
type payload struct {
	text     []byte
	bookmark string
	// failed has the errors where there is no data: it is the last one then.
	failed []byte
}

// responses calls f for each response of an operation, until f returns false.
// A panic is an INTERNAL response, the last (invariant 5).
func responses(ctx context.Context, request *tenancy.Request, o *operation, f func(payload) bool) {
	defer func() {
		value := recover()
		if value == nil {
			return
		}
		x := exchangeFrom(ctx)
		x.stack = string(debug.Stack())
		refused := refusalOf(fmt.Errorf("panic: %v", value))
		x.refused(refused)
		refused.cost = costOf(request)
		f(refused.payload(""))
	}()
	for n := 0; ; n++ {
		response := o.Next()
		if response == nil {
			if n == 0 && !o.subscription { // too late, or not at all
				refused := refusalOf(o.err())
				exchangeFrom(ctx).refused(refused)
				refused.cost = costOf(request)
				f(refused.payload(bookmark(ctx, request)))
			}
			return
		}
		p := o.payload(ctx, request, response, n > 0)
		o.taken.rest()
		if !f(p) {
			return
		}
	}
}

// payload encodes a response; later is one behind the first. The bookmark of a
// subscription is its event's: where it failed there is none, lest somebody
// goes on from it.
func (o *operation) payload(ctx context.Context, request *tenancy.Request, response *graphql.Response, later bool) payload {
	at, _ := response.Extensions["bookmark"].(string)
	if !o.subscription {
		at = bookmark(ctx, request)
	}
	p := partsOf(response, at)
	p.hasNext, p.later = response.HasNext, later && !o.subscription
	out := payload{text: bytes.Join(p.body(), nil), bookmark: at}
	if response.Data == nil {
		out.failed = p.errors
	}
	return out
}

// payload is a refusal as a response.
func (r *refusal) payload(bookmark string) payload {
	p := r.parts(bookmark)
	return payload{text: bytes.Join(p.body(), nil), bookmark: bookmark, failed: p.errors}
}
