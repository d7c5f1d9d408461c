package shards

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// postgresEngine is the engine of a PostgreSQL primary and its replicas.
type postgresEngine struct {
	primary  *node
	replicas []*node
	turn     atomic.Uint32 // of the replicas
	writes   *groups
	schema   map[string]*Table

	stop    context.CancelFunc
	running sync.WaitGroup // goroutines that end with stop
}

const (
	// Each request that reads has a connection to its node for as long as it
	// reads; what waits to be written has one to the primary for a whole group.
	// pool_max_conns in a DSN is for each of them.
	readConnections  = 16
	writeConnections = 8
	// connectTimeout is how long a server may take to answer at all.
	connectTimeout = 2 * time.Second
)

// openPostgres opens a database that other gateways may have open too. Where
// opts.Create is set, it is migrated first, as its owner.
func openPostgres(ctx context.Context, spec Spec, opts Options, feeds *feeds) (_ *postgresEngine, err error) {
	if opts.Create {
		if err := migratePostgres(ctx, spec); err != nil {
			return nil, err
		}
	}
	if opts.Trace == nil {
		opts.Trace = func(Statement) {}
	}
	opts.Log = opts.Log.With("shard", spec.ID)
	e := &postgresEngine{}
	defer func() {
		if err != nil {
			e.closeNodes()
		}
	}()
	if e.primary, err = openNode("primary", spec.DSN, opts); err != nil {
		return nil, err
	}
	for i, r := range spec.Replicas {
		n, err := openNode(fmt.Sprintf("replica-%d", i+1), r.DSN, opts)
		if err != nil {
			return nil, err
		}
		n.replica = true
		e.replicas = append(e.replicas, n)
	}
	if err = e.readSchema(ctx); err != nil {
		return nil, err
	}
	config, err := postgresConfig(spec.DSN, writeConnections)
	if err != nil {
		return nil, err
	}
	config.AfterConnect = e.primary.locate
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	e.writes = newGroups(pool, e.schema, opts)
	bell := newBell(config.ConnConfig.Copy(), pool, feeds, opts.Log)
	e.writes.ring, e.writes.here = bell.ring, e.primary.here.Load
	var running context.Context
	running, e.stop = context.WithCancel(context.Background())
	e.running.Go(func() { bell.run(running) })
	if len(e.replicas) > 0 {
		w := &watch{engine: e, maxLag: cmp.Or(opts.MaxLag, maxLag)}
		w.look(ctx) // so that the first reads know
		e.running.Go(func() { w.run(running) })
	}
	return e, nil
}

// readSchema reads it from the first node that answers: a gateway can start, and
// read, while the primary is away.
func (e *postgresEngine) readSchema(ctx context.Context) (err error) {
	for _, n := range e.nodes() {
		var conn *pgxpool.Conn
		if conn, err = acquire(ctx, n.pool); err != nil {
			continue
		}
		conn.Release()
		e.schema, err = readCatalogue(ctx, n.pool)
		return err
	}
	return err
}

func (e *postgresEngine) nodes() []*node { return append([]*node{e.primary}, e.replicas...) }

// postgresConfig reads a DSN. Its parameters are those of pgxpool; behind a
// PgBouncer it says default_query_exec_mode=exec or cache_describe.
func postgresConfig(dsn string, connections int32) (*pgxpool.Config, error) {
	config, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, err // without the password
	}
	if config.ConnConfig.DefaultQueryExecMode == pgx.QueryExecModeSimpleProtocol {
		return nil, errors.New("its DSN asks for the simple protocol, in which values become part of the SQL text; behind PgBouncer use default_query_exec_mode=exec")
	}
	if !strings.Contains(dsn, "pool_max_conns") {
		config.MaxConns = connections
	}
	config.ConnConfig.StatementCacheCapacity = min(config.ConnConfig.StatementCacheCapacity, maxStatements)
	config.ConnConfig.DescriptionCacheCapacity = min(config.ConnConfig.DescriptionCacheCapacity, maxStatements)
	if config.ConnConfig.ConnectTimeout == 0 {
		config.ConnConfig.ConnectTimeout = connectTimeout
	}
	return config, nil
}

func (e *postgresEngine) sql() dialect { return postgresSQL }

func (e *postgresEngine) here() bool {
	for _, n := range e.replicas {
		if !n.here.Load() {
			return false
		}
	}
	return e.primary.here.Load()
}

// newest: other gateways write, too.
func (e *postgresEngine) newest(string) (Position, bool) { return Position{}, false }

func (e *postgresEngine) tables() map[string]*Table { return e.schema }

func (e *postgresEngine) commit(ctx context.Context, account string, w *Write) (Committed, error) {
	return e.writes.commit(ctx, account, w)
}

func (e *postgresEngine) close() error {
	e.stop()
	e.running.Wait()
	e.writes.stop()
	e.closeNodes()
	return nil
}

// closeNodes waits for the reads that are open.
func (e *postgresEngine) closeNodes() {
	for _, n := range e.nodes() {
		if n != nil {
			n.pool.Close()
		}
	}
}

func (e *postgresEngine) add(ctx context.Context, account string) error {
	conn, err := acquire(ctx, e.writes.pool)
	if err != nil {
		return err
	}
	defer conn.Release()
	b := newBuilder(postgresSQL, account)
	b.WriteString("INSERT INTO head (account_id, seq, epoch, state, trimmed) VALUES (" + b.account + ", 0, 1, 'active', 0) ON CONFLICT DO NOTHING")
	batch := &pgx.Batch{}
	batch.Queue(beginWrite)
	batch.Queue(setWrite, account, lockTimeout)
	queue(batch, e.writes.trace, b.statement())
	batch.Queue("COMMIT")
	return fault(ctx, conn, conn.SendBatch(ctx, batch).Close())
}
