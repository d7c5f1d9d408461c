package shards

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// postgresEngine is the engine of a PostgreSQL primary.
type postgresEngine struct {
	primary *node
	writes  *groups
	schema  map[string]*Table
	trace   func(Statement)
}

const (
	// Each request that reads has a connection for as long as it reads; what
	// waits for a write has one for a whole group. pool_max_conns in a DSN is
	// for both.
	readConnections  = 16
	writeConnections = 8
	// connectTimeout is how long a server may take to answer at all.
	connectTimeout = 2 * time.Second
)

// openPostgres opens a database that other gateways may have open too. Where
// opts.Create is set, it is migrated first, as its owner.
func openPostgres(ctx context.Context, spec Spec, opts Options) (_ *postgresEngine, err error) {
	if opts.Create {
		if err := migratePostgres(ctx, spec); err != nil {
			return nil, err
		}
	}
	e := &postgresEngine{trace: opts.Trace}
	if e.trace == nil {
		e.trace = func(Statement) {}
	}
	config, err := postgresConfig(spec.DSN, readConnections)
	if err != nil {
		return nil, err
	}
	if e.primary, err = openNode(ctx, "primary", config); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			e.primary.pool.Close()
		}
	}()
	if e.schema, err = readCatalogue(ctx, e.primary.pool); err != nil {
		return nil, err
	}
	config, err = postgresConfig(spec.DSN, writeConnections)
	if err != nil {
		return nil, err
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	e.writes = &groups{pool: pool, schema: e.schema, now: opts.Now, trace: e.trace, waiting: map[string][]*pending{}}
	return e, nil
}

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
	if plain, err := pgxpool.ParseConfig("postgres:///"); err == nil && config.MaxConns == plain.MaxConns {
		config.MaxConns = connections
	}
	if config.ConnConfig.ConnectTimeout == 0 {
		config.ConnConfig.ConnectTimeout = connectTimeout
	}
	return config, nil
}

func (e *postgresEngine) sql() dialect { return postgresSQL }

func (e *postgresEngine) tables() map[string]*Table { return e.schema }

func (e *postgresEngine) begin(ctx context.Context, o *beginning) (read, error) {
	return e.primary.begin(ctx, o, e.trace)
}

func (e *postgresEngine) commit(ctx context.Context, account string, w *Write) (Committed, error) {
	return e.writes.commit(ctx, account, w)
}

func (e *postgresEngine) close() error {
	e.writes.stop()
	e.primary.pool.Close()
	return nil
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
	batch.Queue(setWrite, account)
	queue(batch, e.trace, b.statement())
	batch.Queue("COMMIT")
	return fault(ctx, conn, conn.SendBatch(ctx, batch).Close())
}
