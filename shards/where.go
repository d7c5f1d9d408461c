package shards

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"
)

// Condition is one test of a column; all conditions of a Page must hold.
type Condition struct {
	Column string
	Op     Comparison
	// Value is a string, int64 or bool; a []any of strings for In.
	Value any
}

// Comparison is the test of a Condition. Its values are the fields of the
// schema's filter inputs.
type Comparison string

const (
	Equal          Comparison = "eq"
	In             Comparison = "in"
	IsNull         Comparison = "isNull"
	StartsWith     Comparison = "startsWith" // without regard to case
	Greater        Comparison = "gt"
	GreaterOrEqual Comparison = "gte"
	Less           Comparison = "lt"
	LessOrEqual    Comparison = "lte"
)

// MaxIn is how many values one `in` filter takes.
const MaxIn = 250

// TimeFormat is how times are stored and printed: RFC 3339, UTC, milliseconds.
// Texts of this form sort as the times do, until the year 10000.
const TimeFormat = "2006-01-02T15:04:05.000Z"

// Filter turns a filter input as the client sent it, {field: {op: value}},
// into conditions. A field without a column, or a test that the column can't
// serve, is a mistake in the schema and an INTERNAL error; a value that can't
// be compared is BAD_REQUEST.
func (t *Table) Filter(where map[string]any) ([]Condition, error) {
	var out []Condition
	for _, field := range slices.Sorted(maps.Keys(where)) { // sorted: one text for one filter
		if where[field] == nil {
			continue
		}
		column := Column(field)
		if _, ok := t.columns[column]; !ok {
			return nil, fmt.Errorf("table %s has no column %s to filter by", t.Name, column)
		}
		ops, ok := where[field].(map[string]any)
		if !ok {
			return nil, badFilter(field, "is not an object")
		}
		for _, op := range slices.Sorted(maps.Keys(ops)) {
			c := Condition{Column: column, Op: Comparison(op)}
			if !t.serves(c) {
				return nil, fmt.Errorf("table %s can't test its column %s by %s", t.Name, column, op)
			}
			var err error
			if c.Value, err = operand(c.Op, ops[op]); err != nil {
				return nil, badFilter(field+"."+op, err.Error())
			}
			if t.refers(column) {
				c.Value = idText(c.Value)
			}
			out = append(out, c)
		}
	}
	return out, nil
}

// refers reports whether the column holds the ids of other records.
func (t *Table) refers(column string) bool {
	return slices.ContainsFunc(t.refs, func(r reference) bool { return r.column == column })
}

// idText returns an id, or a list of them, as text: GraphQL takes a whole
// number for an id.
func idText(v any) any {
	switch v := v.(type) {
	case int64:
		return strconv.FormatInt(v, 10)
	case []any:
		for i := range v {
			v[i] = idText(v[i])
		}
	}
	return v
}

// serves reports whether condition can render c.
func (t *Table) serves(c Condition) bool {
	switch c.Op {
	case Equal, In, IsNull, Greater, GreaterOrEqual, Less, LessOrEqual:
		return true
	case StartsWith:
		return t.isFold(c.Column + "_fold")
	}
	return false
}

func badFilter(path, message string) error {
	return &Error{Code: BadRequest, Message: "where." + path + " " + message}
}

func operand(op Comparison, v any) (any, error) {
	switch op {
	case In:
		list := values(v)
		if len(list) > MaxIn {
			return nil, fmt.Errorf("has more than %d values", MaxIn)
		}
		out := make([]any, 0, len(list))
		for _, e := range list {
			s, err := scalar(e)
			if err != nil {
				return nil, err
			}
			out = append(out, s)
		}
		return out, nil
	case IsNull:
		if _, ok := v.(bool); !ok {
			return nil, fmt.Errorf("is neither true nor false")
		}
		return v, nil
	case StartsWith:
		if _, ok := v.(string); !ok {
			return nil, fmt.Errorf("is not a text")
		}
		return v, nil
	case Greater, GreaterOrEqual, Less, LessOrEqual:
		s, err := scalar(v)
		if text, ok := s.(string); ok {
			// Stored times are UTC in milliseconds; the caller's may be in any zone.
			if at, err := time.Parse(time.RFC3339Nano, text); err == nil {
				at = at.UTC()
				if op == GreaterOrEqual || op == Less { // the first millisecond that is not before it
					if up := at.Add(time.Millisecond - time.Nanosecond); up.Year() < 10000 {
						at = up
					}
				}
				return at.Format(TimeFormat), nil
			}
		}
		return s, err
	}
	return scalar(v)
}

// values returns a list as it was sent. GraphQL takes a single value for a list
// of one; where a variable has it, the validator makes the list, of its type.
func values(v any) []any {
	switch v := v.(type) {
	case []any:
		return v
	case []string:
		return anys(v)
	case []json.Number:
		return anys(v)
	}
	return []any{v}
}

func anys[T any](list []T) []any {
	out := make([]any, len(list))
	for i, v := range list {
		out[i] = v
	}
	return out
}

func scalar(v any) (any, error) {
	switch v := v.(type) {
	case string, bool, int64:
		return v, nil
	case int:
		return int64(v), nil
	case json.Number:
		n, err := v.Int64()
		if err != nil {
			return nil, fmt.Errorf("is not a whole number")
		}
		return n, nil
	case nil:
		// Left out by mistake, it would select everything.
		return nil, fmt.Errorf("is null; use isNull to ask for what is not set")
	}
	return nil, fmt.Errorf("can't be compared")
}

// condition appends c on alias to b.
func (t *Table) condition(b *builder, alias string, c Condition) {
	column := alias + "." + c.Column
	folded := t.isFold(c.Column + "_fold")
	switch c.Op {
	case Equal:
		if s, ok := c.Value.(string); ok && folded {
			// The folded column has the index; the exact one decides.
			b.and(column + "_fold = " + b.arg(Fold(s)))
		}
		b.and(column + " = " + b.arg(c.Value))
	case In:
		list := c.Value.([]any)
		if folded {
			f := make([]any, len(list))
			for i, v := range list {
				s, _ := v.(string)
				f[i] = Fold(s)
			}
			b.and(b.in(column+"_fold", f))
		}
		b.and(b.in(column, list))
	case IsNull:
		if folded {
			column += "_fold"
		}
		if c.Value == true {
			b.and(column + " IS NULL")
		} else {
			b.and(column + " IS NOT NULL")
		}
	case StartsWith:
		s, _ := c.Value.(string)
		from := Fold(s)
		b.and(column + "_fold >= " + b.arg(from))
		// The last code point: nothing that begins with the prefix sorts behind it.
		b.and(column + "_fold < " + b.arg(from+"\U0010FFFF"))
	case Greater:
		b.and(column + " > " + b.arg(c.Value))
	case GreaterOrEqual:
		b.and(column + " >= " + b.arg(c.Value))
	case Less:
		b.and(column + " < " + b.arg(c.Value))
	case LessOrEqual:
		b.and(column + " <= " + b.arg(c.Value))
	default:
		panic("shards: no such comparison: " + string(c.Op))
	}
}
