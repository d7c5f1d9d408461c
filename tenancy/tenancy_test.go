package tenancy

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"gatehouse/shards"
	"gatehouse/shards/pgtest"
)

// clock is the one thing that tests fake.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func newClock() *clock { return &clock{t: time.Date(2026, 11, 22, 14, 32, 0, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

var testScopes = []string{
	"changes:read", "clients:read", "clients:write", "groups:read", "groups:write", "users:read", "users:write",
}

// place returns the DSN of a directory that is not there yet.
type place func(t testing.TB) (dsn string)

var (
	postgres pgtest.Shared
	places   = map[string]place{"sqlite": onSQLite, "postgres": onPostgres}
)

func TestMain(m *testing.M) { os.Exit(postgres.Main(m)) }

func onSQLite(t testing.TB) string { return filepath.Join(t.TempDir(), "directory.db") }

func onPostgres(t testing.TB) string {
	cluster := postgres.Cluster(t)
	return cluster.Database(t).Owner(cluster.Primary)
}

func openTest(t testing.TB, dsn string, now func() time.Time) *Directory {
	t.Helper()
	d, err := OpenDirectory(t.Context(), dsn, Options{Scopes: testScopes, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

// newDirectory has a shard in the UK with the accounts acme and globex, and
// one in the EU with initech. Ids are the names with "account_" before them.
func newDirectory(t testing.TB, at place, now func() time.Time) (d *Directory, dsn string) {
	t.Helper()
	dsn = at(t)
	d = openTest(t, dsn, now)
	for id, region := range map[string]string{"uk-1": "UK", "eu-1": "EU"} {
		must(t, d.AddShard(t.Context(), Shard{ID: id, Engine: "sqlite", DSN: id + ".db", Region: region}))
	}
	for name, region := range map[string]string{"acme": "UK", "globex": "UK", "initech": "EU"} {
		_, err := d.CreateAccount(t.Context(), NewAccount{ID: "account_" + name, Name: name, Residency: region})
		must(t, err)
	}
	return d, dsn
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wantError demands a shards.Error with this code and message for the caller.
func wantError(t testing.TB, err error, code shards.Code, message string) {
	t.Helper()
	var e *shards.Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want %s", err, code)
	}
	if e.Code != code || e.Message != message {
		t.Fatalf("got %s %q (%v), want %s %q", e.Code, e.Message, e.Err, code, message)
	}
}

var testSecret = []byte("a secret for tests, 32 bytes long")

// fixture is an authenticator over newDirectory, for development tokens.
type fixture struct {
	*Authenticator
	directory *Directory
	path      string
	clock     *clock
}

func newFixture(t testing.TB) fixture {
	t.Helper()
	c := newClock()
	d, path := newDirectory(t, onSQLite, c.now)
	return fixture{newAuthenticator(t, d, c.now), d, path, c}
}

func newAuthenticator(t testing.TB, d *Directory, now func() time.Time) *Authenticator {
	t.Helper()
	tokens, err := NewTokens(t.Context(), TokenConfig{
		Issuer: DevIssuer, Audience: DevAudience, Secrets: [][]byte{testSecret},
		Roles: NewRoles(testScopes), Now: now,
	})
	must(t, err)
	a, err := NewAuthenticator(d, tokens, []string{"UK"})
	must(t, err)
	return a
}

// token is a development token of the account's user ada, good for an hour.
func (f fixture) token(t testing.TB, account, role string, scopes ...string) string {
	t.Helper()
	token, err := SignDev(testSecret, DevClaims{
		Account: account, Subject: "user_ada", Name: "Ada", Role: role, Scopes: scopes,
		IssuedAt: f.clock.now(), Lifetime: time.Hour,
	})
	must(t, err)
	return token
}

func (f fixture) key(t testing.TB, account string, expires time.Time) (Key, string) {
	t.Helper()
	key, text, err := f.directory.CreateKey(t.Context(), NewKey{
		Account: account, Name: "Importer", Scopes: []string{"clients:write", "clients:read"}, ExpiresAt: expires,
	})
	must(t, err)
	return key, text
}

// eventually polls until the condition holds, and returns how long that took.
func eventually(t testing.TB, condition func() bool) time.Duration {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	start := time.Now()
	for !condition() {
		select {
		case <-ctx.Done():
			t.Fatal("not within 10 s")
		case <-time.After(5 * time.Millisecond):
		}
	}
	return time.Since(start)
}
