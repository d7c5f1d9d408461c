package tenancy

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"time"
)

// ErrNotFound is in the chain of every error about something that the
// directory does not hold.
var ErrNotFound = errors.New("not found in the directory")

// ErrNoDirectory is in the chain of OpenDirectory's error where there is none
// and none was to be made.
var ErrNoDirectory = errors.New("there is no account directory")

// Directory knows the accounts, their hosts and API keys, and the shards. It
// is the only thing in this package that reads or writes a database.
//
// Lookup, LookupKey and LookupHost are for requests: remembered for at most
// the lease (invariant 3). The other methods are for commands: they read what
// is there now. Errors of input are shards.Error with BAD_REQUEST and a
// message for whoever gave the command. Safe for concurrent use, also with
// other processes on the same database.
type Directory struct {
	options Options
	*database

	accounts *leased[*Account]
	keys     *leased[Key]
	hosts    *leased[string]
	// documents by account and id.
	documents *leased[string]
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
	// Existing keeps OpenDirectory from making a directory where there is none.
	Existing bool
	// NewID makes ids for accounts; without it every account needs one given.
	NewID func() string
	// LookupEnv finds the variables that a DSN names; os.LookupEnv by default.
	LookupEnv func(name string) (string, bool)
	// Now is the clock; time.Now by default.
	Now func() time.Time
	// Looked, where set, is told of each lookup whether its answer was remembered.
	Looked func(remembered bool)
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

// OpenDirectory opens the directory that dsn names, makes it where there is
// none (unless options.Existing) and brings its tables up to date. dsn is the path of an SQLite file, or
// the postgres:// URL of a database that many gateways may share. It may name
// environment variables, as a shard's DSN may, and holds no password. Close it
// after use.
func OpenDirectory(ctx context.Context, dsn string, options Options) (*Directory, error) {
	options, err := options.withDefaults()
	if err != nil {
		return nil, err
	}
	open := openSQLite
	if IsPostgres(dsn) {
		open = openPostgres
		if err := checkDSN("postgres", dsn); err != nil {
			return nil, fmt.Errorf("directory: %w", err)
		}
	}
	expanded, err := ExpandDSN(dsn, options.LookupEnv)
	if err != nil {
		return nil, fmt.Errorf("directory: %w", err)
	}
	d := &Directory{options: options}
	if d.database, err = open(ctx, expanded, options.Existing); err != nil {
		return nil, err
	}
	d.accounts = newLeased(options, d.readAccount)
	d.keys = newLeased(options, d.readKey)
	d.hosts = newLeased(options, d.readHost)
	// Texts are longer than the rest.
	options.CacheSize = min(options.CacheSize, maxRememberedDocuments)
	d.documents = newLeased(options, d.readDocument)
	return d, nil
}

// Close releases the database. Lookups that are under way, and all later ones,
// answer UNAVAILABLE.
func (d *Directory) Close() error { return d.close() }

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
