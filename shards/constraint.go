package shards

import (
	"errors"
	"strings"

	"github.com/tidwall/gjson"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

type constraint int

const (
	constraintNone constraint = iota
	constraintKey
	constraintUnique
	constraintForeign
)

// constraintOf says which kind of constraint err reports as broken.
func constraintOf(err error) constraint {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return constraintNone
	}
	switch e.Code() {
	case sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY:
		return constraintKey
	case sqlite3.SQLITE_CONSTRAINT_UNIQUE:
		return constraintUnique
	case sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
		return constraintForeign
	}
	return constraintNone
}

// uniqueColumn reads the last column from "UNIQUE constraint failed: users.account_id, users.email_fold (2067)".
// The driver has no other place for it.
func uniqueColumn(err error) string {
	text := err.Error()
	text = text[strings.LastIndexByte(text, '.')+1:]
	text, _, _ = strings.Cut(text, " ")
	return text
}

// folded returns the values of the table's fold columns for a body.
func (t *Table) folded(body []byte) []any {
	if len(t.folds) == 0 {
		return nil
	}
	out := make([]any, len(t.folds))
	for i, f := range t.folds {
		out[i] = f.of(body)
	}
	return out
}

// of returns the value of the column for a body: nil, and so NULL, where there
// is no text.
func (f fold) of(body []byte) any {
	if v := gjson.GetBytes(body, f.field); v.Type == gjson.String {
		return Fold(v.Str)
	}
	return nil
}
