package main

import (
	"context"
	"log/slog"
	"net/http"

	"gatehouse/resolvers"
	"gatehouse/shards"
	"gatehouse/tenancy"
	"gatehouse/transport"
	"gatehouse/transport/cost"
	"gatehouse/transport/graphiql"
	"gatehouse/transport/guard"
)

// settings are what a server is told by dev or by the configuration.
type settings struct {
	Auth          *tenancy.Authenticator
	Keys          *shards.Keyring
	Log           *slog.Logger
	Introspection bool
	// Plain resolves every field by itself: resolvers.Options.Plain.
	Plain bool
	// Cache bounds the answers that are kept, in bytes; none where 0.
	Cache int
	// IntrospectionRoles are those that may read the schema; all where empty.
	IntrospectionRoles []string
	// ServeSchema serves the schema at /schema.graphql.
	ServeSchema bool
	// GraphiQL, where set, is served at /; of dev only.
	GraphiQL *graphiql.Config
	Origins  []string // of browsers that may call; none where empty
	// Credentials lets those browsers attach cookies, for a proxy in front.
	Credentials bool
	Limits      limitsConfig // the default of each that is zero
	// Processors is how many the accounts share; GOMAXPROCS of them where 0.
	Processors int
	// GiveWay, where set, has the thread that calls it give way to all others: what
	// an account computes beyond its portion runs on such threads.
	GiveWay func()
	// Manifests have the trusted documents, by the names of their files.
	Manifests map[string][]byte
	// Served, where set, is told of each request.
	Served func(transport.Served)
}

// gateway is what serves requests. stop ends those that have no end of their
// own, sockets and streams of events, and waits for them until ctx ends.
type gateway struct {
	http.Handler
	stop func(ctx context.Context) error
	// streams counts those that are open.
	streams func() int64
}

// newGateway wires the gateway: transport admits a request through the gate,
// which finds its account and shard, and the executor answers it.
func newGateway(o *office, s settings) (*gateway, error) {
	schema := resolvers.Schema()
	documents := guard.New(schema, guard.Options{
		Limits: s.Limits.Documents, Suggestions: s.Introspection && len(s.IntrospectionRoles) == 0,
	})
	trusted, err := transport.Trust(documents, s.Manifests)
	if err != nil {
		return nil, err
	}
	executor, err := resolvers.NewExecutor(resolvers.Options{
		Log: s.Log, Plain: s.Plain, Cache: s.Cache,
		Introspection: s.Introspection, IntrospectionRoles: s.IntrospectionRoles, Documents: documents,
	})
	if err != nil {
		return nil, err
	}
	gate := tenancy.NewGate(s.Auth, o.directory, o.pool, s.Keys)
	cors, err := transport.CORS(s.Origins, s.Credentials)
	if err != nil {
		return nil, err
	}
	endpoint := transport.NewHandler(transport.Config{
		Executor: executor, Guard: documents, Documents: transport.NewDocuments(trusted, o.directory.LookupDocument), Admission: transport.Admission{
			Prices: cost.New(schema), MaxCost: s.Limits.Cost, Turns: tenancy.NewTurns(s.Processors, s.Limits.Concurrency, s.GiveWay),
			Budgets: tenancy.NewBudgets(tenancy.BudgetOptions{Points: s.Limits.Points, Burst: s.Limits.Burst}),
		},
		Gate: gate, Log: s.Log, MaxBody: s.Limits.MaxBody, Timeout: s.Limits.Timeout, Sockets: s.Limits.Sockets, Origins: s.Origins,
	})
	mux := http.NewServeMux()
	mux.Handle("/graphql", cors(endpoint))
	mux.Handle("/documents", transport.Registrar{Gate: gate, Guard: documents, Register: o.directory.RegisterDocuments})
	if s.ServeSchema {
		mux.Handle("/schema.graphql", transport.Schema(schemaText()))
	}
	if s.GraphiQL != nil {
		mux.Handle("/", graphiql.Handler(*s.GraphiQL))
	}
	return &gateway{transport.Observe(mux, transport.Observer{Log: s.Log, Served: s.Served}), endpoint.Shutdown, endpoint.Streams}, nil
}

// knownScopes returns all scopes that the schema names.
func knownScopes() ([]string, error) { return resolvers.Scopes() }

// schemaText returns the schema as clients see it.
func schemaText() string { return resolvers.SDL() }
