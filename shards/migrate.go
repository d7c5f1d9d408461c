package shards

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/migrate"

	"gatehouse/migrations"
)

// migrator returns bun's migrator for a shard. The migrations are one text for
// both engines; what differs is in the template data.
func migrator(db *bun.DB, data any) (*migrate.Migrator, error) {
	ms := migrate.NewMigrations()
	if err := ms.Discover(migrations.Shard()); err != nil {
		return nil, err
	}
	return migrate.NewMigrator(db, ms, migrate.WithMarkAppliedOnSuccess(true), migrate.WithTemplateData(data)), nil
}

// migrateSchema brings the schema up to date.
func migrateSchema(ctx context.Context, db *bun.DB, data any) error {
	m, err := migrator(db, data)
	if err != nil {
		return err
	}
	if err := m.Init(ctx); err != nil {
		return err
	}
	if _, err := m.Migrate(ctx); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return nil
}

// checkSchema refuses a shard whose schema is not the one of this program.
func checkSchema(ctx context.Context, db *bun.DB, data any) error {
	m, err := migrator(db, data)
	if err != nil {
		return err
	}
	all, err := m.MigrationsWithStatus(ctx)
	if err != nil {
		return fmt.Errorf("it was never migrated; run `gatehouse migrate`: %w", err)
	}
	if open := all.Unapplied(); len(open) > 0 {
		return fmt.Errorf("its schema lacks %d migrations, from %s on; run `gatehouse migrate`", len(open), open[len(open)-1].Name)
	}
	return nil
}
