package transport

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/99designs/gqlgen/graphql"

	"gatehouse/shards"
	"gatehouse/tenancy"
)

// take acts on a message. An error ends the socket.
func (s *socket) take(ctx context.Context, text []byte) error {
	m, err := decodeMessage(text)
	if err != nil {
		return err
	}
	begun := s.late == nil
	switch {
	case m.kind == "connection_init" && begun:
		return &closing{code: closeTooManyInits, reason: "Too many initialisation requests"}
	case m.kind == "connection_init":
		return s.begin(ctx, m.payload)
	case m.kind == "ping":
		s.send(ctx, messagePong)
	case m.kind == "pong":
	case m.kind == "subscribe" && !begun:
		return &closing{code: closeUnauthorized, reason: "Unauthorized"}
	case m.kind == "subscribe" && m.id != "" && m.payload != nil:
		return s.subscribe(ctx, m)
	case m.kind == "complete" && m.id != "":
		s.operations.cancel(m.id)
	default:
		return errMessage
	}
	return nil
}

// begin admits whoever sent connection_init, by the credential in it or in the
// handshake.
func (s *socket) begin(ctx context.Context, payload []byte) error {
	p, err := decodeInit(payload)
	if err != nil {
		return err
	}
	if p.authorization == "" {
		if p.authorization, err = tenancy.Authorization(s.r.Header); err != nil {
			return err
		}
	} else if len(s.r.Header.Values("Authorization")) > 0 {
		return &closing{code: closeMalformed, reason: "send one credential, in the handshake or in connection_init"}
	}
	admission, cancel := context.WithTimeout(ctx, s.h.timeout)
	defer cancel()
	caller, err := s.h.gate.Admit(admission, p.authorization, s.r.Host)
	if err != nil {
		return err
	}
	exchangeFrom(ctx).account = caller.Account.ID
	request := s.h.gate.Request(caller)
	if err := p.terms.apply(request); err != nil { // else every operation would fail
		return err
	}
	if s.leave, err = s.h.streams.enter(caller.Account); err != nil {
		s.leave = func() {}
		return err
	}
	s.late.Stop()
	s.late = nil
	s.conn.SetReadLimit(s.h.maxBody)
	s.terms = p.terms
	s.authority.Store(s.h.authorityOf(caller, s.r.Host))
	s.send(ctx, messageAck)
	return nil
}

// subscribe begins an operation of any kind.
func (s *socket) subscribe(ctx context.Context, m message) error {
	params, err := decodeEnvelope(m.payload)
	if err != nil {
		return errMessage
	}
	whole := ctx
	ctx, cancel := context.WithCancel(ctx)
	n, err := s.operations.add(m.id, cancel)
	if err != nil {
		cancel()
		if refused := refusalOf(err); refused.code == shards.RateLimited {
			s.send(whole, messageOf("error", m.id, s.priced(whole, refused).listed()))
			return nil
		}
		return err
	}
	x := exchangeFrom(ctx).operation(ctx, n)
	s.operations.running.Go(func() {
		defer cancel()
		failed, done := s.run(x, params, m.id)
		// Forgotten first: the client may use the id again at once.
		s.operations.remove(m.id, n)
		switch {
		case failed != nil:
			s.send(ctx, messageOf("error", m.id, failed))
		case done:
			s.send(ctx, messageOf("complete", m.id, nil))
		}
		x.finished(ctx)
	})
	return nil
}

// priced takes the point that every operation costs for one that is not begun.
func (s *socket) priced(ctx context.Context, refused *refusal) *refusal {
	if caller, err := s.authority.Load().now(ctx); err == nil {
		request := s.h.gate.Request(caller)
		_ = s.h.pipeline.limits.open(request) // it is refused anyway
		refused.cost = costOf(request)
	}
	return refused
}

