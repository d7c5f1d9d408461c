package shards

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

// dialect is where the SQL of the engines differs. All else is one text.
type dialect int

const (
	sqliteSQL dialect = iota
	postgresSQL
)

// builder collects the text and the bound arguments of one statement. Values
// never enter the text, so one shape of a query has one text.
type builder struct {
	strings.Builder
	dialect dialect
	args    []any
	// account is the placeholder of the account.
	account string
}

func newBuilder(d dialect, account string) *builder {
	b := &builder{dialect: d}
	b.account = b.arg(account)
	return b
}

func (b *builder) statement() Statement { return Statement{b.String(), b.args} }

// arg binds v and returns its placeholder.
func (b *builder) arg(v any) string {
	mark := "?"
	if b.dialect == postgresSQL {
		mark = "$"
		if text, ok := v.(string); ok && hasNUL(text) {
			v = nil // no text has it, and PostgreSQL does not take it: nothing is equal
		}
	}
	b.args = append(b.args, v)
	if n := len(b.args); b.dialect == postgresSQL && n <= len(dollars) {
		return dollars[n-1]
	}
	return mark + strconv.Itoa(len(b.args))
}

// dollars are the placeholders that nearly all statements have enough of.
var dollars = [...]string{
	"$1", "$2", "$3", "$4", "$5", "$6", "$7", "$8", "$9", "$10", "$11", "$12", "$13", "$14", "$15", "$16", "$17", "$18", "$19", "$20",
}

// add appends text that comes in parts.
func (b *builder) add(parts ...string) {
	for _, part := range parts {
		b.WriteString(part)
	}
}

func (b *builder) and(condition string) { b.WriteString(" AND " + condition) }

// list binds values, a []string or a []any of one type, as one parameter: one
// text for any number of them.
func (b *builder) list(values any) string {
	if b.dialect == postgresSQL {
		return b.arg(array(values))
	}
	text, err := json.Marshal(values)
	if err != nil {
		panic("shards: a list that is not JSON: " + err.Error())
	}
	return b.arg(string(text))
}

// in returns the condition that a column has one of the values.
func (b *builder) in(column string, values any) string {
	if b.dialect == postgresSQL {
		return column + " = ANY(" + b.list(values) + ")"
	}
	return column + " IN (SELECT value FROM json_each(" + b.list(values) + "))"
}

// ids returns a query of these ids. On PostgreSQL it hides how many there are
// from the planner, which otherwise plans anew for each number, at the price of
// twice the statement.
func (b *builder) ids(ids []string) string {
	if b.dialect == postgresSQL {
		return "SELECT unnest(" + b.list(ids) + "::text[])"
	}
	return "SELECT value FROM json_each(" + b.list(ids) + ")"
}

// among returns the condition that a column has one of the values of a query,
// which does not depend on the row and is run once.
func (b *builder) among(column, query string) string {
	if b.dialect == postgresSQL {
		return column + " = ANY(ARRAY(" + query + "))"
	}
	return column + " IN (" + query + ")"
}

// parents returns a table p of the ids, with each one's value and key, its
// place among them.
func (b *builder) parents(ids []string) string {
	if b.dialect == postgresSQL {
		return "unnest(" + b.list(ids) + "::text[]) WITH ORDINALITY p(value, key)"
	}
	return "json_each(" + b.list(ids) + ") p"
}

// indexedBy makes SQLite take an index; PostgreSQL's planner finds it.
func (b *builder) indexedBy(name string) string {
	if b.dialect == postgresSQL {
		return ""
	}
	return " INDEXED BY " + name
}

// array returns a list as PostgreSQL's driver takes it.
func array(values any) any {
	if ids, ok := values.([]string); ok {
		return slices.DeleteFunc(slices.Clone(ids), hasNUL)
	}
	list := values.([]any)
	texts, numbers := make([]string, 0, len(list)), make([]int64, 0, len(list))
	for _, v := range list {
		switch v := v.(type) {
		case string:
			if !hasNUL(v) {
				texts = append(texts, v)
			}
		case int64:
			numbers = append(numbers, v)
		}
	}
	if len(numbers) > 0 {
		return numbers
	}
	return texts
}

func hasNUL(text string) bool { return strings.IndexByte(text, 0) >= 0 }
