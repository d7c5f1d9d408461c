package resolvers

import (
	"context"
	"maps"
	"slices"

	"gatehouse/shards"
)

// create makes a record from a create input.
func (e entity[T]) create(ctx context.Context, input any) (*T, outcome, error) {
	r, k, err := e.begin(ctx)
	if err != nil {
		return nil, outcome{}, err
	}
	object, err := inputObject(input)
	if err != nil {
		return nil, outcome{}, err
	}
	var made *T
	out, err := mutate(ctx, r, input, func(ctx context.Context, d *draft) error {
		d.faults.path = []string{"input"}
		return e.creates(ctx, d, k, maps.Clone(object))
	}, func(d *draft, c shards.Committed) (err error) {
		made, err = e.written(ctx, d, k, c)
		return err
	})
	return made, out, err
}

// update merges a patch into a record.
func (e entity[T]) update(ctx context.Context, id string, patch any, expected *int32) (*T, outcome, error) {
	r, k, err := e.begin(ctx)
	if err != nil {
		return nil, outcome{}, err
	}
	object, err := inputObject(patch)
	if err != nil {
		return nil, outcome{}, err
	}
	var changed *T
	out, err := mutate(ctx, r, []any{id, patch, expected}, func(ctx context.Context, d *draft) error {
		row, err := d.current(ctx, k, id, "id", expected)
		if err != nil || row == nil {
			return err
		}
		d.faults.path = []string{"patch"}
		return e.updates(ctx, d, k, row, object)
	}, func(d *draft, c shards.Committed) (err error) {
		changed, err = e.written(ctx, d, k, c)
		return err
	})
	return changed, out, err
}

// remove deletes a record and returns its id.
func (e entity[T]) remove(ctx context.Context, id string, expected *int32) (*string, outcome, error) {
	r, k, err := e.begin(ctx)
	if err != nil {
		return nil, outcome{}, err
	}
	var deleted *string
	out, err := mutate(ctx, r, []any{id, expected}, func(ctx context.Context, d *draft) error {
		row, err := d.current(ctx, k, id, "id", expected)
		if err != nil || row == nil {
			return err
		}
		d.write.Ops = append(d.write.Ops, shards.Op{Kind: shards.Deleted, Table: k.table, ID: id, Version: row.Version})
		return nil
	}, func(*draft, shards.Committed) error {
		deleted = &id
		return nil
	})
	return deleted, out, err
}

// written returns the first record of the draft as it is now written; nil where
// the projector shows it.
func (e entity[T]) written(ctx context.Context, d *draft, k *kind, c shards.Committed) (*T, error) {
	recs, err := d.after(ctx, c)
	if err != nil {
		return nil, err
	}
	var first *record
	if i := slices.IndexFunc(recs, func(rec *record) bool { return rec != nil && rec.kind == k }); i >= 0 {
		first = recs[i]
	}
	if s := d.response.shown; s != nil && s.kind == k {
		s.done, s.record = true, d.response.readable(first)
		return nil, nil
	}
	return pick[T](ctx, d.response, first, lowerFirst(k.name))
}

// readable returns a written record, nil for a caller who may write but not
// read: an empty patch would otherwise be a way to read.
func (r *response) readable(rec *record) *record {
	if rec == nil || r.may(rec.kind.read) != nil {
		return nil
	}
	return rec
}

// pick returns a written record for the payload's field, with what is selected
// below it; nil where it is not readable.
func pick[T any](ctx context.Context, r *response, rec *record, field string) (*T, error) {
	if rec = r.readable(rec); rec == nil {
		return nil, nil
	}
	if err := r.aheadAll(ctx, []*record{rec}, selected(ctx, field)); err != nil {
		return nil, err
	}
	return as[T](rec)
}
