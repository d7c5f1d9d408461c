package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gatehouse/shards"
	"gatehouse/shards/pgtest"
)

func routeTo(s *shards.Shard) shards.Route {
	return func(context.Context, bool) (*shards.Shard, error) { return s, nil }
}

// newFolder makes a data folder with a shard and the accounts acme and globex.
func newFolder(t testing.TB) string {
	t.Helper()
	data := t.TempDir()
	ok(t, "migrate", "--data", data)
	shard := []string{"shards", "add", "uk-1", "--region", "UK", "--data", data}
	if pgtest.Wanted() {
		cluster := postgres.Cluster(t)
		db := cluster.Database(t)
		ok(t, append(shard, "--engine", "postgres", "--dsn", db.App(cluster.Primary), "--owner-dsn", db.Owner(cluster.Primary))...)
	} else {
		ok(t, append(shard, "--engine", "sqlite", "--dsn", "shards/uk-1.db")...)
	}
	for _, name := range []string{"acme", "globex"} {
		ok(t, "accounts", "create", name, "--id", "account_"+name, "--residency", "UK", "--data", data)
	}
	return data
}

// TestCommandsAnswerAlikeWithAndWithoutAServer: what they print and their exit
// codes are the same, byte for byte.
func TestCommandsAnswerAlikeWithAndWithoutAServer(t *testing.T) {
	t.Parallel()
	data := newFolder(t)
	ok(t, "keys", "create", "acme", "--name", "sync", "--scope", "*:read", "--expires", "720h", "--data", data)
	commands := [][]string{
		{"accounts", "list"}, {"accounts", "list", "--json"}, {"accounts", "show", "acme"}, {"accounts", "show", "acme", "--json"},
		{"accounts", "show", "nobody"}, {"accounts", "limit", "acme", "points=500", "trustedOnly=true"}, {"accounts", "limit", "acme", "point=5"},
		{"accounts", "limit", "acme", "points=default", "trustedOnly=default"}, {"accounts", "suspend", "acme"}, {"accounts", "resume", "acme"},
		{"accounts", "create", "acme", "--residency", "UK"}, {"accounts", "create", "new", "--residency", "EU"},
		{"accounts", "create", "UPPER", "--residency", "UK"},
		{"shards", "list"}, {"shards", "list", "--json"}, {"migrate"}, {"migrate", "--json"},
		{"shards", "add", "uk-1", "--engine", "sqlite", "--dsn", "x.db", "--region", "UK"},
		{"shards", "add", "uk-2", "--engine", "postgres", "--dsn", "postgres://db/x", "--region", "UK"},
		{"keys", "list", "acme"}, {"keys", "list", "globex"}, {"keys", "list", "acme", "--json"}, {"keys", "list", "globex", "--json"},
		{"keys", "create", "acme", "--name", "x", "--scope", "nonsense:read"}, {"keys", "revoke", "nokey"},
		{"hosts", "add", "acme", "crm.example.org"}, {"hosts", "add", "globex", "crm.example.org"}, {"hosts", "list", "acme", "--json"},
		{"hosts", "remove", "CRM.example.org"}, {"hosts", "remove", "crm.example.org"}, {"hosts", "list", "acme"},
		{"token", "acme"},
	}
	var alone []done
	for _, args := range commands {
		alone = append(alone, invoke(t, append(args, "--data", data)...))
	}
	startServe(t, data)
	for i, args := range commands {
		got := invoke(t, append(args, "--data", data)...)
		if got != alone[i] {
			t.Errorf("%v: with a server %+v, without %+v", args, got, alone[i])
		}
		if got.code == 0 && got.stderr != "" || got.code == 1 && strings.Count(got.stderr, "\n") != 1 {
			t.Errorf("%v: %+v", args, got)
		}
		if args[len(args)-1] == "--json" && !json.Valid([]byte(got.stdout)) {
			t.Errorf("%v: no JSON: %s", args, got.stdout)
		}
	}
}

func TestWhatACommandChangesIsInForceAtOnce(t *testing.T) {
	t.Parallel()
	data := newFolder(t)
	key := strings.TrimSpace(ok(t, "keys", "create", "acme", "--name", "sync", "--scope", "*:read", "--data", data))
	s := startServe(t, data)
	served := func() bool { return strings.Contains(s.ask(t, key), `"data"`) }
	if !served() {
		t.Fatal(s.ask(t, key))
	}
	ok(t, "accounts", "suspend", "acme", "--data", data)
	if answer := s.ask(t, key); !strings.Contains(answer, "ACCOUNT_SUSPENDED") {
		t.Errorf("suspended: %s", answer)
	}
	ok(t, "accounts", "resume", "acme", "--data", data)
	if !served() {
		t.Errorf("resumed: %s", s.ask(t, key))
	}
	var keys []keyRow
	if err := json.Unmarshal([]byte(ok(t, "keys", "list", "acme", "--json", "--data", data)), &keys); err != nil || len(keys) != 1 {
		t.Fatalf("%v, %v", keys, err)
	}
	ok(t, "keys", "revoke", keys[0].ID, "--data", data)
	if answer := s.ask(t, key); !strings.Contains(answer, "UNAUTHENTICATED") {
		t.Errorf("revoked: %s", answer)
	}
	// An account that is made while the server runs is served at once.
	ok(t, "accounts", "create", "new", "--residency", "UK", "--data", data)
	key = strings.TrimSpace(ok(t, "keys", "create", "new", "--name", "k", "--scope", "*:read", "--data", data))
	if !served() {
		t.Errorf("new: %s", s.ask(t, key))
	}
	if code := s.stop(t); code != 0 {
		t.Errorf("exit code %d: %s", code, s.stderr.String())
	}
}

