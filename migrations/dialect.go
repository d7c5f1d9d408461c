package migrations

import "fmt"

// SQLite is the template data for SQLite. A dialect gives the parts of a
// statement in which the engines differ; {{.Text}} and so on in a migration.
type SQLite struct{}

// Text is the type of ids, times and texts: compared byte by byte.
func (SQLite) Text() string { return "text" }

// JSON is the type of a body.
func (SQLite) JSON() string { return "text" }

// Record gives the columns that every table of records has.
func (d SQLite) Record() string { return record(d.Text(), d.JSON()) }

// Options end a CREATE TABLE. WITHOUT ROWID stores rows in the order of their
// key, so that an account's rows lie together.
func (SQLite) Options() string { return "WITHOUT ROWID" }

// Busy ends the CREATE TABLE of a table whose rows change all the time.
func (d SQLite) Busy() string { return d.Options() }

// NullsFirst follows a column of an index that a list is ordered by and that
// may be NULL: rows without a value come first when ascending.
func (SQLite) NullsFirst() string { return "" } // they do

// From generates a text column from a field of the body.
func (SQLite) From(field string) string {
	return fmt.Sprintf("text GENERATED ALWAYS AS (body->>'%s') VIRTUAL", field)
}

// Int generates a column of whole numbers from a field of the body.
func (SQLite) Int(field string) string {
	return fmt.Sprintf("bigint GENERATED ALWAYS AS (CAST(body->>'%s' AS bigint)) VIRTUAL", field)
}

// Bool generates a column of truth values from a field of the body.
func (SQLite) Bool(field string) string {
	return fmt.Sprintf("boolean GENERATED ALWAYS AS (CAST(body->>'%s' AS boolean)) VIRTUAL", field)
}

// Postgres is the template data for PostgreSQL; see SQLite.
type Postgres struct{}

// Text is compared byte by byte, whatever the database's collation.
func (Postgres) Text() string { return `text COLLATE "C"` }

// JSON keeps a body as it was written: numbers of any size, keys in their
// order. It is read back as a whole, so that jsonb would be printed each time.
func (Postgres) JSON() string { return "json" }

// Record gives the columns that every table of records has.
func (d Postgres) Record() string { return record(d.Text(), d.JSON()) }

// Options end a CREATE TABLE.
func (Postgres) Options() string { return "" }

// Busy leaves room on each page, so that an update stays on its page and
// touches no index.
func (Postgres) Busy() string { return "WITH (fillfactor = 50)" }

// NullsFirst makes the order of an index that of SQLite.
func (Postgres) NullsFirst() string { return "NULLS FIRST" }

// From generates a text column from a field of the body.
func (d Postgres) From(field string) string {
	return fmt.Sprintf("%s GENERATED ALWAYS AS (body->>'%s') STORED", d.Text(), field)
}

// Int generates a column of whole numbers from a field of the body.
func (Postgres) Int(field string) string {
	return fmt.Sprintf("bigint GENERATED ALWAYS AS (CAST(body->>'%s' AS bigint)) STORED", field)
}

// Bool generates a column of truth values from a field of the body.
func (Postgres) Bool(field string) string {
	return fmt.Sprintf("boolean GENERATED ALWAYS AS (CAST(body->>'%s' AS boolean)) STORED", field)
}

func record(text, json string) string {
	return fmt.Sprintf("account_id %[1]s NOT NULL, id %[1]s NOT NULL, version bigint NOT NULL, created_at %[1]s NOT NULL, updated_at %[1]s NOT NULL, body %[2]s NOT NULL", text, json)
}
