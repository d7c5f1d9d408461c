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
func (d SQLite) Record() string {
	return "account_id text NOT NULL, id text NOT NULL, version bigint NOT NULL, created_at text NOT NULL, updated_at text NOT NULL, body text NOT NULL"
}

// Options end a CREATE TABLE. WITHOUT ROWID stores rows in the order of their
// key, so that an account's rows lie together.
func (SQLite) Options() string { return "WITHOUT ROWID" }

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
