package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// newDirectoryURL returns the URL of an empty database for a directory.
func newDirectoryURL(t testing.TB) string {
	t.Helper()
	cluster := postgres.Cluster(t)
	return cluster.Database(t).Owner(cluster.Primary)
}

// startGateway starts one of several gateways of a directory; data is its data
// folder, "" where it has none, and more are further lines of its configuration.
func startGateway(t testing.TB, url, data string, more ...string) *server {
	t.Helper()
	path := filepath.Join(t.TempDir(), "gatehouse.yml")
	text := "listen: 127.0.0.1:0\ndirectory: " + url + "\nregions: [UK]\nsecrets: {bookmarks: ['" + testSecret + "']}\n"
	if data != "" {
		text += "data: " + data + "\n"
	}
	text += strings.Join(more, "\n")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return start(t, nil, "serve", "--config", path)
}

// within fails where the condition does not come to hold in time.
func within(t testing.TB, limit time.Duration, what string, condition func() bool) {
	t.Helper()
	for begun := time.Now(); !condition(); time.Sleep(10 * time.Millisecond) {
		if time.Since(begun) > limit {
			t.Fatalf("%s: not within %v", what, limit)
		}
	}
}

// TestManyGatewaysShareADirectory: one with a data folder and the shard in it,
// others without.
func TestManyGatewaysShareADirectory(t *testing.T) {
	t.Parallel()
	url, data := newDirectoryURL(t), t.TempDir()
	wantFailure(t, invoke(t, "accounts", "list", "--directory", url), "there is no account directory in the database")
	ok(t, "migrate", "--directory", url)
	ok(t, "shards", "add", "uk-1", "--engine", "sqlite", "--dsn", "uk-1.db", "--region", "UK", "--data", data, "--directory", url)
	ok(t, "accounts", "create", "acme", "--residency", "UK", "--data", data, "--directory", url)
	key := strings.TrimSpace(ok(t, "keys", "create", "acme", "--name", "k", "--scope", "*:read", "--directory", url))

	holder, other := startGateway(t, url, data), startGateway(t, url, "")
	const clients = "{ clients { nodes { id } } }"
	if answer := holder.send(t, key, clients); !strings.Contains(answer, `"nodes":[]`) {
		t.Errorf("where the shard is: %s", answer)
	}
	if answer := other.send(t, key, clients); !strings.Contains(answer, "MISDIRECTED") || strings.Contains(answer, "uk-1") {
		t.Errorf("where it is not: %s", answer)
	}
	if log := other.stderr.String(); !strings.Contains(log, "not in this data folder") {
		t.Error(log)
	}
	// A command without the folder changes what all gateways see, within a second.
	ok(t, "accounts", "suspend", "acme", "--directory", url)
	for _, s := range []*server{holder, other} {
		within(t, 10*time.Second, "suspended", func() bool { return strings.Contains(s.ask(t, key), "ACCOUNT_SUSPENDED") })
	}
	// One with the folder is carried out by its owner, on the same directory.
	ok(t, "accounts", "resume", "acme", "--data", data)
	if answer := holder.ask(t, key); !strings.Contains(answer, `"data"`) {
		t.Errorf("resumed: %s", answer)
	}
	wantFailure(t, invoke(t, "accounts", "list", "--data", data, "--directory", newDirectoryURL(t)), "has another account directory")

	// The other gateways go on without one that dies, and so do the commands.
	if err := other.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-other.exited
	ok(t, "accounts", "create", "globex", "--residency", "UK", "--data", data)
	if answer := holder.ask(t, key); !strings.Contains(answer, `"data"`) {
		t.Error(answer)
	}
	if code := startGateway(t, url, "").stop(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// TestOneDeploymentMixesEngines: one gateway, one shard on SQLite, another on
// PostgreSQL with replicas.
func TestOneDeploymentMixesEngines(t *testing.T) {
	t.Parallel()
	url, data := newDirectoryURL(t), t.TempDir()
	cluster := postgres.Cluster(t)
	db := cluster.Database(t)
	on := func(args ...string) []string { return append(args, "--data", data, "--directory", url) }
	ok(t, on("migrate")...)
	ok(t, on("shards", "add", "small", "--engine", "sqlite", "--dsn", "small.db", "--region", "UK")...)
	ok(t, on("shards", "add", "large", "--engine", "postgres", "--dsn", db.App(cluster.Primary), "--owner-dsn", db.Owner(cluster.Primary),
		"--replica", "UK="+db.App(cluster.Replicas[0]), "--replica", "UK="+db.App(cluster.Replicas[1]), "--region", "UK")...)
	keys := map[string]string{}
	for _, shard := range []string{"small", "large"} {
		ok(t, on("accounts", "create", shard, "--residency", "UK", "--shard", shard)...)
		keys[shard] = strings.TrimSpace(ok(t, on("keys", "create", shard, "--name", "k", "--scope", "*:*")...))
	}
	s := startGateway(t, url, data)
	for shard, key := range keys {
		if answer := s.send(t, key, `mutation { createClient(input: {name: "of `+shard+`"}) { errors { code } } }`); !strings.Contains(answer, `"errors":[]`) {
			t.Errorf("%s: %s", shard, answer)
		}
	}
	for shard, key := range keys { // each finds its own, from a replica once that has it
		within(t, 10*time.Second, shard, func() bool {
			return strings.Contains(s.send(t, key, "{ clients { nodes { name } } }"), `"nodes":[{"name":"of `+shard+`"}]`)
		})
	}
	if out := ok(t, "migrate", "--data", data); strings.Count(out, "up to date") != 3 {
		t.Error(out)
	}
}

func TestCommandsOnADirectoryOfMany(t *testing.T) {
	t.Parallel()
	url, data := newDirectoryURL(t), t.TempDir()
	on := func(args ...string) []string { return append(args, "--directory", url) }
	ok(t, on("migrate", "--data", data)...)
	ok(t, on("shards", "add", "uk-1", "--engine", "sqlite", "--dsn", "uk-1.db", "--region", "UK", "--data", data)...)

	for _, test := range []struct {
		args []string
		want string
	}{
		{on("accounts", "create", "acme", "--residency", "UK"), "the shard uk-1 lies in the data folder of a gateway"},
		{on("shards", "add", "uk-2", "--engine", "sqlite", "--dsn", "uk-2.db", "--region", "UK"), "must lie in a data folder"},
		{on("shards", "add", "uk-2", "--engine", "sqlite", "--dsn", filepath.Join(data, "uk-2.db"), "--region", "UK", "--data", data), "must lie in a data folder"},
		{on("shards", "add", "uk-2", "--engine", "sqlite", "--dsn", "../uk-2.db", "--region", "UK", "--data", data), "must lie in a data folder"},
		{on("shards", "add", "uk-2", "--engine", "postgres", "--dsn", "host=h", "--replica", "host=i", "--region", "UK"), "a region must be"},
		{on("shards", "add", "uk-2", "--engine", "postgres", "--dsn", "host=h", "--replica", "postgres://h/d", "--region", "UK"), "write a replica as REGION=DSN"},
		{on("shards", "replicas", "uk-1", "UK=host=h"), "an SQLite shard has no replicas"},
		{on("shards", "replicas", "uk-9"), "not found"},
		{[]string{"accounts", "list", "--directory", "postgres://u:secret@127.0.0.1:1/d"}, "the DSN holds a password"},
		{[]string{"accounts", "list", "--directory", "postgres://u@127.0.0.1:1/d"}, "open directory d on 127.0.0.1"},
		{[]string{"migrate", "--directory", "directory.db"}, "must begin with postgres://"},
	} {
		d := invoke(t, test.args...)
		wantFailure(t, d, test.want)
		if strings.Contains(d.stderr, "secret") {
			t.Errorf("%v: %s", test.args, d.stderr)
		}
	}
	if out := ok(t, on("migrate")...); !strings.Contains(out, "elsewhere") {
		t.Error(out)
	}
	var shards []shardRow
	if err := json.Unmarshal([]byte(ok(t, on("shards", "list", "--json")...)), &shards); err != nil || len(shards) != 1 || shards[0].Replicas == nil {
		t.Errorf("%+v, %v", shards, err)
	}
}
