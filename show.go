package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// column is one column of a table of Vs.
type column[V any] struct {
	name  string
	value func(V) string
}

// show prints values as a table for people, or as a JSON list.
func show[V any](w io.Writer, asJSON bool, values []V, columns ...column[V]) error {
	if asJSON {
		return showJSON(w, append([]V{}, values...)) // an empty list, not null
	}
	table := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	row := func(cell func(column[V]) string) {
		cells := make([]string, len(columns))
		for i, c := range columns {
			cells[i] = cell(c)
		}
		fmt.Fprintln(table, strings.Join(cells, "\t"))
	}
	row(func(c column[V]) string { return c.name })
	for _, v := range values {
		row(func(c column[V]) string { return orDash(c.value(v)) })
	}
	return table.Flush()
}

// showOne prints one value, a line for each column, or as a JSON object.
func showOne[V any](w io.Writer, asJSON bool, v V, columns ...column[V]) error {
	if asJSON {
		return showJSON(w, v)
	}
	table := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	for _, c := range columns {
		fmt.Fprintln(table, c.name+"\t"+orDash(c.value(v)))
	}
	return table.Flush()
}

func showJSON(w io.Writer, v any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(v)
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func when(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.Format("2006-01-02 15:04:05Z")
}

// optional returns nil for the zero time.
func optional(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
