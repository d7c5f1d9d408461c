package tenancy

import (
	"context"
	"fmt"
	"time"

	"gatehouse/shards"
)

// Request is what the gateway knows of a request once its credential holds:
// the one value that a context carries through it.
type Request struct {
	// ID is the request's own, as in the X-Request-Id header of its response.
	ID     string
	Caller *Caller
	// Handle is the only way to the account's data.
	Handle *shards.Handle
	// IdempotencyKey is the caller's, "" where there is none.
	IdempotencyKey string
	// LastEventID is the bookmark of the last event that the caller has of a
	// subscription, "" where it begins anew.
	LastEventID string
	// Incremental: the answer may come in parts, as @defer asks for.
	Incremental bool
	// Spending is the request's part of its caller's budget.
	Spending Spending
	// Turn is the request's right to compute; nil where nobody waits.
	Turn *Turn
	// Price is what the request's operation may cost, in points; 0 where nobody counts.
	Price int64
	// Asked is set where the request's answer depends on nothing but that, the
	// caller's scopes and the account's data.
	Asked *Asked
	// Cache says what the read cache had for the request; "" where it took no part.
	Cache CacheStatus
	// Consistency is "" where the caller left it to us, which is AtBookmark.
	Consistency Consistency
}

// Consistency says how new the data must be that a request reads.
type Consistency string

const (
	// AtBookmark is from any node at or past the caller's bookmark.
	AtBookmark Consistency = "bookmark"
	// Strong is the newest of the primary. An account on SQLite has one node, so
	// there both are the same.
	Strong Consistency = "strong"
)

// CacheStatus is how an answer came about, as RFC 9211 puts it.
type CacheStatus string

const (
	CacheHit  CacheStatus = "hit"
	CacheMiss CacheStatus = "fwd=miss"
)

type requestKey struct{}

// WithRequest returns a context that carries r.
func WithRequest(ctx context.Context, r *Request) context.Context {
	return context.WithValue(ctx, requestKey{}, r)
}

// RequestFrom returns the context's request. Without one it returns nil and
// false, which must be treated as an error (invariant 7).
func RequestFrom(ctx context.Context) (*Request, bool) {
	r, ok := ctx.Value(requestKey{}).(*Request)
	return r, ok && r != nil && r.Caller != nil && r.Handle != nil
}

// Gate admits requests: it finds out who asks, for which account, and on which
// shard that account lies. It is safe for concurrent use.
type Gate struct {
	auth      *Authenticator
	directory *Directory
	pool      *shards.Pool
	keys      *shards.Keyring
	shut      shut
}

// NewGate returns a gate to the shards of pool.
func NewGate(auth *Authenticator, directory *Directory, pool *shards.Pool, keys *shards.Keyring) *Gate {
	return &Gate{auth: auth, directory: directory, pool: pool, keys: keys}
}

// Admit returns who bears the credential in authorization, sent to host as an
// HTTP request says it. Errors are those of Authenticate and CheckHost.
func (g *Gate) Admit(ctx context.Context, authorization, host string) (*Caller, error) {
	caller, err := g.auth.Authenticate(ctx, authorization)
	if err != nil {
		return nil, err
	}
	if err := g.auth.CheckHost(ctx, caller, host); err != nil {
		return nil, err
	}
	return caller, nil
}

// Confirm returns a caller who was admitted before as the directory knows them
// now. It is for connections that live long, and cheap: who the caller is was
// verified already, so only whether they may still be served is asked. Errors
// are those of Admit.
func (g *Gate) Confirm(ctx context.Context, caller *Caller, host string) (*Caller, error) {
	caller, err := g.auth.confirm(ctx, caller)
	if err != nil {
		return nil, err
	}
	if err := g.auth.CheckHost(ctx, caller, host); err != nil {
		return nil, err
	}
	return caller, nil
}

// Request returns a new request of caller with a Handle of its own, without an
// ID and an idempotency key yet. The shard is not touched before the first read.
func (g *Gate) Request(caller *Caller) *Request {
	route := func(ctx context.Context, fresh bool) (*shards.Shard, error) {
		return g.route(ctx, &caller.Account, fresh)
	}
	return &Request{Caller: caller, Handle: shards.NewHandle(caller.Account.ID, g.keys, route)}
}

// route returns the open shard of an account. What goes wrong here is ours, not
// the caller's, and may be over in a second.
func (g *Gate) route(ctx context.Context, account *Account, fresh bool) (*shards.Shard, error) {
	if fresh { // the shard does not know the account: it has moved, and the directory says whereto
		g.directory.Forget(account.ID)
		now, err := g.directory.Lookup(ctx, account.ID)
		if err != nil {
			return nil, err
		}
		account = &now
	}
	shard, ok := g.pool.Get(account.ShardID)
	var err error
	if !ok {
		shard, err = g.open(ctx, account)
	} else { // it may have been opened for another account
		err = checkResidency(account.Residency, shard.Spec)
	}
	if shards.CodeOf(err) == shards.Misdirected {
		return nil, err
	}
	if err != nil {
		return nil, &shards.Error{
			Code: shards.Unavailable, Message: "the account can't be reached just now", RetryAfter: time.Second,
			Err: fmt.Errorf("route of account %s: %w", account.ID, err),
		}
	}
	return shard, nil
}

func (g *Gate) open(ctx context.Context, account *Account) (*shards.Shard, error) {
	s, err := g.directory.Shard(ctx, account.ShardID)
	if err != nil {
		return nil, err
	}
	if err := checkResidency(account.Residency, s.spec()); err != nil {
		return nil, err
	}
	if !g.directory.Here(s) {
		return nil, &shards.Error{Code: shards.Misdirected, Message: "this account is served by another gateway"}
	}
	spec, err := s.Spec(g.directory.options.LookupEnv)
	if err != nil {
		return nil, err
	}
	if err := g.shut.recently(s.ID); err != nil {
		return nil, err
	}
	shard, err := g.pool.Shard(ctx, spec)
	g.shut.note(s.ID, err)
	return shard, err
}
