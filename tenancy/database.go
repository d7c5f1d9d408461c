package tenancy

import (
	"context"
	"database/sql"
	"errors"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/migrate"

	"gatehouse/migrations"
)

// database is the directory's, on either engine.
type database struct {
	write *bun.DB
	read  *bun.DB
	hot   *sql.DB // of the lookups, where they have one of their own
	// shared: other machines may have it open too.
	shared bool
	// begin, where set, begins each change.
	begin func(ctx context.Context, tx bun.Tx) error

	accountByID, keyByID, hostByName, documentByKey lookup
}

// lookup is a statement of requests: its argument is bound, never written into
// SQL text, and the database has it prepared.
type lookup func(ctx context.Context, id string) *sql.Row

// lookups returns the text of each lookup, with this for its argument.
func (db *database) lookups(argument string) map[*lookup]string {
	return map[*lookup]string{
		&db.accountByID: selectAccount + argument, &db.keyByID: selectKey + argument, &db.hostByName: selectHost + argument,
		&db.documentByKey: selectDocument + argument,
	}
}

// change runs fn in a transaction. Nobody else changes the directory
// meanwhile, so what fn reads can't change before it commits.
func (db *database) change(ctx context.Context, fn func(ctx context.Context, tx bun.Tx) error) error {
	return db.write.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		if db.begin != nil {
			if err := db.begin(ctx, tx); err != nil {
				return err
			}
		}
		return fn(ctx, tx)
	})
}

// migrate brings the tables up to date. One process at a time.
func (db *database) migrate(ctx context.Context) error {
	found := migrate.NewMigrations()
	if err := found.Discover(migrations.Directory()); err != nil {
		return err
	}
	migrator := migrate.NewMigrator(db.write, found, migrate.WithMarkAppliedOnSuccess(true))
	if err := migrator.Init(ctx); err != nil {
		return err
	}
	_, err := migrator.Migrate(ctx)
	return err
}

func (db *database) close() error {
	var errs []error
	if db.hot != nil {
		errs = append(errs, db.hot.Close())
	}
	for _, pool := range []*bun.DB{db.read, db.write} {
		if pool != nil {
			errs = append(errs, pool.Close()) // closing twice is fine
		}
	}
	return errors.Join(errs...)
}
