package main

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"gatehouse/shards"
	"gatehouse/shards/blocks"
	"gatehouse/tenancy"
)

// TestRestingShardsAreServed: requests, commands and metrics treat a shard that
// was closed because nobody used it as one that is there.
func TestRestingShardsAreServed(t *testing.T) {
	t.Parallel()
	data := newFolder(t)
	key := makeKey(t, data)
	keys, err := shards.NewKeyring([]byte(testSecret))
	if err != nil {
		t.Fatal(err)
	}
	at, err := claim(data)
	if err != nil {
		t.Fatal(err)
	}
	m, log := newMetrics(), slog.New(slog.DiscardHandler)
	o, err := openOffice(t.Context(), at, officeOptions{Keys: keys, Metrics: m})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeOffice(o, log) })
	if err := o.openShards(t.Context(), log); err != nil {
		t.Fatal(err)
	}
	auth, err := tenancy.NewAuthenticator(o.directory, nil, []string{"UK"})
	if err != nil {
		t.Fatal(err)
	}
	gateway, err := newGateway(o, settings{Auth: auth, Keys: keys, Log: log, Cache: defaultCache, Limits: defaultConfig().Limits})
	if err != nil {
		t.Fatal(err)
	}
	front := httptest.NewServer(gateway)
	defer front.Close()
	s := &server{url: front.URL}
	rest := func() {
		t.Helper()
		if n := o.pool.CloseIdle(0); n != 1 || o.pool.Len() != 0 {
			t.Fatalf("%d shards were closed, %d are open", n, o.pool.Len())
		}
	}

	rest()
	if err := write(http.DefaultClient, s.url+"/graphql", key, "G"); err != nil {
		t.Error(err)
	}
	const query = `{ groups { nodes { name } } }`
	first, _, _ := strings.Cut(s.send(t, key, query), `,"cost"`)
	rest()
	if again := s.send(t, key, query); !strings.HasPrefix(again, first) || !strings.Contains(again, `"name":"G"`) {
		t.Errorf("got %s, before it was %s", again, first)
	}

	rest()
	state := func() (lines string) {
		w := httptest.NewRecorder()
		m.handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
		for line := range strings.Lines(w.Body.String()) {
			if strings.HasPrefix(line, "gatehouse_shard") {
				lines += line
			}
		}
		return lines
	}
	if got, want := state(), "gatehouse_shard_open{shard=\"uk-1\"} 1\ngatehouse_shards_awake 0\n"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	execute := func(args ...string) string {
		var stdout, stderr bytes.Buffer
		if code := o.execute(t.Context(), append(args, "--data", data), &stdout, &stderr); code != 0 {
			t.Errorf("%v: exit code %d: %s", args, code, stderr.String())
		}
		return stdout.String()
	}
	if out := execute("migrate"); strings.Count(out, "up to date") != 2 || o.pool.Len() != 0 {
		t.Errorf("%d shards are open, %s", o.pool.Len(), out)
	}
	execute("accounts", "create", "new", "--residency", "UK")
	if got, want := state(), "gatehouse_shard_open{shard=\"uk-1\"} 1\ngatehouse_shards_awake 1\n"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// What SQLite frees is kept, though the directory is opened before any shard. It runs
// by itself: others would take it.
func TestSQLitesMemoryIsKept(t *testing.T) {
	data := newFolder(t)
	at, err := claim(data)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := shards.NewKeyring([]byte(testSecret))
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	o, err := openOffice(t.Context(), at, officeOptions{Keys: keys, Metrics: newMetrics()})
	if err != nil {
		t.Fatal(err)
	}
	err = o.openShards(t.Context(), log)
	closeOffice(o, log)
	if err != nil || blocks.Pages() == 0 {
		t.Errorf("%d pages are kept, %v", blocks.Pages(), err)
	}
}
