package resolvers

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"

	"github.com/tidwall/gjson"

	"gatehouse/graph"
	"gatehouse/shards"
)

// draft is a write that is being prepared, and what it is about.
type draft struct {
	response *response
	faults   faults
	write    shards.Write
	// parts are the records that the answer shows, each with the op that
	// writes it, in the order of the answer.
	parts []part
	// results are those of an upsert, one for each input.
	results []result
}

// part is one record in an answer.
type part struct {
	kind *kind
	id   string
	// op is the index of the op that writes the record; -1 where nothing
	// changes, and then row is the record.
	op  int
	row *shards.Row
	// as, where set, is what the op's body decodes to.
	as graph.Record
}

// part adds a record to the answer; op is nil where it stays as it is.
func (d *draft) part(k *kind, id string, row *shards.Row, op *shards.Op) {
	p := part{kind: k, id: id, op: -1, row: row}
	if op != nil {
		p.op = len(d.write.Ops)
		d.write.Ops = append(d.write.Ops, *op)
	}
	d.parts = append(d.parts, p)
}

// writes adds a record that is written.
func (d *draft) writes(k *kind, row *shards.Row, op shards.Op, as graph.Record) {
	d.part(k, op.ID, row, &op)
	d.parts[len(d.parts)-1].as = as
}

// after returns the records of the answer as they are once the write is
// committed. A repetition of a write that was committed before reads them.
func (d *draft) after(ctx context.Context, c shards.Committed) ([]*record, error) {
	r := d.response
	out := make([]*record, len(d.parts))
	for i, p := range d.parts {
		if c.Replayed {
			recs, err := r.recordsOf(p.kind).load(ctx, []string{p.id})
			if err != nil {
				return nil, err
			}
			out[i] = recs[0]
			continue
		}
		row := p.row
		if p.op >= 0 {
			op := d.write.Ops[p.op]
			row = &shards.Row{Table: nil, ID: p.id, Version: op.Version + 1, CreatedAt: c.At, UpdatedAt: c.At, Body: op.Body}
			if p.row != nil {
				row.CreatedAt = p.row.CreatedAt
			}
		}
		out[i] = &record{kind: p.kind, row: row, as: p.as}
		if r.shown == nil { // else nothing is read behind it
			r.recordsOf(p.kind).put(ctx, p.id, out[i])
		}
	}
	return out, nil
}

// memory is what is kept of a write for its repetition.
type memory struct {
	// Parts are the ids of the records in the answer.
	Parts   []string `json:"parts"`
	Results []result `json:"results,omitzero"` // of an upsert
}

// memo returns what a repetition needs to know of the write.
func (d *draft) memo() (json.RawMessage, error) {
	m := memory{Parts: make([]string, len(d.parts)), Results: d.results}
	for i, p := range d.parts {
		m.Parts[i] = p.id
	}
	return json.Marshal(m)
}

// recall makes the draft what the write was that was committed before.
func (d *draft) recall(memo json.RawMessage) error {
	var m memory
	if err := json.Unmarshal(memo, &m); err != nil {
		return err
	}
	d.parts, d.results = nil, m.Results
	for _, id := range m.Parts {
		k := d.response.model.kindOf(id)
		if k == nil {
			return fmt.Errorf("a write of %q, which is no record", id)
		}
		d.parts = append(d.parts, part{kind: k, id: id, op: -1})
	}
	return nil
}

// body prepares a record's body: patch merged into what is there, completed
// with the defaults, checked. It changes old, and returns what it decodes to. It
// reports to the draft's faults, and returns nil where there are any.
func (e entity[T]) body(d *draft, k *kind, old, patch shards.Object) ([]byte, *T, error) {
	before := len(d.faults.list)
	if err := old.Merge(patch); err != nil {
		return nil, nil, bad("%s", err)
	}
	for _, field := range k.fixed {
		if patch[field] == "null" {
			d.faults.add(shards.Required, field, "%s can't be cleared", field)
		}
	}
	for name, value := range k.defaults { // a list or an object that was cleared is empty
		if _, ok := old[name]; !ok {
			old[name] = value
		}
	}
	for _, field := range k.required {
		if _, ok := old[field]; !ok {
			d.faults.add(shards.Required, field, "%s is required", field)
		}
	}
	whole := old.JSON()
	if hasNUL(whole) {
		d.faults.invalid("", "a text must not contain the character U+0000")
	}
	if len(d.faults.list) > before {
		return nil, nil, nil
	}
	v := new(T)
	if err := json.Unmarshal(whole, v); err != nil {
		return nil, nil, fmt.Errorf("a body that is no %s: %w", e.name, err)
	}
	if id, ok := old["externalId"]; ok {
		d.faults.text("externalId", gjson.Parse(id).Str, 200)
	}
	e.check(v, &d.faults)
	if len(d.faults.list) > before {
		return nil, nil, nil
	}
	return whole, v, nil
}

