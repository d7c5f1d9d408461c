package main

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vektah/gqlparser/v2/ast"

	"gatehouse/checker/planted"
	"gatehouse/resolvers"
	"gatehouse/shards"
	"gatehouse/shards/pgtest"
	"gatehouse/tenancy"
	"gatehouse/transport"
	"gatehouse/transport/cost"
	"gatehouse/transport/guard"
)

const isoShared, isoOwn = 3, 3

var isoSecret = bytes.Repeat([]byte("s"), 32)

// isoWorld is the whole gateway over real HTTP with three accounts that have
// records of every type: a and b on one shard, c on one of its own. The first
// isoShared records of each type have the same ids in all accounts, the next
// isoOwn have ids of their account alone. Every text holds its account's canary.
type isoWorld struct {
	t         testing.TB
	schema    *ast.Schema
	kinds     []*isoKind
	fragment  map[string]string // definitions by name
	keys      *shards.Keyring
	directory *tenancy.Directory
	server    *httptest.Server
	log       *isoLog
	a, b, c   *isoAccount
	// formed are inputs whose texts have a form that a canary has not: Client.address.postcode.
	formed map[string]bool
	// without are types that documents do not select: the projector leaves
	// fields of a root alone where a history is among them.
	without  []string
	findings atomic.Int32
}

// isoAccount is a tenant, and what the test has put into it.
type isoAccount struct {
	w       *isoWorld
	name    string // a, b or c, as in its canaries
	id      string
	db      *sql.DB // its shard, past the gateway
	all     *isoClient
	records map[*isoKind][]isoRecord
	count   atomic.Int64
}

type isoRecord struct {
	id    string
	input map[string]any
}

func newIsoWorld(t testing.TB, without ...string) *isoWorld {
	t.Helper()
	w := &isoWorld{t: t, log: &isoLog{}, formed: map[string]bool{}, without: without}
	w.readSchema()
	scopes, err := resolvers.Scopes()
	w.must(err)
	w.keys, err = shards.NewKeyring(bytes.Repeat([]byte("k"), 32))
	w.must(err)
	dir, log := t.TempDir(), slog.New(slog.NewTextHandler(w.log, nil))
	w.directory, err = tenancy.OpenDirectory(t.Context(), filepath.Join(dir, "directory.db"), tenancy.Options{Scopes: scopes})
	w.must(err)
	pool := shards.NewPool(shards.Options{Keys: w.keys, Log: log, Create: true})
	tokens, err := tenancy.NewTokens(t.Context(), tenancy.TokenConfig{
		Issuer: tenancy.DevIssuer, Audience: tenancy.DevAudience, Secrets: [][]byte{isoSecret}, Roles: tenancy.NewRoles(scopes),
	})
	w.must(err)
	auth, err := tenancy.NewAuthenticator(w.directory, tokens, []string{"UK"})
	w.must(err)
	schema := resolvers.Schema()
	// Walks ask for everything that there is, so the limits are wide.
	documents := guard.New(schema, guard.Options{Limits: guard.Limits{
		Tokens: 100_000, Selections: 10_000, Expanded: 100_000, Depth: 50, Aliases: 5_000, RootFields: 500, Fragments: 500,
	}})
	executor, err := resolvers.NewExecutor(resolvers.Options{Log: log, Cache: 1 << 20, Documents: documents})
	w.must(err)
	w.server = httptest.NewServer(transport.NewHandler(transport.Config{
		Executor: executor, Guard: documents,
		// Without budgets: what they have left differs from one answer to the next.
		Admission: transport.Admission{Prices: cost.New(schema), MaxCost: 1_000_000, Turns: tenancy.NewTurns(0, 0, nil)},
		Gate:      tenancy.NewGate(auth, w.directory, pool, w.keys), Log: log, Timeout: 20 * time.Second,
	}))
	t.Cleanup(func() {
		w.server.Close()
		w.must(pool.Close())
		w.must(w.directory.Close())
		w.checkLog()
	})
	for _, s := range []tenancy.Shard{{ID: "one"}, {ID: "two", Dedicated: true}} {
		s.Engine, s.Region, s.DSN = "sqlite", "UK", filepath.Join(dir, s.ID+".db")
		if pgtest.Wanted() {
			cluster := postgres.Cluster(t)
			db := cluster.Database(t)
			s.Engine, s.DSN, s.OwnerDSN = "postgres", db.App(cluster.Primary), db.Owner(cluster.Primary)
		}
		w.must(w.directory.AddShard(t.Context(), s))
	}
	w.a, w.b, w.c = w.account(pool, "a", "one"), w.account(pool, "b", "one"), w.account(pool, "c", "two")
	for _, a := range []*isoAccount{w.a, w.b, w.c} {
		a.seed()
	}
	if t.Failed() {
		t.FailNow()
	}
	return w
}

