package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"time"

	"gatehouse/resolvers"
	"gatehouse/shards"
	"gatehouse/tenancy"
	"gatehouse/transport"
	"gatehouse/transport/guard"
)

const (
	shardID = "shard-1"
	region  = "UK"
)

// secret stands in for those of an operator.
func secret(c byte) []byte { return bytes.Repeat([]byte{c}, 32) }

// gateway is gatehouse as its main wires it, without what is switched off by default.
type gateway struct {
	http.Handler
	// cached is the same with the read cache, which the measures of reading go without.
	cached    http.Handler
	gate      *tenancy.Gate
	directory *tenancy.Directory
	pool      *shards.Pool
}

// newGateway returns gatehouse in front of a seeded shard, with its directory in
// dir, and gives the accounts of d their tokens.
func newGateway(ctx context.Context, spec shards.Spec, dir string, keys *shards.Keyring, d *dataset, trace func(shards.Statement)) (*gateway, error) {
	scopes, err := resolvers.Scopes()
	if err != nil {
		return nil, err
	}
	g := &gateway{pool: shards.NewPool(shards.Options{Keys: keys, Trace: trace})}
	g.directory, err = tenancy.OpenDirectory(ctx, filepath.Join(dir, "directory.db"), tenancy.Options{Scopes: scopes})
	if err != nil {
		return nil, err
	}
	if err := g.directory.AddShard(ctx, tenancy.Shard{ID: shardID, Engine: spec.Engine, DSN: spec.DSN, Region: region}); err != nil {
		return nil, err
	}
	for i, a := range d.Accounts {
		_, err := g.directory.CreateAccount(ctx, tenancy.NewAccount{ID: a.ID, Name: fmt.Sprintf("account-%d", i), Residency: region, ShardID: shardID})
		if err != nil {
			return nil, err
		}
		if a.Token, err = tenancy.SignDev(secret('t'), tenancy.DevClaims{
			Account: a.ID, Subject: a.Users[0], Name: "Robin Example", Role: "admin", IssuedAt: time.Now(), Lifetime: 24 * time.Hour,
		}); err != nil {
			return nil, err
		}
	}
	tokens, err := tenancy.NewTokens(ctx, tenancy.TokenConfig{
		Issuer: tenancy.DevIssuer, Audience: tenancy.DevAudience, Secrets: [][]byte{secret('t')}, Roles: tenancy.NewRoles(scopes),
	})
	if err != nil {
		return nil, err
	}
	auth, err := tenancy.NewAuthenticator(g.directory, tokens, []string{region})
	if err != nil {
		return nil, err
	}
	documents := guard.New(resolvers.Schema(), guard.Options{})
	g.gate = tenancy.NewGate(auth, g.directory, g.pool, keys)
	handler := func(cache int) (http.Handler, error) {
		executor, err := resolvers.NewExecutor(resolvers.Options{Documents: documents, Cache: cache})
		return transport.NewHandler(transport.Config{Executor: executor, Guard: documents, Gate: g.gate}), err
	}
	if g.Handler, err = handler(0); err != nil {
		return nil, err
	}
	g.cached, err = handler(64 << 20)
	return g, err
}

func (g *gateway) close() error {
	err := g.pool.Close()
	if err2 := g.directory.Close(); err == nil {
		err = err2
	}
	return err
}
