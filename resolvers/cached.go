package resolvers

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"slices"

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
	model      *model
	operations *operations
	cache      *cache
}

// takes returns what is known of an operation that takes part. An answer in
// parts does not.
func (a *answers) takes(op *graphql.OperationContext, request *tenancy.Request) (*operation, bool) {
	if op.Operation.Operation != ast.Query {
		return nil, false
	}
	known := a.operations.of(op)
	deferring, active := defers(op)
	return known, a.operations.cacheable(op, known) && (!deferring || !active || !request.Incremental)
}

// respond answers from the cache, or by next, which a hit never meets.
func (a *answers) respond(ctx context.Context, known *operation, op *graphql.OperationContext, request *tenancy.Request, next graphql.ResponseHandler) *graphql.Response {
	at, err := request.Handle.Head(ctx)
	if err != nil { // which is for the fields to tell
		return next(ctx)
	}
	key := keyOf(known, op.Variables, request.Caller)
	account := request.Caller.Account.ID
	if data, ok := a.cache.get(account, key, at); ok {
		a.cache.learn(account, key, request)
		request.Cache = tenancy.CacheHit
		return &graphql.Response{Data: data}
	}
	other, land := a.cache.board(account, key, at)
	if other != nil {
		if data := a.wait(ctx, request, other); data != nil {
			request.Cache = tenancy.CacheHit
			return &graphql.Response{Data: data}
		}
		return next(ctx)
	}
	var made *kept
	defer func() { land(made) }() // also where next panics
	request.Cache = tenancy.CacheMiss
	ctx, r := newResponse(ctx, a.model)
	defer r.close()
	out := next(ctx)
	if out == nil || len(out.Errors) > 0 || len(out.Extensions) > 0 || out.HasNext != nil {
		return out
	}
	if at, ok := r.position(ctx); ok {
		made = &kept{key: key, asked: askingOf(request), Answered: tenancy.Answered{
			At: at, Data: bytes.Clone(out.Data), Operation: op.Operation.Name, Price: request.Price,
		}}
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

// keyOf digests what an answer depends on. Each part has its length, so that no
// two requests read alike.
func keyOf(known *operation, variables map[string]any, caller *tenancy.Caller) cacheKey {
	b := append(make([]byte, 0, 512), known.digest[:]...)
	return sha256.Sum256(appendValue(appendText(b, 's', caller.Scopes.String()), variables))
}

// appendValue appends a variable's value so that no two read alike.
func appendValue(b []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(b, 'z')
	case string:
		return appendText(b, 't', v)
	case json.Number:
		return appendText(b, 'n', string(v))
	case bool:
		if v {
			return append(b, 'y')
		}
		return append(b, 'f')
	case int64:
		return binary.BigEndian.AppendUint64(append(b, 'i'), uint64(v))
	case map[string]any:
		b = binary.BigEndian.AppendUint32(append(b, 'm'), uint32(len(v)))
		names := make([]string, 0, 8)
		for name := range v {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, name := range names {
			b = appendValue(appendText(b, 'k', name), v[name])
		}
		return b
	case []any:
		b = binary.BigEndian.AppendUint32(append(b, 'l'), uint32(len(v)))
		for _, e := range v {
			b = appendValue(b, e)
		}
		return b
	}
	// A list of one type, which the validator makes of a single value.
	text, err := json.Marshal(v)
	if err != nil {
		panic("resolvers: a variable that is not JSON: " + err.Error())
	}
	return appendText(b, 'j', string(text))
}

func appendText(b []byte, kind byte, text string) []byte {
	return append(binary.BigEndian.AppendUint32(append(b, kind), uint32(len(text))), text...)
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
