package shards

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Table is what a shard's catalogue says of one table that holds records. The
// migration is the only place where a table is described; Table is read back
// from the database that it made.
type Table struct {
	Name string
	// columns by name; generated ones read a field of the body.
	columns map[string]column
	// folds are the plain columns NAME_fold: Fold of the body's field.
	folds []fold
	// indexes by their columns behind account_id.
	indexes []index
	refs    []reference
	sql     statements
}

type column struct {
	generated bool
	nullable  bool
}

// fold is a column that the gateway fills, from the body's field.
type fold struct{ column, field string }

type index struct {
	name    string
	columns []string // without account_id
	unique  bool
	// partial: it has no rows without a value in its first column.
	partial bool
}

// reference is a foreign key (account_id, column) -> table. SQLite gives its
// constraint no name.
type reference struct{ field, column, table, constraint string }

// recordColumns are what makes a table one of records.
var recordColumns = []string{"account_id", "id", "version", "created_at", "updated_at", "body"}

// readTables describes the tables of a SQLite shard that have the columns of a record.
func readTables(ctx context.Context, db *sql.DB) (map[string]*Table, error) {
	names, err := texts(ctx, db, `SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name`)
	if err != nil {
		return nil, err
	}
	tables := make(map[string]*Table)
	for _, name := range names {
		t := &Table{Name: name, columns: map[string]column{}}
		rows, err := db.QueryContext(ctx, `SELECT name, hidden, "notnull" = 0 FROM pragma_table_xinfo(?)`, name)
		if err != nil {
			return nil, err
		}
		err = each(rows, func() error {
			var name string
			var hidden int
			var c column
			if err := rows.Scan(&name, &hidden, &c.nullable); err != nil {
				return err
			}
			c.generated = hidden != 0
			t.columns[name] = c
			if field, ok := strings.CutSuffix(name, "_fold"); ok && !c.generated {
				t.folds = append(t.folds, fold{name, camel(field)})
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		if !t.isRecord() {
			continue
		}
		if err := t.readIndexes(ctx, db); err != nil {
			return nil, err
		}
		if err := t.readRefs(ctx, db); err != nil {
			return nil, err
		}
		t.sql = t.render()
		tables[name] = t
	}
	return tables, nil
}

// tableOf returns the table of that name; a missing one is a programmer's mistake.
func tableOf(tables map[string]*Table, name string) *Table {
	t, ok := tables[name]
	if !ok {
		panic("shards: no table " + name)
	}
	return t
}

func (t *Table) isRecord() bool {
	for _, name := range recordColumns {
		if _, ok := t.columns[name]; !ok {
			return false
		}
	}
	return true
}

func (t *Table) readIndexes(ctx context.Context, db *sql.DB) error {
	rows, err := db.QueryContext(ctx, `
		SELECT l.name, l."unique", l.partial, i.name FROM pragma_index_list(?) l, pragma_index_info(l.name) i
		WHERE l.origin = 'c' ORDER BY l.name, i.seqno`, t.Name)
	if err != nil {
		return err
	}
	return each(rows, func() error {
		var name, column string
		var unique, partial bool
		if err := rows.Scan(&name, &unique, &partial, &column); err != nil {
			return err
		}
		last := len(t.indexes) - 1
		if last < 0 || t.indexes[last].name != name {
			if column != "account_id" {
				return fmt.Errorf("index %s begins with %s, not with account_id", name, column)
			}
			t.indexes = append(t.indexes, index{name: name, unique: unique, partial: partial})
			return nil
		}
		t.indexes[last].columns = append(t.indexes[last].columns, column)
		return nil
	})
}

func (t *Table) readRefs(ctx context.Context, db *sql.DB) error {
	rows, err := db.QueryContext(ctx, `
		SELECT "table", "from" FROM pragma_foreign_key_list(?) WHERE "from" <> 'account_id' ORDER BY id`, t.Name)
	if err != nil {
		return err
	}
	return each(rows, func() error {
		var r reference
		if err := rows.Scan(&r.table, &r.column); err != nil {
			return err
		}
		r.field = fieldOf(r.column)
		t.refs = append(t.refs, r)
		return nil
	})
}

// reference returns what a field refers to; one that refers to nothing is a
// programmer's mistake.
func (t *Table) reference(field string) reference {
	for _, r := range t.refs {
		if r.field == field {
			return r
		}
	}
	panic("shards: " + field + " of " + t.Name + " refers to nothing")
}

// fieldOf returns the body's field behind a column, as callers know it.
func fieldOf(column string) string { return camel(strings.TrimSuffix(column, "_fold")) }

// Column returns the name of the column that holds a field: groupId is group_id.
func Column(field string) string {
	var b strings.Builder
	for _, r := range field {
		if 'A' <= r && r <= 'Z' {
			b.WriteByte('_')
			r += 'a' - 'A'
		}
		b.WriteRune(r)
	}
	return b.String()
}

func camel(column string) string {
	parts := strings.Split(column, "_")
	for i, p := range parts[1:] {
		if p != "" {
			parts[i+1] = strings.ToUpper(p[:1]) + p[1:]
		}
	}
	return strings.Join(parts, "")
}

// statements are the texts that never change for a table.
type statements struct{ insert, delete string }

func (t *Table) render() statements {
	cols, marks := slices.Clone(recordColumns), ""
	for _, f := range t.folds {
		cols = append(cols, f.column)
	}
	for i := range cols {
		marks += fmt.Sprintf(", ?%d", i+1)
	}
	return statements{
		insert: "INSERT INTO " + t.Name + " (" + strings.Join(cols, ", ") + ") VALUES (" + marks[2:] + ")",
		delete: "DELETE FROM " + t.Name + " WHERE account_id = ?1 AND id = ?2 AND version = ?3",
	}
}

// update returns the text of an update of a record on SQLite, with the folded
// columns that op changes, and the values of those. SQLite writes the index of a
// column anew that is set to what it was.
func (t *Table) update(op *Op) (text string, folded []any) {
	text = "UPDATE " + t.Name + " SET version = ?3, updated_at = ?5, body = ?6"
	for _, f := range t.folds {
		if op.changes(f.field) {
			folded = append(folded, f.of(op.Body))
			text += ", " + f.column + " = ?" + strconv.Itoa(6+len(folded))
		}
	}
	// created_at never changes: ?4 is the version that is expected.
	return text + " WHERE account_id = ?1 AND id = ?2 AND version = ?4", folded
}

func texts(ctx context.Context, db *sql.DB, query string, args ...any) ([]string, error) {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	var out []string
	err = each(rows, func() error {
		var s string
		err := rows.Scan(&s)
		out = append(out, s)
		return err
	})
	return out, err
}

// each calls f for every row and closes rows.
func each(rows *sql.Rows, f func() error) error {
	defer rows.Close()
	for rows.Next() {
		if err := f(); err != nil {
			return err
		}
	}
	return rows.Err()
}
