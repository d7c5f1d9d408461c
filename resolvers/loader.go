package resolvers

import (
	"context"
	"sync"

	"github.com/graph-gophers/dataloader/v7"
)

// key names what is loaded. The account is part of it although a loader lives
// for one response of one account (invariant 7).
type key struct{ account, id string }

// loader loads values by id, each once in its life. It is safe for concurrent use.
type loader[V any] struct {
	account string
	cache   dataloader.Cache[key, V]
	batch   dataloader.BatchFunc[key, V]
	fetch   func(ctx context.Context, ids []string) (map[string]V, error)
	// mu makes "which are missing" and "load them" one step, so that a batch
	// is as large as its capacity and goes off with its last key, not by a timer.
	mu sync.Mutex
}

// newLoader returns a loader over fetch, which returns values by id in one
// statement. An id that is missing from its answer loads as the zero V.
func newLoader[V any](account string, fetch func(ctx context.Context, ids []string) (map[string]V, error)) *loader[V] {
	batch := func(ctx context.Context, keys []key) []*dataloader.Result[V] {
		ids := make([]string, len(keys))
		for i, k := range keys {
			ids[i] = k.id
		}
		found, err := guarded(ctx, ids, fetch)
		out := make([]*dataloader.Result[V], len(keys))
		for i, k := range keys { // in the order of the keys, not of the rows
			out[i] = &dataloader.Result[V]{Data: found[k.id], Error: err}
		}
		return out
	}
	return &loader[V]{account: account, cache: dataloader.NewCache[key, V](), batch: batch, fetch: fetch}
}

// guarded makes a panic of fetch an error: it runs in a goroutine of
// dataloader's, which would print it past our log.
func guarded[V any](ctx context.Context, ids []string, fetch func(context.Context, []string) (map[string]V, error)) (found map[string]V, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = errPanic(v)
		}
	}()
	return fetch(ctx, ids)
}

// load returns the values of ids, in their order, and loads those that are
// missing in one batch.
func (l *loader[V]) load(ctx context.Context, ids []string) ([]V, error) {
	l.mu.Lock()
	missing := make(map[key]struct{})
	for _, id := range ids {
		k := key{l.account, id}
		if _, ok := l.cache.Get(ctx, k); !ok {
			missing[k] = struct{}{}
		}
	}
	thunks := make([]dataloader.Thunk[V], len(ids))
	if n := len(missing); n > 0 {
		// Of exactly this capacity, so that it never waits for more. A thunk
		// must not be called while the lock is held: the batch is not out yet.
		once := dataloader.NewBatchedLoader(l.batch, dataloader.WithCache(l.cache),
			dataloader.WithBatchCapacity[key, V](n), dataloader.WithInputCapacity[key, V](n))
		for i, id := range ids {
			thunks[i] = once.Load(ctx, key{l.account, id})
		}
	} else {
		for i, id := range ids {
			thunks[i], _ = l.cache.Get(ctx, key{l.account, id})
		}
	}
	l.mu.Unlock()
	out := make([]V, len(ids))
	for i, thunk := range thunks {
		v, err := thunk()
		if err != nil {
			return nil, err
		}
		out[i] = v
	}
	return out, nil
}

// direct is load for whoever asks for all at once, the projector for a level and
// a mutation for its record: the batch runs in the caller's goroutine, whose
// stack has grown already.
func (l *loader[V]) direct(ctx context.Context, ids []string) ([]V, error) {
	l.mu.Lock()
	defer l.mu.Unlock() // until all are there: whoever asks for the same waits
	if missing := l.missing(ctx, ids); len(missing) > 0 {
		found, err := l.fetch(ctx, missing)
		if err != nil {
			return nil, err
		}
		for _, id := range missing {
			l.know(ctx, id, found[id])
		}
	}
	out := make([]V, len(ids))
	for i, id := range ids {
		thunk, _ := l.cache.Get(ctx, key{l.account, id})
		var err error
		if out[i], err = thunk(); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// missing returns those of ids that have not been asked for. The caller has the lock.
func (l *loader[V]) missing(ctx context.Context, ids []string) []string {
	var out []string
	for _, id := range ids {
		if _, ok := l.cache.Get(ctx, key{l.account, id}); !ok {
			out = append(out, id)
		}
	}
	return out
}

// know keeps a value. The caller has the lock.
func (l *loader[V]) know(ctx context.Context, id string, v V) {
	l.cache.Set(ctx, key{l.account, id}, func() (V, error) { return v, nil })
}

// put makes a value known that came by another way. One that is known stays.
func (l *loader[V]) put(ctx context.Context, id string, v V) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.learn(ctx, id, v)
}

// learn is put for a caller who has the lock.
func (l *loader[V]) learn(ctx context.Context, id string, v V) {
	if _, ok := l.cache.Get(ctx, key{l.account, id}); !ok {
		l.know(ctx, id, v)
	}
}
