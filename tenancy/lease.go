package tenancy

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"gatehouse/shards"
)

// lookupTimeout bounds a read of the directory. Whoever waits for a read gets
// an answer that is as old as the read's beginning, so this, like the lease,
// must stay under the second of invariant 3.
const lookupTimeout = 900 * time.Millisecond

// leased is a lookup in the directory whose answers, "there is none" among
// them, are remembered for at most a lease, counted from before the read. One
// read a key is under way at a time. Safe for concurrent use.
type leased[V any] struct {
	lease time.Duration
	now   func() time.Time
	// looked is told of each get whether its answer was remembered.
	looked func(remembered bool)
	// load reads one value; ErrNotFound is an answer, any other error is not.
	load func(ctx context.Context, key string) (V, error)

	mu      sync.Mutex
	answers generations[string, *answer[V]]
	changes uint64 // grows with each forget, so that reads begun before it are not remembered
	flights singleflight.Group
}

type answer[V any] struct {
	value V
	err   error // nil or ErrNotFound
	at    time.Time
}

func newLeased[V any](o Options, load func(ctx context.Context, key string) (V, error)) *leased[V] {
	if o.Looked == nil {
		o.Looked = func(bool) {}
	}
	return &leased[V]{lease: o.Lease, now: o.Now, looked: o.Looked, load: load, answers: newGenerations[string, *answer[V]](o.CacheSize)}
}

// get returns the value of key, at most a lease old, ErrNotFound where there
// is none, or UNAVAILABLE. A hit does not allocate.
func (l *leased[V]) get(ctx context.Context, key string) (V, error) {
	now := l.now()
	l.mu.Lock()
	a, ok := l.answers.get(key)
	l.mu.Unlock()
	ok = ok && now.Sub(a.at) < l.lease
	l.looked(ok)
	if ok {
		return a.value, a.err
	}
	return l.read(ctx, key)
}

func (l *leased[V]) read(ctx context.Context, key string) (V, error) {
	var none V
	key = strings.Clone(key) // it may be a piece of a long header, and is kept
	ch := l.flights.DoChan(key, func() (any, error) {
		// Not the first caller's context: its leaving must not fail the others.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookupTimeout)
		defer cancel()
		l.mu.Lock()
		before := l.changes
		known, ok := l.answers.get(key)
		l.mu.Unlock()
		a := &answer[V]{at: l.now()}
		if ok && a.at.Sub(known.at) < l.lease { // read while this caller was on its way here
			return known, nil
		}
		a.value, a.err = l.load(ctx, key)
		if a.err != nil && !errors.Is(a.err, ErrNotFound) {
			return nil, a.err
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.changes == before {
			l.answers.put(key, a)
		}
		return a, nil
	})
	select {
	case <-ctx.Done():
		return none, unavailable(ctx.Err())
	case r := <-ch:
		if r.Err != nil {
			return none, unavailable(r.Err)
		}
		a := r.Val.(*answer[V])
		return a.value, a.err
	}
}

// forget makes a change of key visible at once in this process. It is called
// after the change is committed; a read that began earlier may still answer
// those who asked before, but is not remembered.
func (l *leased[V]) forget(key string) {
	l.mu.Lock()
	l.changes++
	l.answers.drop(key)
	l.mu.Unlock()
	l.flights.Forget(key)
}

// unavailable hides why the directory can't answer (invariants 4 and 6).
func unavailable(err error) error {
	return &shards.Error{
		Code:       shards.Unavailable,
		Message:    "the account directory can't be reached; try again",
		RetryAfter: time.Second,
		Err:        err,
	}
}
