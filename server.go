package main

import (
	"io"
	"log/slog"
	"net/http"
	"time"

	"gatehouse/resolvers"
	"gatehouse/shards"
	"gatehouse/tenancy"
	"gatehouse/transport"
	"gatehouse/transport/graphiql"
)

// settings are what a server is told by dev or by the configuration.
type settings struct {
	Auth          *tenancy.Authenticator
	Keys          *shards.Keyring
	Log           *slog.Logger
	Introspection bool
	// ServeSchema serves the schema at /schema.graphql.
	ServeSchema bool
	// GraphiQL, where set, is served at /; of dev only.
	GraphiQL *graphiql.Config
	Origins  []string      // of browsers that may call; none where empty
	MaxBody  int64         // bytes
	Timeout  time.Duration // of one request
}

// newHandler wires the gateway: transport admits a request through the gate,
// which finds its account and shard, and the executor answers it.
func newHandler(o *office, s settings) (http.Handler, error) {
	executor, err := resolvers.NewExecutor(resolvers.Options{Log: s.Log, Introspection: s.Introspection})
	if err != nil {
		return nil, err
	}
	gate := tenancy.NewGate(s.Auth, o.directory, o.pool, s.Keys)
	graphql := transport.NewHandler(transport.Config{
		Executor: executor, Admit: gate.Admit, Log: s.Log, MaxBody: s.MaxBody, Timeout: s.Timeout,
	})
	mux := http.NewServeMux()
	mux.Handle("/graphql", transport.CORS(s.Origins, graphql))
	if s.ServeSchema {
		mux.HandleFunc("GET /schema.graphql", serveSchema)
	}
	if s.GraphiQL != nil {
		mux.Handle("/", graphiql.Handler(*s.GraphiQL))
	}
	return mux, nil
}

func serveSchema(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_, _ = io.WriteString(w, schemaText()) // a reader that left is no error
}

// knownScopes returns all scopes that the schema names.
func knownScopes() ([]string, error) { return resolvers.Scopes() }

// schemaText returns the schema as clients see it.
func schemaText() string { return resolvers.SDL() }