// TestStoriesOnPostgreSQL tells the stories again with the data on PostgreSQL,
// but for those of an SQLite file, of dev, and of PostgreSQL itself, and that of
// a flood, which waits for PostgreSQL rather than computes.
func TestStoriesOnPostgreSQL(t *testing.T) {
	pgtest.Again(t, "^Test", "Planted|Dev|Demo|Example|Hostile|Mistake|Probes|TheSameDatabase|MigrateReports|CannotRead|Gateways|DeployGuide|Mixes|CommandsOn|AFloodGivesWay|SQLites")
}

// inBothWays tells a story twice: where the generated code answers because
// everything is asked for, and where the projector does.
func inBothWays(t *testing.T, story func(t *testing.T, w *isoWorld)) {
	for name, without := range map[string][]string{"whole": nil, "projected": {"ChangeConnection"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			story(t, newIsoWorld(t, without...))
		})
	}
}

func (w *isoWorld) account(pool *shards.Pool, name, shardID string) *isoAccount {
	w.t.Helper()
	a := &isoAccount{w: w, name: name, id: "canary-" + name + "-id", records: map[*isoKind][]isoRecord{}}
	ctx := w.t.Context()
	_, err := w.directory.CreateAccount(ctx, tenancy.NewAccount{ID: a.id, Name: "canary-" + name + "-account", Residency: "UK", ShardID: shardID})
	w.must(err)
	row, err := w.directory.Shard(ctx, shardID)
	w.must(err)
	spec, err := row.OwnerSpec(nil)
	w.must(err)
	shard, err := pool.Shard(ctx, spec)
	w.must(err)
	w.must(shard.AddAccount(ctx, a.id))
	if a.db, err = sql.Open("sqlite", "file:"+spec.DSN+"?mode=ro"); pgtest.Wanted() {
		a.db, err = sql.Open("pgx", strings.Replace(spec.DSN, pgtest.App, "postgres", 1)) // who sees all rows
	}
	w.must(err)
	w.t.Cleanup(func() { w.must(a.db.Close()) })
	// The actor is a user whose id all accounts have, so that what is stamped with it is the account's own.
	subject := "nobody"
	if k := w.kind("User"); k != nil {
		subject = isoID(k, "shared", 0)
	}
	token, err := tenancy.SignDev(isoSecret, tenancy.DevClaims{
		Account: a.id, Subject: subject, Name: "canary-" + name + "-actor-000000", Role: "admin", IssuedAt: time.Now(), Lifetime: time.Hour,
	})
	w.must(err)
	a.all = w.client(a, "all scopes", token)
	return a
}

// with returns a client of the account that holds just these scopes, by an API key.
func (a *isoAccount) with(scopes ...string) *isoClient {
	a.w.t.Helper()
	_, text, err := a.w.directory.CreateKey(context.Background(), tenancy.NewKey{Account: a.id, Name: "canary-" + a.name + "-key-000000", Scopes: scopes})
	a.w.must(err)
	return a.w.client(a, strings.Join(scopes, " "), text)
}

func (w *isoWorld) must(err error) {
	if err != nil {
		w.t.Helper()
		w.t.Fatal(err)
	}
}

// finding reports what isolation forbids. The first ones say enough; of a
// planted leak the first one does, and what follows it may hang.
func (w *isoWorld) finding(format string, args ...any) {
	w.t.Helper()
	const enough = 10
	switch n := w.findings.Add(1); {
	case os.Getenv(planted.Leaking) != "":
		fmt.Printf("--- FAIL: %s\n    %s%s\n", w.t.Name(), planted.Finding, fmt.Sprintf(format, args...))
		os.Exit(1)
	case n <= enough:
		w.t.Errorf(planted.Finding+format, args...)
	default:
		w.t.Fail()
	}
}

// checkLog looks for what no log line may say.
func (w *isoWorld) checkLog() {
	w.t.Helper()
	w.log.mu.Lock()
	defer w.log.mu.Unlock()
	for line := range strings.Lines(w.log.b.String()) {
		if strings.Contains(line, "ISOLATION INCIDENT") {
			w.finding("the gateway itself has met a foreign row: %s", line)
		}
		for _, text := range isoCanary.FindAllString(line, -1) {
			if !strings.Contains(text, "-id") {
				w.finding("a log line has data: %s", line)
				break
			}
		}
	}
}

type isoLog struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *isoLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// isoID returns an id of the kind: the n-th of those named by mark, which is
// written in the alphabet of ids. Those with an "acc" belong to one account.
func isoID(k *isoKind, mark string, n int) string {
	return k.prefix + "_" + fmt.Sprintf("%026s", fmt.Sprintf("%06d%s", n, mark))
}
