package resolvers

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/tidwall/gjson"

	"gatehouse/graph"
	"gatehouse/shards"
)

// outcome is what every mutation's payload has beside its records.
type outcome struct {
	Bookmark string
	Errors   []*graph.UserError
}

// draft is a write that is being prepared.
type draft struct {
	response *response
	faults   faults
	write    shards.Write
}

// attempt is one try at a mutation: it reads what it needs, fills the draft
// and returns what to answer once the draft's write is committed. It may be
// called again when a record that it read has changed in the meantime.
type attempt func(ctx context.Context, d *draft) error

// answered is called with what was committed, or was before under the same key.
type answered func(out shards.Committed) error

// mutate prepares a write, commits it, and prepares it anew for as long as
// somebody else was faster. Nothing is written if the draft has faults or no ops.
func mutate(ctx context.Context, r *response, input any, prepare attempt, done answered) (outcome, error) {
	key, err := idempotency(ctx, r, input)
	if err != nil {
		return outcome{}, err
	}
	for {
		if key != nil {
			snap, err := r.snapshot(ctx)
			if err != nil {
				return outcome{}, err
			}
			before, err := snap.Replay(ctx, key)
			if err != nil {
				return outcome{}, err
			}
			if before != nil {
				r.close()
				return finish(ctx, r, nil, *before, done)
			}
		}
		d := &draft{response: r}
		d.write = shards.Write{Actor: r.caller.Actor, RequestID: r.request.ID, Key: key}
		if err := prepare(ctx, d); err != nil {
			return outcome{}, err
		}
		if len(d.faults.list) > 0 || len(d.write.Ops) == 0 {
			bookmark, err := r.handle.Bookmark(ctx)
			if err != nil {
				return outcome{}, err
			}
			out := outcome{Bookmark: bookmark, Errors: d.faults.list}
			if len(d.faults.list) == 0 { // nothing to do is done
				err = done(shards.Committed{Memo: d.write.Memo})
			}
			return out.complete(), err
		}
		committed, err := r.handle.Commit(ctx, &d.write)
		r.close() // what follows must see the write
		var refusal *shards.Refusal
		if errors.As(err, &refusal) {
			if refusal.Reason == shards.Conflict {
				if ctx.Err() != nil {
					return outcome{}, ctx.Err()
				}
				continue
			}
			d.faults.refused(*refusal)
			bookmark, err := r.handle.Bookmark(ctx)
			return outcome{Bookmark: bookmark, Errors: d.faults.list}.complete(), err
		}
		if err != nil {
			return outcome{}, err
		}
		return finish(ctx, r, d.faults.list, committed, done)
	}
}

func finish(ctx context.Context, r *response, faults []*graph.UserError, c shards.Committed, done answered) (outcome, error) {
	out := outcome{Bookmark: r.handle.BookmarkAt(c.Position), Errors: faults}
	return out.complete(), done(c)
}

// complete makes the list of errors one, as the schema promises.
func (o outcome) complete() outcome {
	if o.Errors == nil {
		o.Errors = []*graph.UserError{}
	}
	return o
}

// idempotency returns the key of the mutation's root field, nil where the
// request has none. A key stands for one input: name and arguments of the field.
func idempotency(ctx context.Context, r *response, input any) (*shards.IdempotencyKey, error) {
	text := r.request.IdempotencyKey
	if text == "" {
		return nil, nil
	}
	if len(text) > shards.MaxIdempotencyKey || strings.ContainsRune(text, 0) {
		return nil, bad("an idempotency key has at most %d bytes", shards.MaxIdempotencyKey)
	}
	fc := graphql.GetFieldContext(ctx)
	asked, err := json.Marshal([]any{fc.Field.Name, input})
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(asked)
	return &shards.IdempotencyKey{Key: text, Field: fc.Field.Alias, Input: hex.EncodeToString(sum[:])}, nil
}

