package tenancy

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/gofrs/flock"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/sqlitedialect"
	_ "modernc.org/sqlite" // the database/sql driver "sqlite"

	"gatehouse/shards/blocks"
)

// openSQLite opens the file that dsn names, and makes it where there is none.
func openSQLite(ctx context.Context, dsn string, existing bool) (db *database, err error) {
	path, err := sqlitePath(dsn)
	if err != nil {
		return nil, fmt.Errorf("directory: %w", err)
	}
	db = &database{}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("open directory %s: %w", path, err), db.close())
		}
	}()
	if _, err := os.Stat(path); existing && errors.Is(err, fs.ErrNotExist) {
		return db, ErrNoDirectory
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return db, err
	}
	// SQLite would create a file that others may read.
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return db, err
	}
	if err := f.Close(); err != nil {
		return db, err
	}
	// One connection, whose transactions have the write lock from the start.
	if db.write, err = sqliteFile(path, 1, "_txlock=immediate&_journal_mode=WAL&_pragma=synchronous(FULL)&_pragma=foreign_keys(1)"); err != nil {
		return db, err
	}
	if err := db.migrateFile(ctx, path); err != nil {
		return db, err
	}
	if db.read, err = sqliteFile(path, max(4, runtime.GOMAXPROCS(0)), "mode=ro&_pragma=query_only(1)"); err != nil {
		return db, err
	}
	for prepared, text := range db.lookups("?") {
		statement, err := db.read.DB.PrepareContext(ctx, text)
		if err != nil {
			return db, err
		}
		*prepared = func(ctx context.Context, id string) *sql.Row { return statement.QueryRowContext(ctx, id) }
	}
	return db, nil
}

func sqlitePath(dsn string) (string, error) {
	path := strings.TrimPrefix(dsn, "file:")
	switch {
	case strings.Contains(path, "://"):
		return "", errors.New("its DSN must be the path of an SQLite file, or begin with postgres://")
	case path == "", strings.HasPrefix(path, ":memory:"), strings.ContainsAny(path, "?\x00"):
		return "", errors.New("its DSN must be a plain path of a file, without parameters")
	}
	return path, nil
}

func sqliteFile(path string, connections int, parameters string) (*bun.DB, error) {
	if err := blocks.Keep(); err != nil {
		return nil, err
	}
	escaped := (&url.URL{Path: path}).EscapedPath()
	db, err := sql.Open("sqlite", "file:"+escaped+"?_pragma=busy_timeout(5000)&"+parameters)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	return bun.NewDB(db, sqlitedialect.New()), nil
}

// migrateFile holds a file lock meanwhile: bun's own lock is a row, which a
// process that dies leaves behind for good.
func (db *database) migrateFile(ctx context.Context, path string) (err error) {
	lock := flock.New(path + ".migrate.lock")
	if _, err := lock.TryLockContext(ctx, 20*time.Millisecond); err != nil {
		return fmt.Errorf("lock for migration: %w", err)
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	return db.migrate(ctx)
}
