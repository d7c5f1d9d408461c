package tenancy

import (
	"time"

	"gatehouse/shards"
)

// State says whether an account may be used.
type State string

const (
	Active State = "active"
	// Suspended accounts keep their data and hosts; their callers are answered
	// ACCOUNT_SUSPENDED.
	Suspended State = "suspended"
	// Closed is final: the account's data may be erased at any time. Callers
	// are answered as if the account had never been.
	Closed State = "closed"
)

// Account is one tenant as the directory knows it.
type Account struct {
	ID   string `bun:"id,pk"`
	Name string // unique, for people and commands; 1-63 of [a-z0-9-]
	// ShardID names the shard that holds the account's data, as far as the
	// directory knew when it was asked; the shard's head row has the last word.
	ShardID string `bun:"db_shard_id"`
	// Epoch starts at 1 and grows with every move and restore.
	Epoch     int64
	State     State
	Residency Residency
	Limits    Limits
	CreatedAt Instant
}

// Caller is who makes a request: the outcome of Authenticate. It is shared by
// everything that serves the request and must not be changed.
type Caller struct {
	Account Account
	Actor   shards.Actor
	// Role is the token's role, empty for an API key and for a token without a
	// role or with an unknown one. What counts is Scopes.
	Role   string
	Scopes Scopes
	// KeyTrustedOnly: the API key takes registered documents only.
	KeyTrustedOnly bool
	// Credential is "key:" and the key's id, or "user:" and the token's
	// subject. It stays the same when a token is renewed, so that budgets and
	// idempotency keys survive that.
	Credential string
	// ExpiresAt is from when on the credential is refused, leeway included;
	// zero where it doesn't expire. Long-lived connections end then.
	ExpiresAt time.Time
}

// TrustedOnly reports whether the caller may execute registered documents only:
// the account says so, or the API key does.
func (c *Caller) TrustedOnly() bool { return c.KeyTrustedOnly || c.Account.Limits.TrustedOnly }