// hasNUL reports whether a text in JSON contains U+0000, which not every engine stores.
func hasNUL(text []byte) bool {
	for rest := text; ; {
		at := bytes.Index(rest, []byte(`\u0000`))
		if at < 0 {
			return false
		}
		slashes := at
		for slashes > 0 && rest[slashes-1] == '\\' {
			slashes--
		}
		if (at-slashes)%2 == 0 { // else the backslash is itself escaped
			return true
		}
		rest = rest[at+1:]
	}
}

// creates adds the making of a record to the draft. It changes input.
func (e entity[T]) creates(ctx context.Context, d *draft, k *kind, input shards.Object) error {
	id := shards.NewID(k.prefix)
	if given := gjson.Parse(input["id"]); given.Type == gjson.String {
		id = given.Str
		if prefix, ok := shards.IDPrefix(id); !ok || prefix != k.prefix {
			d.faults.invalid("id", "an id has the form %s_ and 26 characters", k.prefix)
		}
	}
	delete(input, "id")
	if e.stamp != nil {
		if err := e.stamp(ctx, d.response, input); err != nil {
			return err
		}
	}
	body, v, err := e.body(d, k, shards.Object{}, input)
	if err != nil || body == nil {
		return err
	}
	if ok, err := e.related(ctx, d, id, body); !ok {
		return err
	}
	d.writes(k, nil, shards.Op{Kind: shards.Created, Table: k.table, ID: id, Body: body, Patch: body}, recordOf(v))
	return nil
}

// recordOf returns a decoded body as what is kept of a record.
func recordOf(v any) graph.Record {
	r, _ := v.(graph.Record) // it is one: T is the struct of a kind
	return r
}

// related reports whether a body fits what is around it.
func (e entity[T]) related(ctx context.Context, d *draft, id string, body []byte) (bool, error) {
	if e.relate == nil {
		return true, nil
	}
	before := len(d.faults.list)
	err := e.relate(ctx, d, id, body)
	return err == nil && len(d.faults.list) == before, err
}

// updates adds the changing of a record to the draft. A patch that changes
// nothing writes nothing.
func (e entity[T]) updates(ctx context.Context, d *draft, k *kind, row *shards.Row, patch shards.Object) error {
	old, err := shards.ParseObject(row.Body)
	if err != nil {
		return fmt.Errorf("the body of %s: %w", row.ID, err)
	}
	now := maps.Clone(old)
	body, v, err := e.body(d, k, now, patch)
	if err != nil || body == nil {
		return err
	}
	change, err := old.Diff(now)
	if err != nil {
		return err
	}
	if len(change) == 0 {
		d.part(k, row.ID, row, nil)
		return nil
	}
	if ok, err := e.related(ctx, d, row.ID, body); !ok {
		return err
	}
	d.writes(k, row, shards.Op{Kind: shards.Updated, Table: k.table, ID: row.ID, Version: row.Version, Body: body, Patch: change.JSON()}, recordOf(v))
	return nil
}

// current returns the record that is to be changed. Where it is missing, or
// has another version than the caller expects, it reports that and returns nil.
func (d *draft) current(ctx context.Context, k *kind, id, argument string, expected *int32) (*shards.Row, error) {
	recs, err := d.response.recordsOf(k).direct(ctx, []string{id})
	if err != nil {
		return nil, err
	}
	rec := recs[0]
	if rec == nil {
		d.fault(graph.UserErrorCodeNotFound, argument, "there is no record with this id")
		return nil, nil
	}
	if expected != nil && int64(*expected) != rec.row.Version {
		d.fault(graph.UserErrorCodeConflict, "expectedVersion", fmt.Sprintf("the record has version %d", rec.row.Version))
		return nil, nil
	}
	return rec.row, nil
}

// fault reports what is wrong with an argument of the mutation.
func (d *draft) fault(code graph.UserErrorCode, argument, message string) {
	d.faults.list = append(d.faults.list, &graph.UserError{Code: code, Message: message, Field: []string{argument}})
}
