package resolvers

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"

	"github.com/99designs/gqlgen/graphql"

	"gatehouse/graph"
	"gatehouse/shards"
)

// outcome is what every mutation's payload has beside its records.
type outcome struct {
	Bookmark string
	Errors   []*graph.UserError
}

// prepare fills a draft from what it reads. It is called again when a record
// that it read has changed before the draft was committed.
type prepare func(ctx context.Context, d *draft) error

// mutate prepares a write, commits it, and prepares it anew for as long as
// somebody else was faster. A draft with faults writes nothing. done is called
// once the write is committed, or was before under the same idempotency key.
func mutate(ctx context.Context, r *response, input any, prepare prepare, done func(*draft, shards.Committed) error) (outcome, error) {
	key, err := idempotency(ctx, r, input)
	if err != nil {
		return outcome{}, err
	}
	// A write is prepared from what the primary has: a replica that is behind
	// would not know a record that is there, or its newest version ever again.
	r.handle.Strong()
	for {
		d := &draft{response: r}
		c, err := d.attempt(ctx, key, prepare)
		var refusal *shards.Refusal
		switch {
		case errors.As(err, &refusal) && refusal.Reason == shards.Conflict:
			if ctx.Err() != nil {
				return outcome{}, ctx.Err()
			}
			continue
		case errors.As(err, &refusal):
			d.faults.refused(*refusal)
		case err != nil:
			return outcome{}, err
		}
		out := outcome{Errors: d.faults.list}
		if out.Errors == nil {
			out.Errors = []*graph.UserError{}
			if err := done(d, c); err != nil {
				return outcome{}, err
			}
		}
		if c.Position.Seq > 0 {
			out.Bookmark = r.handle.BookmarkAt(c.Position)
		} else {
			out.Bookmark, err = r.handle.Bookmark(ctx)
		}
		if r.shown != nil {
			r.shown.bookmark = out.Bookmark
		}
		return out, err
	}
}

// attempt prepares and commits once.
func (d *draft) attempt(ctx context.Context, key *shards.IdempotencyKey, prepare prepare) (shards.Committed, error) {
	r := d.response
	if key != nil { // before anything else: its effect may be what would refuse it now
		snap, err := r.snapshot(ctx)
		if err != nil {
			return shards.Committed{}, err
		}
		if before, err := snap.Replay(ctx, key); err != nil {
			return shards.Committed{}, err
		} else if before != nil {
			return *before, d.recall(before.Memo)
		}
	}
	if err := prepare(ctx, d); err != nil {
		return shards.Committed{}, err
	}
	// Without a key, what changes nothing needs no commit. With one it does: a
	// repetition must not meet what others wrote in between.
	if len(d.faults.list) > 0 || len(d.write.Ops) == 0 && key == nil {
		return shards.Committed{}, nil
	}
	d.write.Actor, d.write.RequestID, d.write.Key = r.caller.Actor, r.request.ID, key
	if key != nil {
		var err error
		if d.write.Memo, err = d.memo(); err != nil {
			return shards.Committed{}, err
		}
	}
	// The write needs its own connection, and what follows must see it.
	r.close()
	c, err := r.handle.Commit(ctx, &d.write)
	if err == nil && c.Replayed { // the same request was under way twice
		err = d.recall(c.Memo)
	}
	return c, err
}

// idempotency returns the key of the mutation's root field, nil where the
// request has none. A key stands for one input: the field's name and arguments.
func idempotency(ctx context.Context, r *response, input any) (*shards.IdempotencyKey, error) {
	text := r.request.IdempotencyKey
	if text == "" {
		return nil, nil
	}
	fc := graphql.GetFieldContext(ctx)
	asked, err := json.Marshal([]any{fc.Field.Name, input})
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(asked)
	return &shards.IdempotencyKey{Key: text, Field: fc.Field.Alias, Input: hex.EncodeToString(sum[:])}, nil
}