func TestJSONOfCreatedThings(t *testing.T) {
	t.Parallel()
	data := newFolder(t)
	var key keyRow
	if err := json.Unmarshal([]byte(ok(t, "keys", "create", "acme", "--name", "k", "--scope", "clients:read", "--json", "--data", data)), &key); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(key.Key, "gk_"+key.ID) || len(key.Scopes) != 1 || key.ExpiresAt != nil {
		t.Errorf("%+v", key)
	}
	var account accountRow
	if err := json.Unmarshal([]byte(ok(t, "accounts", "create", "x", "--residency", "UK", "--json", "--data", data)), &account); err != nil {
		t.Fatal(err)
	}
	if prefix, ok := shards.IDPrefix(account.ID); !ok || prefix != "account" || account.Shard != "uk-1" || account.State != "active" {
		t.Errorf("%+v", account)
	}
}

func TestADataFolderHasOneOwner(t *testing.T) {
	t.Parallel()
	data := newFolder(t)
	s := startServe(t, data)
	wantFailure(t, invoke(t, "serve", "--config", configFor(t, data, "")), "the data folder "+data+" is in use")
	wantFailure(t, invoke(t, "dev", "--data", data, "--listen", "127.0.0.1:0"), "the data folder "+data+" is in use")
	// A server that was killed leaves its socket, which hinders nobody.
	if err := s.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-s.exited
	ok(t, "accounts", "list", "--data", data)
	startServe(t, data)
	ok(t, "accounts", "list", "--data", data)
}

func TestTheSocketTakesOnlyCommandsOfAnOffice(t *testing.T) {
	t.Parallel()
	data := newFolder(t)
	startServe(t, data)
	for _, args := range [][]string{{"version"}, {"dev"}, {"serve"}} {
		if d, err := call(t.Context(), data, args); err != nil || d.Code != 1 || d.Stdout != "" {
			t.Errorf("%v: %+v, %v", args, d, err)
		}
	}
	if d, err := call(t.Context(), data, []string{"--help"}); err != nil || d.Code != 0 || !strings.Contains(d.Stdout, "Usage:") {
		t.Errorf("%+v, %v", d, err)
	}
	ok(t, "accounts", "list", "--data", data) // it is still there
}

func TestAPathTooLongForASocket(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), strings.Repeat("long", 30))
	ok(t, "migrate", "--data", data)
	wantFailure(t, invoke(t, "serve", "--config", configFor(t, data, "")), "too long for a socket")
}

func TestMigrateReportsEachShard(t *testing.T) {
	t.Parallel()
	data := newFolder(t)
	ok(t, "shards", "add", "uk-2", "--engine", "sqlite", "--dsn", filepath.Join(data, "other.db"), "--region", "UK", "--data", data)
	if err := os.Remove(filepath.Join(data, "shards", "uk-1.db")); err != nil {
		t.Fatal(err)
	}
	spoil(t, filepath.Join(data, "other.db"))
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), []string{"migrate", "--data", data}, &stdout, &stderr)
	if code != 1 || strings.Count(stderr.String(), "\n") != 2 || strings.Count(stdout.String(), "failed") != 2 {
		t.Errorf("%d\n%s%s", code, stdout.String(), stderr.String())
	}
	if _, err := os.Stat(filepath.Join(data, "shards", "uk-1.db")); err == nil {
		t.Error("an empty shard stands in for one that is missing")
	}
}

func TestTheSameDatabaseIsNotTwoShards(t *testing.T) {
	t.Parallel()
	data := newFolder(t)
	for _, dsn := range []string{"shards/uk-1.db", "./x/../shards/uk-1.db", filepath.Join(data, "shards", "uk-1.db")} {
		wantFailure(t, invoke(t, "shards", "add", "uk-2", "--engine", "sqlite", "--dsn", dsn, "--region", "UK", "--data", data), "uk-1")
	}
}

func TestADataFolderCanBeMoved(t *testing.T) {
	t.Parallel()
	old := newFolder(t)
	moved := filepath.Join(t.TempDir(), "moved")
	if err := os.Rename(old, moved); err != nil {
		t.Fatal(err)
	}
	if out := ok(t, "migrate", "--data", moved); strings.Count(out, "up to date") != 2 {
		t.Error(out)
	}
	ok(t, "accounts", "create", "new", "--residency", "UK", "--data", moved)
}

// spoil makes a file something that is no database.
func spoil(t testing.TB, path string) {
	t.Helper()
	for _, suffix := range []string{"-wal", "-shm"} {
		_ = os.Remove(path + suffix)
	}
	if err := os.WriteFile(path, []byte(strings.Repeat("no database ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
}
