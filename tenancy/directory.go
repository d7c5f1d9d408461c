package tenancy

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/gofrs/flock"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/sqlitedialect"
	"github.com/uptrace/bun/migrate"
	_ "modernc.org/sqlite" // the database/sql driver "sqlite"

	"gatehouse/migrations"
)

// ErrNotFound is in the chain of every error about something that the
// directory does not hold.
var ErrNotFound = errors.New("not found in the directory")

// Directory knows the accounts, their hosts and API keys, and the shards. It
// is the only thing in this package that reads or writes a database.
//
// Lookup, LookupKey and LookupHost are for requests: remembered for at most
// the lease (invariant 3). The other methods are for commands: they read what
// is there now. Errors of input are shards.Error with BAD_REQUEST and a
// message for whoever gave the command. Safe for concurrent use, also with
// other processes on the same file.
type Directory struct {
	options Options
	write   *bun.DB // one connection; its transactions begin IMMEDIATE
	read    *bun.DB

	accountByID, keyByID, hostByName *sql.Stmt

	accounts *leased[Account]
	keys     *leased[Key]
	hosts    *leased[string]
}

// Options of a Directory. The zero value is usable but for creating accounts
// without an id and keys with scopes.
type Options struct {
	// Lease is for how long an answer of the directory may be used; 500 ms by
	// default, and never more than that, so that a suspension is in force
	// within a second.
	Lease time.Duration
	// CacheSize bounds the accounts, the keys and the hosts that are
	// remembered, each; 10,000 by default. Absent ones count too.
	CacheSize int
	// Scopes are those which an API key may hold.
	Scopes []string
	// NewID makes ids for accounts; without it every account needs one given.
	NewID func() string
	// LookupEnv finds the variables that a DSN names; os.LookupEnv by default.
	LookupEnv func(name string) (string, bool)
	// Now is the clock; time.Now by default.
	Now func() time.Time
}

const maxLease = 500 * time.Millisecond

func (o Options) withDefaults() (Options, error) {
	if o.Lease < 0 || o.Lease > maxLease {
		return o, fmt.Errorf("directory: the lease must be at most %v", maxLease)
	}
	if o.Lease == 0 {
		o.Lease = maxLease
	}
	if o.CacheSize <= 0 {
		o.CacheSize = 10_000
	}
	if o.LookupEnv == nil {
		o.LookupEnv = os.LookupEnv
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o, nil
}

// OpenDirectory opens the directory that dsn names, creates it where there is
// none and brings its tables up to date. dsn is the path of an SQLite file and
// may name environment variables, as a shard's DSN may. Close it after use.
func OpenDirectory(ctx context.Context, dsn string, options Options) (*Directory, error) {
	options, err := options.withDefaults()
	if err != nil {
		return nil, err
	}
	path, err := directoryPath(dsn, options.LookupEnv)
	if err != nil {
		return nil, fmt.Errorf("directory: %w", err)
	}
	d := &Directory{options: options}
	if err := d.open(ctx, path); err != nil {
		return nil, errors.Join(fmt.Errorf("open directory %s: %w", path, err), d.Close())
	}
	d.accounts = newLeased(options, d.readAccount)
	d.keys = newLeased(options, d.readKey)
	d.hosts = newLeased(options, d.readHost)
	return d, nil
}

func directoryPath(dsn string, lookup func(string) (string, bool)) (string, error) {
	path, err := ExpandDSN(dsn, lookup)
	if err != nil {
		return "", err
	}
	path = strings.TrimPrefix(path, "file:")
	switch {
	case strings.Contains(path, "://"):
		return "", errors.New("its DSN must be the path of an SQLite file")
	case path == "", strings.HasPrefix(path, ":memory:"), strings.ContainsAny(path, "?\x00"):
		return "", errors.New("its DSN must be a plain path of a file, without parameters")
	}
	return path, nil
}

func (d *Directory) open(ctx context.Context, path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	// SQLite would create a file that others may read.
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if d.write, err = openSQLite(path, 1, "_txlock=immediate&_journal_mode=WAL&_pragma=synchronous(FULL)&_pragma=foreign_keys(1)"); err != nil {
		return err
	}
	if err := migrateDirectory(ctx, d.write, path); err != nil {
		return err
	}
	if d.read, err = openSQLite(path, max(4, runtime.GOMAXPROCS(0)), "mode=ro&_pragma=query_only(1)"); err != nil {
		return err
	}
	for statement, text := range map[**sql.Stmt]string{
		&d.accountByID: selectAccount, &d.keyByID: selectKey, &d.hostByName: selectHost,
	} {
		if *statement, err = d.read.DB.PrepareContext(ctx, text); err != nil {
			return err
		}
	}
	return nil
}

func openSQLite(path string, connections int, parameters string) (*bun.DB, error) {
	escaped := (&url.URL{Path: path}).EscapedPath()
	db, err := sql.Open("sqlite", "file:"+escaped+"?_pragma=busy_timeout(5000)&"+parameters)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	return bun.NewDB(db, sqlitedialect.New()), nil
}

// migrateDirectory holds a file lock meanwhile: bun's own lock is a row, which
// a process that dies leaves behind for good.
func migrateDirectory(ctx context.Context, db *bun.DB, path string) (err error) {
	lock := flock.New(path + ".migrate.lock")
	if _, err := lock.TryLockContext(ctx, 20*time.Millisecond); err != nil {
		return fmt.Errorf("lock for migration: %w", err)
	}
	defer func() { err = errors.Join(err, lock.Close()) }()

	found := migrate.NewMigrations()
	if err := found.Discover(migrations.Directory()); err != nil {
		return err
	}
	migrator := migrate.NewMigrator(db, found, migrate.WithMarkAppliedOnSuccess(true))
	if err := migrator.Init(ctx); err != nil {
		return err
	}
	_, err = migrator.Migrate(ctx)
	return err
}

// Close releases the database. Lookups that are under way, and all later ones,
// answer UNAVAILABLE.
func (d *Directory) Close() error {
	var errs []error
	for _, db := range []*bun.DB{d.read, d.write} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	return errors.Join(errs...)
}

// change runs fn in a transaction. It holds the write lock from the start, so
// what fn reads can't change before it commits.
func (d *Directory) change(ctx context.Context, fn func(ctx context.Context, tx bun.Tx) error) error {
	return d.write.RunInTx(ctx, nil, fn)
}

// missing turns the absence of a row into ErrNotFound, with what was sought.
func missing(err error, what, id string) error {
	if errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("%s %q: %w", what, id, ErrNotFound)
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", what, err)
	}
	return nil
}
