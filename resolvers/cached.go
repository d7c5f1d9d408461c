package resolvers

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"gatehouse/shards"
	"gatehouse/tenancy"
)

// answers answers queries from what was answered before. An answer that was
// made at a position is exact for as long as the account's head is there, and
// the head is compared each time: so no answer is ever old, whoever wrote, and
// wherever. Only root fields that depend on nothing but the account's data and
// the caller's scopes take part.
type answers struct {
	cache *cache
	roots map[string]rootField
}

// respond answers from the cache, or by next.
func (a *answers) respond(ctx context.Context, r *response, next graphql.ResponseHandler) *graphql.Response {
	op := graphql.GetOperationContext(ctx)
	if !a.takes(op) {
		return next(ctx)
	}
	at, err := r.newest(ctx)
	if err != nil { // which is for the fields to tell
		return next(ctx)
	}
	key, err := a.key(op, r.caller)
	if err != nil {
		return next(ctx)
	}
	account := r.caller.Account.ID
	if data, ok := a.cache.get(account, key, at); ok {
		r.request.Cache = tenancy.CacheHit
		return &graphql.Response{Data: data}
	}
	other, land := a.cache.board(account, key, at)
	if other != nil {
		if data := a.wait(ctx, r.request, other); data != nil {
			r.request.Cache = tenancy.CacheHit
			return &graphql.Response{Data: data}
		}
		return next(ctx)
	}
	var made *kept
	defer func() { land(made) }() // also where next panics
	r.request.Cache = tenancy.CacheMiss
	out := next(ctx)
	if out == nil || len(out.Errors) > 0 || len(out.Extensions) > 0 || out.HasNext != nil {
		return out
	}
	if at, ok := r.position(ctx); ok {
		made = &kept{key: key, at: at, data: bytes.Clone(out.Data)}
	}
	return out
}

// wait leaves the processor to others, and to the one that makes the answer.
func (a *answers) wait(ctx context.Context, request *tenancy.Request, f *flight) []byte {
	if request.Turn != nil {
		defer request.Turn.Idle()()
	}
	return f.wait(ctx)
}

// takes reports whether all root fields of the operation take part.
func (a *answers) takes(op *graphql.OperationContext) bool {
	if op.Operation.Operation != ast.Query {
		return false
	}
	for _, f := range graphql.CollectFields(op, op.Operation.SelectionSet, []string{"Query"}) {
		if _, ok := a.roots[f.Name]; !ok && f.Name != "__typename" {
			return false
		}
	}
	return true
}

// key digests what an answer depends on. Each part has its length, so that no
// two requests read alike.
func (a *answers) key(op *graphql.OperationContext, caller *tenancy.Caller) (out cacheKey, err error) {
	variables, err := shards.Marshal(op.Variables)
	if err != nil {
		return out, err
	}
	h := sha256.New()
	part := make([]byte, 0, len(op.RawQuery)+len(variables)+512)
	for _, text := range [...]string{caller.Scopes.String(), op.RawQuery, op.Operation.Name, string(variables)} {
		part = binary.BigEndian.AppendUint32(part, uint32(len(text)))
		part = append(part, text...)
	}
	h.Write(part)
	h.Sum(out[:0])
	return out, nil
}

// newest returns the position that an answer must be exact at. Where the
// process does not know it, the response's own read says it.
func (r *response) newest(ctx context.Context) (shards.Position, error) {
	if at, ok := r.handle.Newest(ctx); ok {
		return at, nil
	}
	snap, err := r.snapshot(ctx)
	if err != nil {
		return shards.Position{}, err
	}
	return snap.Position(ctx)
}

// position returns where the response has read, false where it has not.
func (r *response) position(ctx context.Context) (shards.Position, bool) {
	r.mu.Lock()
	snap := r.snap
	r.mu.Unlock()
	if snap == nil {
		return shards.Position{}, false
	}
	at, err := snap.Position(ctx)
	return at, err == nil
}
