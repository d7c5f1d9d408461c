package resolvers

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/99designs/gqlgen/graphql"

	"gatehouse/shards"
	"gatehouse/shards/pgtest"
	"gatehouse/tenancy"
)

var postgres pgtest.Shared

func TestMain(m *testing.M) { os.Exit(postgres.Main(m)) }

// TestStoriesOnPostgreSQL tells all stories again but those of SQLite's plans.
func TestStoriesOnPostgreSQL(t *testing.T) { pgtest.Again(t, "^Test", "Plan") }

// world is a shard with accounts, and the executor in front of it. Stories
// over HTTP are told in the root package; here it is about what is executed.
type world struct {
	t     testing.TB
	shard *shards.Shard
	keys  *shards.Keyring
	exec  *Executor

	mu         sync.Mutex
	statements []shards.Statement
}

func newWorld(t testing.TB, accounts ...string) *world {
	t.Helper()
	return newWorldOn(t, newSpec(t), accounts...)
}

func newWorldOn(t testing.TB, spec shards.Spec, accounts ...string) *world {
	t.Helper()
	w := &world{t: t}
	var err error
	if w.keys, err = shards.NewKeyring(bytes.Repeat([]byte("k"), 32)); err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	w.shard, err = shards.Open(ctx, spec,
		shards.Options{Keys: w.keys, Create: true, Trace: func(s shards.Statement) {
			w.mu.Lock()
			w.statements = append(w.statements, s)
			w.mu.Unlock()
		}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.shard.Close(); err != nil {
			t.Error(err)
		}
	})
	for _, a := range accounts {
		if err := w.shard.AddAccount(ctx, a); err != nil {
			t.Fatal(err)
		}
	}
	if w.exec, err = NewExecutor(Options{}); err != nil {
		t.Fatal(err)
	}
	return w
}

// newSpec is of an empty shard, on the engine that the stories are told of.
func newSpec(t testing.TB) shards.Spec {
	t.Helper()
	if !pgtest.Wanted() {
		return shards.Spec{ID: "1", Engine: "sqlite", DSN: filepath.Join(t.TempDir(), "s.db")}
	}
	cluster := postgres.Cluster(t)
	db := cluster.Database(t)
	return shards.Spec{ID: "1", Engine: "postgres", DSN: db.App(cluster.Primary), OwnerDSN: db.Owner(cluster.Primary)}
}

// request returns a request of account with all scopes.
func (w *world) request(account string) *tenancy.Request {
	w.t.Helper()
	all, err := Scopes()
	if err != nil {
		w.t.Fatal(err)
	}
	return &tenancy.Request{
		ID: "r", Caller: &tenancy.Caller{
			Account: tenancy.Account{ID: account, Name: account},
			Actor:   shards.Actor{Kind: shards.ActorUser, ID: "tester"},
			Scopes:  tenancy.NewScopes(all...),
		},
		Handle: shards.NewHandle(account, w.keys, func(context.Context, bool) (*shards.Shard, error) { return w.shard, nil }),
	}
}

// run executes an operation and returns data and errors.
func (w *world) run(r *tenancy.Request, query string, variables map[string]any) (string, []string) {
	return w.runBy(w.exec, r, query, variables)
}

func (w *world) runBy(e *Executor, r *tenancy.Request, query string, variables map[string]any) (string, []string) {
	ctx := tenancy.WithRequest(context.Background(), r)
	rc, errs := e.CreateOperationContext(ctx, &graphql.RawParams{Query: query, Variables: variables})
	var res *graphql.Response
	if errs != nil {
		res = e.DispatchError(graphql.WithOperationContext(ctx, rc), errs)
	} else {
		handler, ctx := e.DispatchOperation(ctx, rc)
		res = handler(ctx)
	}
	var out []string
	for _, e := range res.Errors {
		out = append(out, e.Path.String()+" "+e.Extensions["code"].(string)+": "+e.Message)
	}
	return string(res.Data), out
}

// must executes an operation that has no errors, also none in payloads.
func (w *world) must(account, query string, variables map[string]any) map[string]any {
	w.t.Helper()
	data, errs := w.run(w.request(account), query, variables)
	if errs != nil {
		w.t.Fatalf("%s\n%s", query, strings.Join(errs, "\n"))
	}
	var out map[string]any
	if err := json.Unmarshal([]byte(data), &out); err != nil {
		w.t.Fatal(err)
	}
	return out
}

// count executes an operation and returns the statements on data that it took.
func (w *world) count(account, query string) []string {
	w.t.Helper()
	w.mu.Lock()
	w.statements = nil
	w.mu.Unlock()
	w.must(account, query, nil)
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []string
	for _, s := range w.statements {
		if !strings.Contains(s.SQL, " FROM head ") {
			out = append(out, s.SQL)
		}
	}
	return out
}