// body prepares a record's body: patch merged into what is there, completed
// with the defaults, checked. It reports to the draft's faults, and returns
// nil where there are any.
func (e entity[T]) body(d *draft, k *kind, old, patch []byte) ([]byte, error) {
	before := len(d.faults.list)
	merged, err := shards.Merge(old, patch)
	if err != nil {
		return nil, bad("%s", err)
	}
	// A field that was cleared gets its default back.
	whole, err := shards.Merge(k.defaults, merged)
	if err != nil {
		return nil, err
	}
	for _, field := range k.required {
		if !gjson.GetBytes(whole, field).Exists() {
			d.faults.add(shards.Required, field, "%s is required", field)
		}
	}
	if bytes.Contains(whole, []byte(`\u0000`)) {
		d.faults.invalid("", "a text must not contain the character U+0000")
	}
	if len(d.faults.list) > before {
		return nil, nil
	}
	v := new(T)
	if err := json.Unmarshal(whole, v); err != nil {
		return nil, fmt.Errorf("a body that is no %s: %w", e.name, err)
	}
	if e.check != nil {
		e.check(v, &d.faults)
	}
	checkSystem(whole, &d.faults)
	if len(d.faults.list) > before {
		return nil, nil
	}
	return whole, nil
}

// checkSystem checks what every record has.
func checkSystem(body []byte, f *faults) {
	if id := gjson.GetBytes(body, "externalId"); id.Exists() {
		f.text("externalId", id.Str, 200)
	}
}

// creates adds the making of a record to the draft and returns its id.
func (e entity[T]) creates(d *draft, k *kind, input []byte) (string, error) {
	id := shards.NewID(k.prefix)
	if given := gjson.GetBytes(input, "id"); given.Type == gjson.String {
		id = given.Str
		if prefix, ok := shards.IDPrefix(id); !ok || prefix != k.prefix {
			d.faults.invalid("id", "an id has the form %s_ and 26 characters", k.prefix)
		}
	}
	patch, err := without(input, "id")
	if err != nil {
		return "", err
	}
	body, err := e.body(d, k, nil, patch)
	if err != nil || body == nil {
		return "", err
	}
	d.write.Ops = append(d.write.Ops, shards.Op{Kind: shards.Created, Table: k.table, ID: id, Body: body, Patch: body})
	return id, nil
}

// updates adds the changing of a record to the draft. Where the patch changes
// nothing it adds nothing.
func (e entity[T]) updates(d *draft, k *kind, row *shards.Row, patch []byte) error {
	body, err := e.body(d, k, row.Body, patch)
	if err != nil || body == nil {
		return err
	}
	change, err := shards.Diff(row.Body, body)
	if err != nil || string(change) == "{}" {
		return err
	}
	d.write.Ops = append(d.write.Ops, shards.Op{Kind: shards.Updated, Table: k.table, ID: row.ID, Version: row.Version, Body: body, Patch: change})
	return nil
}

// current returns the record that is to be changed. Where it is missing, or
// has another version than the caller expects, it reports that and returns nil.
func (e entity[T]) current(ctx context.Context, d *draft, k *kind, id string, expected *int32) (*shards.Row, error) {
	recs, err := d.response.recordsOf(k).load(ctx, []string{id})
	if err != nil {
		return nil, err
	}
	switch rec := recs[0]; {
	case rec == nil:
		d.faults.list = append(d.faults.list, &graph.UserError{Code: graph.UserErrorCodeNotFound, Message: "there is no record with this id", Field: []string{"id"}})
		return nil, nil
	case expected != nil && int64(*expected) != rec.row.Version:
		d.faults.list = append(d.faults.list, &graph.UserError{
			Code: graph.UserErrorCodeConflict, Field: []string{"expectedVersion"},
			Message: fmt.Sprintf("the record has version %d", rec.row.Version),
		})
		return nil, nil
	default:
		return rec.row, nil
	}
}

func without(o []byte, field string) ([]byte, error) {
	return shards.Merge(o, fmt.Appendf(nil, `{%q:null}`, field))
}