// run sends the responses of an operation. failed has the errors of one that
// was not executed; done says that all of it was sent.
func (s *socket) run(ctx context.Context, params *graphql.RawParams, id string) (failed []byte, done bool) {
	x := exchangeFrom(ctx)
	var request *tenancy.Request
	refuse := func(err error) []byte {
		refused := refusalOf(err)
		refused.cost = costOf(request)
		x.refused(refused)
		return refused.listed()
	}
	defer func() {
		if v := recover(); v != nil { // outside of an executor's own recovery
			x.stack = string(debug.Stack())
			failed = refuse(fmt.Errorf("panic: %v", v))
		}
	}()
	request, o, err := s.prepare(ctx, params)
	if err != nil {
		return refuse(err), false
	}
	defer o.end()
	if o.faults != nil {
		return listed(o.faults.Errors, costOf(request)), false
	}
	done = true
	responses(ctx, request, o, func(p payload) bool {
		if failed = p.failed; failed != nil {
			return false
		}
		s.seen.note(request.Handle, p.bookmark)
		done = s.send(ctx, messageOf("next", id, p.text))
		return done
	})
	return failed, done && ctx.Err() == nil
}

// prepare begins an operation in a request of its own, which it returns with an
// error, too, unless nobody may ask any more. It sees what this socket has seen.
func (s *socket) prepare(ctx context.Context, params *graphql.RawParams) (*tenancy.Request, *operation, error) {
	caller, err := s.authority.Load().now(ctx)
	if err != nil {
		if shards.CodeOf(err) != shards.Unavailable {
			s.fail(err)
		}
		return nil, nil, err
	}
	request := s.h.gate.Request(caller)
	request.ID, request.Incremental = exchangeFrom(ctx).id, true
	if err := s.h.pipeline.limits.open(request); err != nil {
		return request, nil, err
	}
	t, err := termsOf(nil, params.Extensions)
	if err != nil {
		return request, nil, err
	}
	whole := s.terms // of the connection
	if t.consistency != nil {
		whole.consistency = nil
	}
	for _, t := range []terms{whole, t, {bookmark: s.seen.newest()}} {
		if err := t.apply(request); err != nil {
			return request, nil, err
		}
	}
	limited, cancel := context.WithTimeout(ctx, s.h.timeout)
	o, err := s.h.pipeline.begin(ctx, limited, request, params, carrier{mutations: true, subscriptions: true})
	if err != nil || o.subscription {
		cancel()
		return request, o, err
	}
	o.cancel = cancel
	return request, o, nil
}

// operations are those that a socket has under way. It is safe for concurrent use.
type operations struct {
	mu      sync.Mutex
	byID    map[string]underway
	count   int // of all there have been
	active  int // also of those that the client has completed and that are still ending
	running sync.WaitGroup
}

type underway struct {
	n      int
	cancel context.CancelFunc
}

// add returns the operation's number on this socket.
func (o *operations) add(id string, cancel context.CancelFunc) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, taken := o.byID[id]; taken {
		return 0, &closing{code: closeDuplicate, reason: "Subscriber already exists"}
	}
	if o.active >= maxOperations {
		return 0, &shards.Error{Code: shards.RateLimited, Message: fmt.Sprintf("a socket has at most %d operations at once", maxOperations), RetryAfter: time.Second}
	}
	if o.byID == nil {
		o.byID = map[string]underway{}
	}
	o.count, o.active = o.count+1, o.active+1
	o.byID[id] = underway{o.count, cancel}
	return o.count, nil
}

func (o *operations) cancel(id string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if u, ok := o.byID[id]; ok {
		u.cancel()
		delete(o.byID, id)
	}
}

// remove forgets an operation that has ended; its id may already be another's.
func (o *operations) remove(id string, n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.active--
	if o.byID[id].n == n {
		delete(o.byID, id)
	}
}

func (o *operations) wait() { o.running.Wait() }

// seen is the newest position that a socket has been told of. No later operation
// on it reads from before. It is safe for concurrent use.
type seen struct {
	mu       sync.Mutex
	at       shards.Position
	bookmark string
}

func (s *seen) note(h *shards.Handle, bookmark string) {
	at, err := h.Position(bookmark)
	if err != nil {
		return // there is none
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.at.Before(at) {
		s.at, s.bookmark = at, bookmark
	}
}

// newest returns the bookmark, nil where nothing was told yet.
func (s *seen) newest() *string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bookmark == "" {
		return nil
	}
	bookmark := s.bookmark
	return &bookmark
}
