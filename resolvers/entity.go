package resolvers

import (
	"context"
	"fmt"

	"github.com/vektah/gqlparser/v2/ast"

	"gatehouse/graph"
	"gatehouse/shards"
)

// entity is the one generic core: what every type of records can do. T is the
// generated struct, whose JSON is the record's body.
type entity[T any] struct {
	name string // of the type, as the schema has it
	// check reports what the schema can't say of a record. It sees the whole
	// record as it would be written.
	check func(*T, *faults)
	// relate, where set, reports what only other records can tell.
	relate func(ctx context.Context, d *draft, id string, body []byte) error
	// stamp, where set, adds what the gateway itself puts into a new record.
	stamp func(ctx context.Context, r *response, input shards.Object) error
}

func (e entity[T]) begin(ctx context.Context) (*response, *kind, error) {
	r, err := from(ctx)
	if err != nil {
		return nil, nil, err
	}
	k, ok := r.model.kinds[e.name]
	if !ok {
		return nil, nil, fmt.Errorf("the schema has no records of type %s", e.name)
	}
	return r, k, nil
}

// load returns the record of that id, nil where this account has none.
func (e entity[T]) load(ctx context.Context, id string) (*T, error) {
	r, k, err := e.begin(ctx)
	if err != nil {
		return nil, err
	}
	rec, err := r.one(ctx, k, id, selected(ctx))
	if rec == nil || err != nil {
		return nil, err
	}
	return as[T](rec)
}

// ref returns the record that an edge leads to, nil where there is none.
func (e entity[T]) ref(ctx context.Context, id *string) (*T, error) {
	if id == nil {
		return nil, nil
	}
	return e.load(ctx, *id)
}

// one loads a record and what is selected of it.
func (r *response) one(ctx context.Context, k *kind, id string, below []ast.SelectionSet) (*record, error) {
	if err := r.may(k.read); err != nil {
		return nil, err
	}
	recs, err := r.recordsOf(k).load(ctx, []string{id})
	if err != nil {
		return nil, err
	}
	return recs[0], r.aheadAll(ctx, recs, below)
}

// list resolves the root field that lists all records of the type.
func (e entity[T]) list(ctx context.Context) (*graph.Connection[T], error) {
	return e.edge(ctx, "")
}

// edge resolves a field that lists records of the type; parent is the id of
// the object that has the field. The arguments are read from the field.
func (e entity[T]) edge(ctx context.Context, parent string, within ...shards.Condition) (*graph.Connection[T], error) {
	r, p, err := e.page(ctx, parent, within)
	if err != nil {
		return nil, err
	}
	return connect[T](ctx, r, p)
}

// all resolves a field that has all records of the type, without pages.
func (e entity[T]) all(ctx context.Context, parent string) ([]*T, error) {
	r, p, err := e.page(ctx, parent, nil)
	if err != nil {
		return nil, err
	}
	if err := r.hand(ctx, len(p.records)); err != nil {
		return nil, err
	}
	out := make([]*T, len(p.records))
	for i, rec := range p.records {
		if out[i], err = as[T](rec); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (e entity[T]) page(ctx context.Context, parent string, within []shards.Condition) (*response, *page, error) {
	r, k, err := e.begin(ctx)
	if err != nil {
		return nil, nil, err
	}
	if err := r.may(k.read); err != nil {
		return nil, nil, err
	}
	at := coordinate(ctx)
	ed := r.model.edges[at]
	if ed == nil {
		ed = r.model.lists[at]
	}
	if ed == nil || ed.target != k {
		return nil, nil, fmt.Errorf("%s is no list of %s", at, e.name)
	}
	snap, err := r.snapshot(ctx)
	if err != nil {
		return nil, nil, err
	}
	q, err := r.query(snap, ed, argumentsOf(ctx), within...)
	if err != nil {
		return nil, nil, err
	}
	pages, err := r.pagesOf(q).load(ctx, []string{parent})
	if err != nil {
		return nil, nil, err
	}
	below := selected(ctx)
	if ed.paged {
		below = append(selected(ctx, "nodes"), selected(ctx, "edges", "node")...)
	}
	return r, pages[0], r.aheadAll(ctx, pages[0].records, below)
}
