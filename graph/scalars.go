package graph

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/99designs/gqlgen/graphql"

	"gatehouse/shards"
)

// bad is what a caller is told of a value that has the wrong form.
func bad(message string) error { return &shards.Error{Code: shards.BadRequest, Message: message} }

// DateTime is an instant in the form in which it is stored and printed: RFC
// 3339, UTC, milliseconds.
type DateTime string

// UnmarshalGQL accepts RFC 3339 in any zone, in the years 0001 to 9999.
func (d *DateTime) UnmarshalGQL(v any) error {
	s, ok := v.(string)
	at, err := time.Parse(time.RFC3339Nano, s)
	if !ok || err != nil {
		return bad("a DateTime is a string like 2026-11-22T14:32:00.000Z")
	}
	if at = at.UTC(); at.Year() < 1 || at.Year() > 9999 {
		return bad("a DateTime lies in the years 0001 to 9999")
	}
	*d = DateTime(at.Format(shards.TimeFormat))
	return nil
}

// MarshalGQL prints d as it is.
func (d DateTime) MarshalGQL(w io.Writer) { io.WriteString(w, strconv.Quote(string(d))) }

// Date is a calendar date, 2026-11-22.
type Date string

// UnmarshalGQL accepts only dates that exist.
func (d *Date) UnmarshalGQL(v any) error {
	s, ok := v.(string)
	if _, err := time.Parse(time.DateOnly, s); !ok || err != nil {
		return bad("a Date is a string like 2026-11-22")
	}
	*d = Date(s)
	return nil
}

// MarshalGQL prints d as it is.
func (d Date) MarshalGQL(w io.Writer) { io.WriteString(w, strconv.Quote(string(d))) }

const maxSafeInt = 1<<53 - 1

// MarshalSafeInt prints a whole number.
func MarshalSafeInt(n int64) graphql.Marshaler { return graphql.MarshalInt64(n) }

// UnmarshalSafeInt accepts whole numbers within ±(2^53 - 1).
func UnmarshalSafeInt(v any) (int64, error) {
	var n int64
	var err error
	switch v := v.(type) {
	case int:
		n = int64(v)
	case int64:
		n = v
	case json.Number:
		n, err = v.Int64()
	default:
		err = strconv.ErrSyntax
	}
	if err != nil || n > maxSafeInt || n < -maxSafeInt {
		return 0, bad(fmt.Sprintf("a SafeInt is a whole number within ±%d", maxSafeInt))
	}
	return n, nil
}

// JSONObject is the text of a JSON object. Numbers in it keep their digits.
type JSONObject json.RawMessage

// UnmarshalGQL accepts an object.
func (o *JSONObject) UnmarshalGQL(v any) error {
	m, ok := v.(map[string]any)
	if !ok {
		return bad("a JSONObject is an object")
	}
	text, err := shards.Marshal(m)
	*o = text
	return err
}

// MarshalGQL prints o as it is.
func (o JSONObject) MarshalGQL(w io.Writer) { w.Write(o) }

// MarshalJSON and UnmarshalJSON keep the text as it is.
func (o JSONObject) MarshalJSON() ([]byte, error) { return json.RawMessage(o).MarshalJSON() }

// UnmarshalJSON keeps a copy of text.
func (o *JSONObject) UnmarshalJSON(text []byte) error {
	return (*json.RawMessage)(o).UnmarshalJSON(text)
}
