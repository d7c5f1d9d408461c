package shards

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/sqlitedialect"
	"github.com/uptrace/bun/migrate"

	"gatehouse/migrations"
)

// migrator returns bun's migrator for the shard. The migrations are one text
// for both engines; what differs is in the template data.
func (s *Shard) migrator(ctx context.Context) (*migrate.Migrator, error) {
	ms := migrate.NewMigrations()
	if err := ms.Discover(migrations.Shard()); err != nil {
		return nil, err
	}
	db := bun.NewDB(s.engine.writer, sqlitedialect.New())
	m := migrate.NewMigrator(db, ms, migrate.WithMarkAppliedOnSuccess(true), migrate.WithTemplateData(migrations.SQLite{}))
	return m, m.Init(ctx)
}

// migrate brings the schema up to date, before the committer takes the only
// connection that writes.
func (s *Shard) migrate(ctx context.Context) error {
	m, err := s.migrator(ctx)
	if err != nil {
		return err
	}
	if _, err := m.Migrate(ctx); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return nil
}

// checkSchema refuses a shard whose schema is not the one of this program.
func (s *Shard) checkSchema(ctx context.Context) error {
	m, err := s.migrator(ctx)
	if err != nil {
		return err
	}
	all, err := m.MigrationsWithStatus(ctx)
	if err != nil {
		return err
	}
	if open := all.Unapplied(); len(open) > 0 {
		return fmt.Errorf("its schema lacks %d migrations, from %s on; run `gatehouse migrate`", len(open), open[len(open)-1].Name)
	}
	return nil
}

// AddAccount begins an account's history on this shard. Doing so again changes nothing.
func (s *Shard) AddAccount(ctx context.Context, account string) error {
	return s.writes.do(ctx, func(ctx context.Context, c *conn) error {
		_, err := c.exec(ctx, "INSERT INTO head (account_id, seq, epoch, state, trimmed) VALUES (?1, 0, 1, 'active', 0) ON CONFLICT DO NOTHING", account)
		return err
	})
}
