package transport

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// deadline is a context that ends at a time, as that of context.WithDeadline
// does. It sets a timer only for those who wait for its end: a request that is
// answered at once needs none. It is safe for concurrent use.
type deadline struct {
	context.Context // of which it is a part
	at              time.Time
	timed           atomic.Pointer[timed] // nil while nobody waits

	mu    sync.Mutex
	ended bool
}

type timed struct {
	context.Context
	cancel context.CancelFunc
}

// begin returns d as a context that ends at a time, with its parent, or by end.
func (d *deadline) begin(parent context.Context, at time.Time) *deadline {
	d.Context, d.at = parent, at
	if earlier, ok := parent.Deadline(); ok && earlier.Before(at) {
		d.at = earlier
	}
	return d
}

// end ends the context where it has not ended yet.
func (d *deadline) end() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ended = true
	if t := d.timed.Load(); t != nil {
		t.cancel()
	}
}

// wait returns the context with a timer.
func (d *deadline) wait() context.Context {
	if t := d.timed.Load(); t != nil {
		return t
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	t := d.timed.Load()
	if t == nil {
		t = &timed{}
		t.Context, t.cancel = context.WithDeadline(d.Context, d.at)
		d.timed.Store(t)
	}
	if d.ended {
		t.cancel()
	}
	return t
}

// Deadline implements context.Context.
func (d *deadline) Deadline() (time.Time, bool) { return d.at, true }

// Done implements context.Context.
func (d *deadline) Done() <-chan struct{} { return d.wait().Done() }

// Err implements context.Context.
func (d *deadline) Err() error {
	if d.timed.Load() == nil && !d.over() {
		return nil
	}
	return d.wait().Err()
}

// over reports whether the context has ended, before anybody waits for that.
func (d *deadline) over() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.ended || d.Context.Err() != nil || !time.Now().Before(d.at)
}

// Value implements context.Context. Package context asks this way for what ends
// a context, so that it needs no goroutine to wait for it.
func (d *deadline) Value(key any) any {
	if t := d.timed.Load(); t != nil {
		return t.Value(key)
	}
	return d.Context.Value(key)
}
