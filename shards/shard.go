package shards

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
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

// withDefaults fills in what may be left out.
func (o Options) withDefaults() Options {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Committed == nil {
		o.Committed = func(int, time.Duration) {}
	}
	return o
}

// Shard is one open database that holds many accounts. It is safe for
// concurrent use.
type Shard struct {
	Spec   Spec
	opts   Options
	engine engine
	feeds  *feeds
	use    use
	close  func() error
}

// Open opens a shard. One that does not exist is made if opts.Create is set;
// one whose schema is older than this program is refused unless opts.Create
// is set, which migrates it.
func Open(ctx context.Context, spec Spec, opts Options) (*Shard, error) {
	opts = opts.withDefaults()
	s := &Shard{Spec: spec, opts: opts}
	s.feeds = newFeeds(s)
	s.use.now = opts.Now
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
	if err := s.use.enter(); err != nil {
		return err
	}
	defer s.use.leave()
	return s.engine.add(ctx, account)
}

// Close ends what follows accounts, finishes the writes that wait, waits for the
// snapshots that are open, and closes the shard. What comes later is
// UNAVAILABLE. It may be called more than once.
func (s *Shard) Close() error { return s.close() }
