package shards

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// Spec says where a shard is: a row of the directory.
type Spec struct {
	ID     string
	Engine string // "sqlite" or "postgres"
	// DSN is a file's path for SQLite, and for PostgreSQL the primary, reached
	// as a role that owns nothing.
	DSN string
	// OwnerDSN reaches the same PostgreSQL database as the role that owns its
	// tables. Only needed where Options.Create is set.
	OwnerDSN string
	Region   string
	// Replicas are copies that follow it; none for SQLite.
	Replicas []Replica
}

// Replica says where a copy of a shard is.
type Replica struct {
	DSN    string
	Region string
}

// Options are what all shards of a process share.
type Options struct {
	Keys *Keyring
	Log  *slog.Logger
	// Now is the clock; time.Now where nil.
	Now func() time.Time
	// Trace, where set, is called before every statement on tenant data.
	Trace func(Statement)
	// MaxLag is how far behind its primary a replica may be and still be read
	// by who brings no bookmark; 5 s where it is 0.
	MaxLag time.Duration
	// Committed, where set, is told of each group of writes that one sync has put
	// on disk: how many, and how long the first of them waited for its turn.
	Committed func(writes int, waited time.Duration)
	// Create makes shards that do not exist, and migrates.
	Create bool
}

// Shard is one open database that holds many accounts. It is safe for
// concurrent use.
type Shard struct {
	Spec   Spec
	opts   Options
	engine engine
	feeds  *feeds
	close  func() error
}

// Open opens a shard. One that does not exist is made if opts.Create is set;
// one whose schema is older than this program is refused unless opts.Create
// is set, which migrates it.
func Open(ctx context.Context, spec Spec, opts Options) (*Shard, error) {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	if opts.Committed == nil {
		opts.Committed = func(int, time.Duration) {}
	}
	s := &Shard{Spec: spec, opts: opts}
	s.feeds = newFeeds(s)
	var err error
	switch spec.Engine {
	case "sqlite":
		s.engine, err = openSQLite(ctx, spec.DSN, opts)
	case "postgres":
		s.engine, err = openPostgres(ctx, spec, opts, s.feeds)
	default:
		err = fmt.Errorf("no engine %q in this build", spec.Engine)
	}
	if err != nil {
		return nil, fmt.Errorf("open shard %s: %w", spec.ID, err)
	}
	s.close = sync.OnceValue(func() error {
		s.feeds.close()
		return s.engine.close()
	})
	return s, nil
}

// AddAccount begins an account's history on this shard. Doing so again changes nothing.
func (s *Shard) AddAccount(ctx context.Context, account string) error {
	return s.engine.add(ctx, account)
}

// Close ends what follows accounts, finishes the writes that wait, waits for the
// snapshots that are open, and closes the shard. What comes later is
// UNAVAILABLE. It may be called more than once.
func (s *Shard) Close() error { return s.close() }

// Pool holds the open shards of a process. It is safe for concurrent use.
type Pool struct {
	opts   Options
	mu     sync.Mutex
	shards map[string]*opening // nil once the pool is closed
}

type opening struct {
	once  sync.Once
	shard *Shard
	err   error
	ready atomic.Bool // shard is set
}

// NewPool returns a pool that opens shards with opts.
func NewPool(opts Options) *Pool {
	return &Pool{opts: opts, shards: map[string]*opening{}}
}

// Get returns the shard of that id if it is open.
func (p *Pool) Get(id string) (*Shard, bool) {
	p.mu.Lock()
	o, ok := p.shards[id]
	p.mu.Unlock()
	if !ok || !o.ready.Load() {
		return nil, false
	}
	return o.shard, true
}

// Shard returns the shard of that id, and opens it first where it is not open.
// An error is not remembered: the next call tries again.
func (p *Pool) Shard(ctx context.Context, spec Spec) (*Shard, error) {
	p.mu.Lock()
	o, ok := p.shards[spec.ID]
	if p.shards == nil {
		p.mu.Unlock()
		return nil, errClosed
	}
	if !ok {
		o = &opening{}
		p.shards[spec.ID] = o
	}
	p.mu.Unlock()
	// Outside the lock, so that a slow shard holds up nobody else's.
	o.once.Do(func() {
		o.shard, o.err = Open(context.WithoutCancel(ctx), spec, p.opts)
		o.ready.Store(o.err == nil)
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

// Close closes all shards, also those that are being opened.
func (p *Pool) Close() error {
	p.mu.Lock()
	open := p.shards
	p.shards = nil
	p.mu.Unlock()
	var errs []error
	for _, o := range open {
		o.once.Do(func() { o.err = errClosed }) // waits for one that is being opened
		if o.err == nil {
			errs = append(errs, o.shard.Close())
		}
	}
	return errors.Join(errs...)
}
