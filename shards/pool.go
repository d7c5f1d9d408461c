package shards

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Pool holds the open shards of a process, and no more of them than are used: a
// shard rests once nobody has used it for a while, and is opened again for
// whoever comes next. It is safe for concurrent use.
type Pool struct {
	opts Options
	most int // maxOpen

	mu     sync.Mutex
	shards map[string]*opening // nil once the pool is closed
}

const (
	// restAfter is how long nobody must have used a shard before it is closed. To
	// open it again takes some milliseconds.
	restAfter = 5 * time.Minute
	// lookForIdle is how often idle shards are looked for.
	lookForIdle = 30 * time.Second
	// maxOpen is how many shards are open at once, unless more are used within
	// justUsed: what was used least lately makes room. An open SQLite shard takes
	// 3 to 14 descriptors and, with all its caches full, some 25 MB.
	maxOpen  = 256
	justUsed = time.Second
)

// opening is a shard that is open, is being opened, or rests.
type opening struct {
	once  sync.Once
	shard *Shard
	err   error
	ready atomic.Bool // shard is set

	// rests: it was open before and may be again. before is the shard as it was
	// then, until that is closed; guarded by the pool's lock.
	rests  bool
	before *Shard
}

// NewPool returns a pool that opens shards with opts.
func NewPool(opts Options) *Pool {
	return &Pool{opts: opts.withDefaults(), most: maxOpen, shards: map[string]*opening{}}
}

// Get returns the shard of that id if it is open. It stays open while it is used;
// a Handle asks for it again where it was closed in between.
func (p *Pool) Get(id string) (*Shard, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	o, ok := p.shards[id]
	if !ok || !o.ready.Load() {
		return nil, false
	}
	o.shard.use.touch()
	return o.shard, true
}

// Serves reports whether the shard of that id is open, or only rests.
func (p *Pool) Serves(id string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	o, ok := p.shards[id]
	return ok && (o.rests || o.ready.Load())
}

// Len returns how many shards are open.
func (p *Pool) Len() (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, o := range p.shards {
		if o.ready.Load() {
			n++
		}
	}
	return n
}

// Shard returns the shard of that id, and opens it first where it is not open.
// An error is not remembered: the next call tries again.
func (p *Pool) Shard(ctx context.Context, spec Spec) (*Shard, error) {
	p.mu.Lock()
	if p.shards == nil {
		p.mu.Unlock()
		return nil, errClosed
	}
	o, ok := p.shards[spec.ID]
	if !ok {
		o = &opening{}
		p.shards[spec.ID] = o
	}
	before := o.before
	p.mu.Unlock()
	// Outside the lock, so that a slow shard holds up nobody else's.
	o.once.Do(func() {
		if before != nil {
			_ = before.Close() // a file is open once; what is wrong with it is in the log
		}
		for p.Len() >= p.most && p.closeOne(p.opts.Now().Add(-justUsed)) {
		}
		if o.shard, o.err = Open(context.WithoutCancel(ctx), spec, p.opts); o.err == nil {
			o.shard.use.touch()
			o.ready.Store(true)
		}
	})
	if o.err != nil {
		p.mu.Lock()
		if p.shards[spec.ID] == o {
			delete(p.shards, spec.ID)
		}
		p.mu.Unlock()
	}
	return o.shard, o.err
}

// Tend closes idle shards until ctx ends.
func (p *Pool) Tend(ctx context.Context) {
	tick := time.NewTicker(lookForIdle)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			p.CloseIdle(restAfter)
		case <-ctx.Done():
			return
		}
	}
}

// CloseIdle closes the shards that nobody has used for so long, and that nobody
// follows. It returns how many.
func (p *Pool) CloseIdle(unused time.Duration) (n int) {
	for since := p.opts.Now().Add(-unused); p.closeOne(since); n++ {
	}
	return n
}

// closeOne closes the shard that was used least lately, and not after a time, of
// those that nobody uses; false where there is none.
func (p *Pool) closeOne(after time.Time) bool {
	p.mu.Lock()
	idle := slices.Collect(maps.Values(p.shards))
	idle = slices.DeleteFunc(idle, func(o *opening) bool { return !o.ready.Load() || o.shard.use.last.Load() > after.UnixNano() })
	slices.SortFunc(idle, func(a, b *opening) int { return cmp.Compare(a.shard.use.last.Load(), b.shard.use.last.Load()) })
	i := slices.IndexFunc(idle, func(o *opening) bool { return o.shard.rest() })
	if i < 0 {
		p.mu.Unlock()
		return false
	}
	shard := idle[i].shard
	next := &opening{rests: true, before: shard}
	p.shards[shard.Spec.ID] = next
	p.mu.Unlock()

	if err := shard.Close(); err != nil {
		p.opts.Log.Error("closing an idle shard", "shard", shard.Spec.ID, "error", err)
	}
	p.mu.Lock()
	next.before = nil
	p.mu.Unlock()
	return true
}

// Close closes all shards, also those that are being opened or closed.
func (p *Pool) Close() error {
	p.mu.Lock()
	all := p.shards
	p.shards = nil
	var closing []*Shard
	for _, o := range all {
		if o.before != nil {
			closing = append(closing, o.before)
		}
	}
	p.mu.Unlock()
	var errs []error
	for _, s := range closing {
		errs = append(errs, s.Close())
	}
	for _, o := range all {
		o.once.Do(func() { o.err = errClosed }) // waits for one that is being opened
		if o.err == nil {
			errs = append(errs, o.shard.Close())
		}
	}
	return errors.Join(errs...)
}
