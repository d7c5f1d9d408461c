package tenancy

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"
)

const (
	// A gateway asks for each account and key twice a second at most, so a few
	// connections do for many gateways of one directory.
	lookupConnections  = 4
	commandConnections = 4
	// idleConnection is how long an unused one is kept.
	idleConnection = 5 * time.Minute
)

// IsPostgres reports whether a directory's DSN names a PostgreSQL database.
func IsPostgres(dsn string) bool {
	return strings.HasPrefix(dsn, "postgres://") || strings.HasPrefix(dsn, "postgresql://")
}

// openPostgres opens a database that other gateways may have open too.
func openPostgres(ctx context.Context, dsn string, existing bool) (db *database, err error) {
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, fmt.Errorf("directory: %w", err) // without the password
	}
	if config.DefaultQueryExecMode == pgx.QueryExecModeSimpleProtocol {
		return nil, errors.New("directory: its DSN asks for the simple protocol, in which values become part of the SQL text; behind PgBouncer use default_query_exec_mode=exec")
	}
	db = &database{shared: true, begin: beginChange}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("open directory %s on %s: %w", config.Database, config.Host, err), db.close())
		}
	}()
	// bun writes values into the text, so that no text comes twice: nothing is
	// gained by preparing it.
	plain := config.Copy()
	plain.DefaultQueryExecMode = pgx.QueryExecModeExec
	db.write = bun.NewDB(postgresPool(plain, commandConnections), pgdialect.New())
	db.read = db.write
	if existing {
		var there bool
		if err := db.read.QueryRowContext(ctx, "SELECT to_regclass('bun_migrations') IS NOT NULL").Scan(&there); err != nil {
			return db, err
		}
		if !there {
			return db, ErrNoDirectory
		}
	}
	if err := db.migrateAlone(ctx); err != nil {
		return db, err
	}
	db.hot = postgresPool(config, lookupConnections)
	for lookup, text := range db.lookups("$1") {
		// pgx prepares it on each connection, and keeps it.
		*lookup = func(ctx context.Context, id string) *sql.Row { return db.hot.QueryRowContext(ctx, text, id) }
	}
	return db, nil
}

func postgresPool(config *pgx.ConnConfig, connections int) *sql.DB {
	pool := stdlib.OpenDB(*config)
	pool.SetMaxOpenConns(connections)
	pool.SetMaxIdleConns(connections)
	pool.SetConnMaxIdleTime(idleConnection)
	return pool
}

// The locks are of a transaction, so that nothing is left of a gateway that
// dies, and a gateway that hangs loses them with its transaction. They are
// numbers that nothing else in the directory's database uses.
const (
	lockForChange    = "SELECT set_config('idle_in_transaction_session_timeout', '30s', true), pg_advisory_xact_lock(4848463701)"
	lockForMigration = "SELECT set_config('idle_in_transaction_session_timeout', '60s', true), pg_advisory_xact_lock(4848463702)"
)

// beginChange makes the changes of all gateways follow each other: what one
// has read can't change before it commits.
func beginChange(ctx context.Context, tx bun.Tx) error {
	_, err := tx.ExecContext(ctx, lockForChange)
	return err
}

// migrateAlone keeps other gateways from migrating meanwhile, on a connection
// of its own: bun's own lock is a row, which a process that dies leaves behind.
func (db *database) migrateAlone(ctx context.Context) error {
	return db.write.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		if _, err := tx.ExecContext(ctx, lockForMigration); err != nil {
			return err
		}
		return db.migrate(ctx)
	})
}
