package resolvers

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/99designs/gqlgen/graphql"

	"gatehouse/shards"
)

const (
	defaultPage = 25
	maxPage     = 100
)

// arguments are those of a list, as the client sent them. Resolvers and the
// plan read them in this one way, so that what is loaded ahead is what is asked for.
type arguments map[string]any

// argumentsOf returns the arguments of the field that is being resolved.
func argumentsOf(ctx context.Context) arguments {
	fc := graphql.GetFieldContext(ctx)
	return fc.Field.ArgumentMap(graphql.GetOperationContext(ctx).Variables)
}

func bad(format string, args ...any) error {
	return &shards.Error{Code: shards.BadRequest, Message: fmt.Sprintf(format, args...)}
}

// number returns a page size, -1 where it is absent.
func (a arguments) number(name string) (int, error) {
	if a[name] == nil {
		return -1, nil
	}
	n, err := graphql.UnmarshalInt(a[name])
	if err != nil || n < 0 || n > maxPage {
		return 0, bad("%s must be from 0 to %d", name, maxPage)
	}
	return n, nil
}

func (a arguments) text(name string) string {
	s, _ := a[name].(string)
	return s
}

// query is a list that has been asked for, whoever its parents are.
type query struct {
	edge *edge
	key  string
	page shards.Page // without parents; its limit is one more than the page's
	size int
	from bool // after was given
	to   bool // before was given
	list string
}

// query reads the arguments of a list. within are conditions that the field
// itself adds.
func (r *response) query(snap *shards.Snapshot, e *edge, args arguments, within ...shards.Condition) (*query, error) {
	text, err := json.Marshal(args)
	if err != nil {
		return nil, err
	}
	more, err := json.Marshal(within)
	if err != nil {
		return nil, err
	}
	q := &query{edge: e, key: e.name + string(text) + string(more)}
	q.page = shards.Page{Table: snap.Table(e.target.table), By: e.by, Through: e.through}
	if where, ok := args["where"].(map[string]any); ok {
		if q.page.Where, err = q.page.Table.Filter(where); err != nil {
			return nil, err
		}
	}
	q.page.Where = append(q.page.Where, within...)
	if q.page.Order, err = r.order(q.page.Table, args["orderBy"]); err != nil {
		return nil, err
	}
	if !e.paged {
		return q, nil
	}
	return q, r.cut(q, args)
}

// cut reads what part of the list is wanted.
func (r *response) cut(q *query, args arguments) (err error) {
	first, err := args.number("first")
	if err != nil {
		return err
	}
	last, err := args.number("last")
	if err != nil {
		return err
	}
	switch {
	case first >= 0 && last >= 0:
		return bad("ask for first or for last, not for both")
	case last >= 0:
		q.size, q.page.Backward = last, true
	case first >= 0:
		q.size = first
	default:
		q.size = defaultPage
	}
	q.page.Limit = q.size + 1
	// A cursor is good for one field in one order.
	q.list = fmt.Sprintf("%s %s %t", q.edge.name, q.page.Order.Column, q.page.Order.Desc)
	mark := func(name string) (*shards.Mark, error) {
		text := args.text(name)
		if text == "" {
			if args[name] != nil {
				return nil, bad("%s is not a cursor", name)
			}
			return nil, nil
		}
		m, err := r.handle.ParseCursor(q.list, text)
		return &m, err
	}
	if q.page.After, err = mark("after"); err != nil {
		return err
	}
	if q.page.Before, err = mark("before"); err != nil {
		return err
	}
	q.from, q.to = q.page.After != nil, q.page.Before != nil
	return nil
}

// order reads {field, direction}; newest first where it is absent.
func (r *response) order(t *shards.Table, v any) (shards.Order, error) {
	in, ok := v.(map[string]any)
	if !ok {
		return shards.Order{Column: "created_at", Desc: true}, nil
	}
	field, _ := in["field"].(string)
	column, ok := t.Sortable(strings.ToLower(field))
	if !ok {
		return shards.Order{}, fmt.Errorf("table %s has no column to order by %s", t.Name, field)
	}
	return shards.Order{Column: column, Desc: in["direction"] == "DESC"}, nil
}
