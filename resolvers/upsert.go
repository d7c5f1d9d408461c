package resolvers

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"gatehouse/graph"
	"gatehouse/shards"
)

// maxUpsert is how many inputs one upsert takes.
const maxUpsert = 250

// upsertInput is what every UpsertXInput is as JSON.
type upsertInput struct {
	ExternalID string          `json:"externalId"`
	Patch      json.RawMessage `json:"patch"`
}

// result is what became of one input.
type result struct {
	// Part is the index of its record among the draft's parts, -1 without one.
	Part    int                `json:"part"`
	Op      int                `json:"op"` // -1 where it changed nothing
	Created bool               `json:"created"`
	Errors  []*graph.UserError `json:"errors"`
}

// upsert creates or updates records by externalId in one write, and returns a
// result for each input, made by show. An input with errors is left out.
func upsert[T, R any](ctx context.Context, e entity[T], inputs any, show func(*T, bool, []*graph.UserError) *R) ([]*R, outcome, error) {
	r, k, err := e.begin(ctx)
	if err != nil {
		return nil, outcome{}, err
	}
	text, err := inputJSON(inputs)
	if err != nil {
		return nil, outcome{}, err
	}
	var list []upsertInput
	if err := json.Unmarshal(text, &list); err != nil {
		return nil, outcome{}, err
	}
	out := []*R{}
	o, err := mutate(ctx, r, inputs, func(ctx context.Context, d *draft) error {
		if len(list) > maxUpsert {
			d.fault(graph.UserErrorCodeInvalid, "inputs", fmt.Sprintf("there may be at most %d inputs", maxUpsert))
			return nil
		}
		d.write.Partial = true
		return e.upserts(ctx, d, k, list)
	}, func(d *draft, c shards.Committed) error {
		d.refuse(c.Refused)
		recs, err := d.after(ctx, c)
		if err != nil {
			return err
		}
		if r.may(k.read) != nil {
			clear(recs) // see pick
		}
		if err := r.aheadAll(ctx, recs, selected(ctx, "results", lowerFirst(k.name))); err != nil {
			return err
		}
		for _, res := range d.results {
			var v *T
			if res.Part >= 0 && len(res.Errors) == 0 && recs[res.Part] != nil {
				if v, err = as[T](recs[res.Part]); err != nil {
					return err
				}
			}
			out = append(out, show(v, res.Created, res.Errors))
		}
		return nil
	})
	return out, o, err
}

// upserts prepares all inputs from one read of the records that are there.
func (e entity[T]) upserts(ctx context.Context, d *draft, k *kind, list []upsertInput) error {
	ids := make([]any, len(list))
	seen := make(map[string]int, len(list))
	for i, in := range list {
		ids[i] = in.ExternalID
		seen[in.ExternalID]++
	}
	snap, err := d.response.snapshot(ctx)
	if err != nil {
		return err
	}
	page := func(ids []any) shards.Page {
		return shards.Page{
			Table: snap.Table(k.table), Order: shards.Order{Column: "created_at"},
			Where: []shards.Condition{{Column: "external_id", Op: shards.In, Value: ids}},
		}
	}
	found, err := snap.List(ctx, page(ids))
	if err != nil {
		return err
	}
	rows := make(map[string]*shards.Row, len(found[""]))
	for _, row := range found[""] {
		rows[row.Text("externalId")] = row
	}
	ids = slices.DeleteFunc(ids, func(id any) bool { return rows[id.(string)] != nil })
	if len(ids) > 0 { // another upsert of the same may be under way
		absent := page(ids)
		d.write.Absent = &absent
	}
	d.results = make([]result, len(list))
	whole := d.faults
	for i, in := range list {
		d.faults = faultsOf(i)
		parts, ops := len(d.parts), len(d.write.Ops)
		if seen[in.ExternalID] > 1 {
			d.faults.invalid("externalId", "two inputs have this externalId")
		} else if err := e.upsertOne(ctx, d, k, rows[in.ExternalID], in); err != nil {
			return err
		}
		res := result{Part: -1, Op: -1, Errors: append([]*graph.UserError{}, d.faults.list...)}
		if len(d.parts) > parts {
			res.Part, res.Created = parts, rows[in.ExternalID] == nil
		}
		if len(d.write.Ops) > ops {
			res.Op = ops
		}
		d.results[i] = res
	}
	d.faults = whole
	return nil
}

func (e entity[T]) upsertOne(ctx context.Context, d *draft, k *kind, row *shards.Row, in upsertInput) error {
	patch, err := shards.ParseObject(in.Patch)
	if err != nil {
		return bad("%s", err)
	}
	delete(patch, "id")
	patch["externalId"] = shards.Quote(in.ExternalID) // the one beside the patch is the one that counts
	if row == nil {
		return e.creates(ctx, d, k, patch)
	}
	return e.updates(ctx, d, k, row, patch)
}

// faultsOf returns where the faults of an input are reported.
func faultsOf(input int) faults {
	return faults{path: []string{"inputs", strconv.Itoa(input), "patch"}, upsert: true}
}

// refuse adds what the database refused to the results.
func (d *draft) refuse(refused []shards.Refusal) {
	for _, refusal := range refused {
		for i := range d.results {
			if res := &d.results[i]; res.Op == refusal.Op {
				f := faultsOf(i)
				f.refused(refusal)
				res.Errors, res.Created = f.list, false
			}
		}
	}
}
