package shards

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"

	"gatehouse/migrations"
)

// readCatalogue checks a PostgreSQL shard, its schema and that it keeps
// accounts apart, and describes its tables of records.
func readCatalogue(ctx context.Context, pool *pgxpool.Pool) (map[string]*Table, error) {
	db := stdlib.OpenDBFromPool(pool)
	defer db.Close()
	if err := checkSchema(ctx, bun.NewDB(db, pgdialect.New()), migrations.Postgres{}); err != nil {
		return nil, err
	}
	if err := checkWalls(ctx, pool); err != nil {
		return nil, err
	}
	tables := map[string]*Table{}
	of := func(name string) *Table {
		if tables[name] == nil {
			tables[name] = &Table{Name: name, columns: map[string]column{}}
		}
		return tables[name]
	}
	var table, name, other string
	var is, partial, nullable bool
	var columns []string
	for _, read := range []struct {
		query string
		into  []any
		row   func() error
	}{
		{`SELECT c.relname, a.attname, a.attgenerated <> '', NOT a.attnotnull FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
			WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped ORDER BY c.relname, a.attnum`,
			[]any{&table, &name, &is, &nullable}, func() error {
				t := of(table)
				t.columns[name] = column{generated: is, nullable: nullable}
				if field, ok := strings.CutSuffix(name, "_fold"); ok && !is {
					t.folds = append(t.folds, fold{name, camel(field)})
				}
				return nil
			}},
		{`SELECT i.indrelid::regclass::text, c.relname, i.indisunique, i.indpred IS NOT NULL, array_agg(a.attname::text ORDER BY k.n) FROM pg_index i
			JOIN pg_class c ON c.oid = i.indexrelid CROSS JOIN unnest(i.indkey) WITH ORDINALITY k(attnum, n)
			JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
			WHERE c.relnamespace = current_schema()::regnamespace AND NOT i.indisprimary GROUP BY 1, 2, 3, 4 ORDER BY 1, 2`,
			[]any{&table, &name, &is, &partial, &columns}, func() error {
				if t := of(table); t.isRecord() {
					if columns[0] != "account_id" {
						return fmt.Errorf("index %s begins with %s, not with account_id", name, columns[0])
					}
					t.indexes = append(t.indexes, index{name: name, unique: is, partial: partial, columns: columns[1:]})
				}
				return nil
			}},
		{`SELECT f.conrelid::regclass::text, f.conname, f.confrelid::regclass::text, array_agg(a.attname::text ORDER BY k.n) FROM pg_constraint f
			CROSS JOIN unnest(f.conkey) WITH ORDINALITY k(attnum, n) JOIN pg_attribute a ON a.attrelid = f.conrelid AND a.attnum = k.attnum
			WHERE f.connamespace = current_schema()::regnamespace AND f.contype = 'f' GROUP BY 1, 2, 3 ORDER BY 1, 2`,
			[]any{&table, &name, &other, &columns}, func() error {
				t := of(table)
				column := columns[len(columns)-1]
				t.refs = append(t.refs, reference{field: fieldOf(column), column: column, table: other, constraint: name})
				return nil
			}},
	} {
		rows, err := pool.Query(ctx, read.query)
		if err != nil {
			return nil, err
		}
		if _, err := pgx.ForEachRow(rows, read.into, read.row); err != nil {
			return nil, err
		}
	}
	for name, t := range tables {
		if !t.isRecord() {
			delete(tables, name)
		}
	}
	return tables, nil
}
