package shards

import (
	"encoding/json"
	"strconv"

	"github.com/tidwall/gjson"
)

// Row is one record as it is stored.
type Row struct {
	Table     *Table
	ID        string
	Version   int64
	CreatedAt string // RFC 3339 in UTC with milliseconds, as is UpdatedAt
	UpdatedAt string
	Body      []byte // a JSON object without the other fields of Row
}

// JSON returns the whole record as one JSON object. The system's fields stand
// last, where they win over whatever a body might contain.
func (r *Row) JSON() []byte {
	b := make([]byte, 0, len(r.Body)+len(r.ID)+128)
	b = append(b, r.Body[:len(r.Body)-1]...)
	if len(b) > 1 {
		b = append(b, ',')
	}
	return r.system(b)
}

// system appends the system's fields, and the end of their object.
func (r *Row) system(b []byte) []byte {
	// Ids and times have no character that JSON would escape.
	b = append(append(b, `"id":"`...), r.ID...)
	b = strconv.AppendInt(append(b, `","version":`...), r.Version, 10)
	b = append(append(b, `,"createdAt":"`...), r.CreatedAt...)
	b = append(append(b, `","updatedAt":"`...), r.UpdatedAt...)
	return append(b, `"}`...)
}

// Decode fills into, a pointer to the record's generated struct.
func (r *Row) Decode(into any) error { return json.Unmarshal(r.JSON(), into) }

// Complete fills into, which the body was decoded to, with what the body lacks.
func (r *Row) Complete(into any) error {
	return json.Unmarshal(r.system(append(make([]byte, 0, 128), '{')), into)
}

// Text returns a text field of the body, "" where it is absent or no text.
func (r *Row) Text(field string) string {
	if v := gjson.GetBytes(r.Body, field); v.Type == gjson.String {
		return v.Str
	}
	return ""
}

// Mark returns the row's place in a list ordered by o.
func (r *Row) Mark(o Order) Mark {
	switch o.Column {
	case "created_at":
		return Mark{r.CreatedAt, r.ID}
	case "updated_at":
		return Mark{r.UpdatedAt, r.ID}
	}
	switch v := gjson.GetBytes(r.Body, fieldOf(o.Column)); v.Type {
	case gjson.Number:
		return Mark{v.Int(), r.ID}
	case gjson.String:
		if r.Table.isFold(o.Column) {
			return Mark{Fold(v.Str), r.ID}
		}
		return Mark{v.Str, r.ID}
	}
	return Mark{nil, r.ID}
}

// Sortable returns the column by which rows are ordered when the caller says
// field: the folded one of a text.
func (t *Table) Sortable(field string) (string, bool) {
	if t.isFold(field + "_fold") {
		return field + "_fold", true
	}
	_, ok := t.columns[field]
	return field, ok
}

func (t *Table) isFold(column string) bool {
	for _, f := range t.folds {
		if f.column == column {
			return true
		}
	}
	return false
}
