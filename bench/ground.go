package main

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/jackc/pgx/v5"

	"gatehouse/shards"
)

// ground is where the data lies, on one engine: the shard that is seeded, and
// an equal copy for each contestant, so that none profits from, or waits for,
// what another one writes.
type ground interface {
	// shard that is seeded.
	shard() shards.Spec
	// multiply gives all other accounts a copy of what the first one has.
	multiply(ctx context.Context, accounts []*account) error
	// copy returns a copy of the seeded shard, which nobody has open.
	copy(ctx context.Context, name string) (shards.Spec, error)
	// folder is where further files may lie.
	folder() string
}

// multiplied returns the statement that does so for a table's columns; its
// arguments are the new account and the one that has the rows.
func multiplied(table string, columns []string) string {
	list := strings.Join(columns, ", ")
	return fmt.Sprintf("INSERT INTO %[1]s (account_id, %[2]s) SELECT $1, %[2]s FROM %[1]s WHERE account_id = $2", table, list)
}

// fileOf returns the name of a contestant's file or database.
func fileOf(name string) string { return strings.NewReplacer(" ", "_", ",", "").Replace(name) }

// files is the ground on SQLite, in a folder.
type files struct{ dir string }

func (f files) folder() string { return f.dir }

func (f files) shard() shards.Spec { return f.spec("seeded") }

func (f files) spec(name string) shards.Spec {
	return shards.Spec{ID: shardID, Engine: "sqlite", DSN: filepath.Join(f.dir, fileOf(name)+".db")}
}

func (f files) multiply(ctx context.Context, accounts []*account) (err error) {
	// Nothing of this has to survive a crash.
	db, err := open(f.shard().DSN, "rw", "journal_mode(OFF)", "synchronous(OFF)", "cache_size(-200000)", "foreign_keys(0)")
	if err != nil {
		return err
	}
	defer func() {
		if err2 := db.Close(); err == nil {
			err = err2
		}
	}()
	for _, table := range tables {
		columns, err := column(ctx, db, "SELECT name FROM pragma_table_xinfo(?) WHERE hidden = 0 AND name <> 'account_id'", table)
		if err != nil {
			return err
		}
		// An account after the other within a table, so that rows are only appended.
		for _, a := range accounts[1:] {
			if _, err := db.ExecContext(ctx, multiplied(table, columns), a.ID, accounts[0].ID); err != nil {
				return err
			}
		}
	}
	_, err = db.ExecContext(ctx, "PRAGMA journal_mode=WAL")
	return err
}

func column(ctx context.Context, db *sql.DB, query string, args ...any) (out []string, err error) {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var v string
		if err := rows.Scan(&v); err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, rows.Err()
}

func (f files) copy(_ context.Context, name string) (_ shards.Spec, err error) {
	spec := f.spec(name)
	in, err := os.Open(f.shard().DSN)
	if err != nil {
		return spec, err
	}
	defer in.Close()
	out, err := os.Create(spec.DSN)
	if err != nil {
		return spec, err
	}
	if _, err = io.Copy(out, in); err == nil {
		err = out.Sync()
	}
	if err2 := out.Close(); err == nil {
		err = err2
	}
	return spec, err
}

// databases is the ground on a PostgreSQL server, in databases of its own,
// with SQLite for what is beside the shard.
type databases struct {
	dir string
	// admin may make databases and read everything; app and owner return the
	// URLs of a database for those who use it and who migrate it.
	admin, app, owner func(database string) string
	prefix, role      string // of the databases, and their owner's name
}

func (d databases) folder() string { return d.dir }

func (d databases) shard() shards.Spec { return d.spec("seeded") }

func (d databases) spec(name string) shards.Spec {
	database := d.prefix + fileOf(name)
	return shards.Spec{ID: shardID, Engine: "postgres", DSN: d.app(database), OwnerDSN: d.owner(database)}
}

func (d databases) multiply(ctx context.Context, accounts []*account) error {
	conn, err := pgx.Connect(ctx, d.admin(d.prefix+"seeded"))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	for _, table := range tables {
		rows, err := conn.Query(ctx, "SELECT column_name::text FROM information_schema.columns WHERE table_schema = current_schema()"+
			" AND table_name = $1 AND is_generated = 'NEVER' AND column_name <> 'account_id'", table)
		if err != nil {
			return err
		}
		columns, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return err
		}
		for _, a := range accounts[1:] {
			if _, err := conn.Exec(ctx, multiplied(table, columns), a.ID, accounts[0].ID); err != nil {
				return err
			}
		}
	}
	_, err = conn.Exec(ctx, "VACUUM ANALYZE") // what the server does by itself after a while
	return err
}

func (d databases) copy(ctx context.Context, name string) (shards.Spec, error) {
	return d.spec(name), d.create(ctx, name, d.prefix+"seeded")
}

// create makes a database like another one.
func (d databases) create(ctx context.Context, name, like string) error {
	return d.exec(ctx, fmt.Sprintf("CREATE DATABASE %s TEMPLATE %s STRATEGY file_copy OWNER %s", d.prefix+fileOf(name), like, d.role))
}

func (d databases) drop(ctx context.Context, name string) error {
	return d.exec(ctx, "DROP DATABASE IF EXISTS "+d.prefix+fileOf(name)+" WITH (FORCE)")
}

func (d databases) exec(ctx context.Context, statement string) error {
	conn, err := pgx.Connect(ctx, d.admin("postgres"))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, statement)
	return err
}
