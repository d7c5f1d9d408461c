package resolvers

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/99designs/gqlgen/graphql"

	"gatehouse/graph"
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

// page is one parent's part of a list.
type page struct {
	query   *query
	parent  string
	records []*record
	more    bool // there is more in the direction of the page
}

// pagesOf returns the loader of a list's pages by parent.
func (r *response) pagesOf(q *query) *loader[*page] {
	r.mu.Lock()
	defer r.mu.Unlock()
	l := r.pages[q.key]
	if l == nil {
		l = newLoader(r.caller.Account.ID, func(ctx context.Context, parents []string) (map[string]*page, error) {
			snap, err := r.snapshot(ctx)
			if err != nil {
				return nil, err
			}
			ask := q.page
			if q.edge.by != "" || q.edge.through != nil {
				ask.Parents = parents
			}
			lists, err := snap.List(ctx, ask)
			if err != nil {
				return nil, err
			}
			out := make(map[string]*page, len(parents))
			for _, parent := range parents {
				rows := lists[parent]
				p := &page{query: q, parent: parent}
				if q.page.Limit > 0 && len(rows) > q.size {
					p.more = true
					if q.page.Backward {
						rows = rows[1:]
					} else {
						rows = rows[:q.size]
					}
				}
				p.records = r.know(ctx, q.edge.target, rows)
				out[parent] = p
			}
			return out, nil
		})
		r.pages[q.key] = l
	}
	return l
}

// countsOf returns the loader of a list's totals by parent.
func (r *response) countsOf(q *query) *loader[int64] {
	r.mu.Lock()
	defer r.mu.Unlock()
	l := r.counts[q.key]
	if l == nil {
		l = newLoader(r.caller.Account.ID, func(ctx context.Context, parents []string) (map[string]int64, error) {
			snap, err := r.snapshot(ctx)
			if err != nil {
				return nil, err
			}
			ask := q.page
			if q.edge.by != "" || q.edge.through != nil {
				ask.Parents = parents
			}
			return snap.Count(ctx, ask)
		})
		r.counts[q.key] = l
	}
	return l
}

// connect makes a page the connection that the schema promises.
func connect[T any](r *response, p *page) (*graph.Connection[T], error) {
	c := &graph.Connection[T]{
		Edges: make([]*graph.Edge[T], len(p.records)),
		Nodes: make([]*T, len(p.records)),
		PageInfo: &graph.PageInfo{
			HasNextPage:     p.more && !p.query.page.Backward || p.query.to && p.query.page.Backward,
			HasPreviousPage: p.more && p.query.page.Backward || p.query.from && !p.query.page.Backward,
		},
		Count: func(ctx context.Context) (int32, error) {
			n, err := r.countsOf(p.query).load(ctx, []string{p.parent})
			if err != nil {
				return 0, err
			}
			return int32(n[0]), nil
		},
	}
	place := func(rec *record) func() string {
		return func() string { return r.handle.Cursor(p.query.list, rec.row.Mark(p.query.page.Order)) }
	}
	for i, rec := range p.records {
		node, err := as[T](rec)
		if err != nil {
			return nil, err
		}
		c.Nodes[i] = node
		c.Edges[i] = &graph.Edge[T]{Node: node, Place: place(rec)}
	}
	if n := len(p.records); n > 0 {
		start, end := c.Edges[0].Cursor(), c.Edges[n-1].Cursor()
		c.PageInfo.StartCursor, c.PageInfo.EndCursor = &start, &end
	}
	return c, nil
}

// as returns the record as its struct.
func as[T any](rec *record) (*T, error) {
	v, err := rec.decode()
	if err != nil {
		return nil, err
	}
	t, ok := any(v).(*T)
	if !ok {
		return nil, fmt.Errorf("a %s is asked for as %T", rec.kind.name, t)
	}
	return t, nil
}
