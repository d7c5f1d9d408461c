package shards

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"

	"gatehouse/migrations"
)

// The second wall between accounts, behind the account_id in every statement:
// each table shows a transaction only the rows of the account that it named,
// and none where it named none, whatever a statement asks for. It holds against
// the gateway because the gateway's role owns nothing and so can't lift it.

// tenantTables are the tables of accounts and what is wrong with each.
const tenantTables = `
SELECT quote_ident(c.relname),
  NOT (c.relrowsecurity AND c.relforcerowsecurity),
  NOT coalesce((SELECT count(*) = 1 AND bool_and(p.polname = 'account' AND p.polpermissive AND p.polcmd = '*' AND p.polroles = '{0}'
      AND p.polwithcheck IS NULL AND pg_get_expr(p.polqual, c.oid) = '(account_id = NULLIF(current_setting(''app.account_id''::text, true), ''''::text))')
    FROM pg_policy p WHERE p.polrelid = c.oid), false),
  pg_has_role(current_user, c.relowner, 'USAGE')
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'account_id' AND NOT a.attisdropped
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p')
ORDER BY 1`

// checkWalls refuses a database in which a table lacks its policy, or whose
// policies do not bind the role of pool.
func checkWalls(ctx context.Context, pool *pgxpool.Pool) error {
	var role string
	var above bool
	if err := pool.QueryRow(ctx, "SELECT rolname, rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user").Scan(&role, &above); err != nil {
		return err
	}
	if above {
		return fmt.Errorf("the role %s is a superuser or has BYPASSRLS; the gateway's must be neither", role)
	}
	rows, err := pool.Query(ctx, tenantTables)
	if err != nil {
		return err
	}
	var wrong []error
	var table string
	var open, lacks, owns bool
	_, err = pgx.ForEachRow(rows, []any{&table, &open, &lacks, &owns}, func() error {
		switch {
		case open || lacks:
			wrong = append(wrong, fmt.Errorf("the table %s does not keep accounts apart; run `gatehouse migrate`", table))
		case owns:
			wrong = append(wrong, fmt.Errorf("the table %s belongs to the role %s; the gateway's must own nothing", table, role))
		}
		return nil
	})
	return errors.Join(append(wrong, err)...)
}

// lockForShard keeps gateways from migrating a shard at the same time. It goes
// with the connection, so nothing is left of a process that dies.
const lockForShard = "SELECT pg_advisory_lock(4848463711)"

// migratePostgres brings the schema up to date as its owner, and walls it.
func migratePostgres(ctx context.Context, spec Spec) error {
	app, err := postgresConfig(spec.DSN, writeConnections) // before anything is done
	if err != nil {
		return err
	}
	if spec.OwnerDSN == "" {
		return errors.New("a PostgreSQL shard is migrated by its owner, another role than the one that serves it; its DSN is not given")
	}
	owner, err := pgx.ParseConfig(spec.OwnerDSN)
	if err != nil {
		return err
	}
	// bun writes values into the text, so that no text comes twice.
	owner.DefaultQueryExecMode = pgx.QueryExecModeExec
	if owner.ConnectTimeout == 0 {
		owner.ConnectTimeout = connectTimeout
	}
	lock, err := pgx.ConnectConfig(ctx, owner)
	if err != nil {
		return err
	}
	defer lock.Close(context.WithoutCancel(ctx))
	if _, err := lock.Exec(ctx, lockForShard); err != nil {
		return err
	}
	db := stdlib.OpenDB(*owner)
	defer db.Close()
	if err := migrateSchema(ctx, bun.NewDB(db, pgdialect.New()), migrations.Postgres{}); err != nil {
		return err
	}
	return raiseWalls(ctx, lock, app.ConnConfig.User)
}

// raiseWalls gives every table of accounts its policy, and the role what it
// needs to serve. It walks the catalogue, so that no migration can forget it.
func raiseWalls(ctx context.Context, conn *pgx.Conn, role string) error {
	rows, err := conn.Query(ctx, tenantTables)
	if err != nil {
		return err
	}
	to := pgx.Identifier{role}.Sanitize()
	todo := []string{"GRANT SELECT ON bun_migrations TO " + to}
	var table string
	var open, lacks, owns bool
	_, err = pgx.ForEachRow(rows, []any{&table, &open, &lacks, &owns}, func() error {
		if open || lacks { // else it would wait for everybody who reads, and they for it
			todo = append(todo,
				"DROP POLICY IF EXISTS account ON "+table,
				"CREATE POLICY account ON "+table+" USING (account_id = NULLIF(current_setting('app.account_id', true), ''))",
				"ALTER TABLE "+table+" ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
		}
		todo = append(todo, "GRANT SELECT, INSERT, UPDATE, DELETE ON "+table+" TO "+to)
		return nil
	})
	if err != nil {
		return err
	}
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		for _, text := range todo {
			if _, err := tx.Exec(ctx, text); err != nil {
				return fmt.Errorf("%s: %w", strings.ToLower(text), err)
			}
		}
		return nil
	})
}
