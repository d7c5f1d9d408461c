package resolvers

import (
	"context"
	"fmt"

	"gatehouse/graph"
)

// connect makes a page the connection that the schema promises.
func connect[T any](ctx context.Context, r *response, p *page) (*graph.Connection[T], error) {
	if err := r.hand(ctx, len(p.records)); err != nil {
		return nil, err
	}
	c := &graph.Connection[T]{
		Edges:    make([]*graph.Edge[T], len(p.records)),
		Nodes:    make([]*T, len(p.records)),
		PageInfo: &graph.PageInfo{HasNextPage: p.hasNext(), HasPreviousPage: p.hasPrevious()},
		Count: func(ctx context.Context) (int32, error) {
			n, err := r.countsOf(p.query).load(ctx, []string{p.parent})
			if err != nil {
				return 0, err
			}
			return int32(n[0]), nil
		},
	}
	place := func(rec *record) func() string {
		return func() string { return p.cursor(r.handle, rec) }
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
