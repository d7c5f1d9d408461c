package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gatehouse/graph"
	"gatehouse/shards"
)

// lockedBuffer is a buffer that a process writes to while a test reads it.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// contents are the records of the demo accounts: account, table, id, body.
type contents map[string]map[string]map[string]string

// readDemo reads all demo records in a data folder that nobody else has open.
func readDemo(t testing.TB, path string) (contents, map[string]shards.Position) {
	t.Helper()
	at, err := claim(path)
	if err != nil {
		t.Fatal(err)
	}
	o, secrets, err := openDemo(t.Context(), at, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer o.close()
	keys, err := secrets.keyring()
	if err != nil {
		t.Fatal(err)
	}
	all, heads := contents{}, map[string]shards.Position{}
	for _, demo := range demoAccounts() {
		shard, err := o.shard(t.Context(), demo.shard)
		if err != nil {
			t.Fatal(err)
		}
		s, err := shards.NewHandle(demo.id, keys, routeTo(shard)).Snapshot(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		all[demo.name] = map[string]map[string]string{}
		if heads[demo.name], err = s.Position(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, table := range []string{"groups", "users", "clients", "leads", "documents"} {
			rows, err := s.List(t.Context(), shards.Page{Table: s.Table(table), Order: shards.Order{Column: "created_at"}})
			if err != nil {
				t.Fatal(err)
			}
			bodies := map[string]string{}
			for _, row := range rows[""] {
				bodies[row.ID] = string(row.Body)
			}
			all[demo.name][table] = bodies
		}
		members, err := s.Count(t.Context(), shards.Page{
			Table: s.Table("users"), Parents: demoIDs().groups,
			Through: &shards.Link{Table: "memberships", Parent: "group_id", Child: "user_id"},
		})
		if err != nil {
			t.Fatal(err)
		}
		total := int64(0)
		for _, n := range members {
			total += n
		}
		if total != demoUsers {
			t.Errorf("%s has %d memberships: %v", demo.name, total, members)
		}
	}
	return all, heads
}

func TestDevMakesEverythingOnceAndServesIt(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	s := start(t, nil, "dev", "--data", data, "--listen", "127.0.0.1:0")
	for path, mode := range map[string]fs.FileMode{"": 0o700, secretsFile: 0o600, directoryFile: 0o600, socketFile: 0o600, "lock": 0o600} {
		if info, err := os.Stat(filepath.Join(data, path)); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%q: %v, %v", path, info, err)
		}
	}
	tokens := regexp.MustCompile(`(?m)^(acme|globex|initech) +(admin|member|viewer) +\S.*\S +(eyJ[\w-]+\.[\w-]+\.[\w-]+)$`).FindAllStringSubmatch(s.stdout, -1)
	if len(tokens) != 9 {
		t.Fatalf("%d tokens in:\n%s", len(tokens), s.stdout)
	}
	if hint := fmt.Sprintf("`gatehouse token acme --role member --data %q`", data); !strings.Contains(s.stdout, hint) {
		t.Errorf("no %s in:\n%s", hint, s.stdout)
	}
	for _, token := range tokens {
		if answer := s.ask(t, token[3]); !strings.Contains(answer, `"data"`) || strings.Contains(answer, `"errors"`) {
			t.Errorf("%s %s: %s", token[1], token[2], answer)
		}
	}
	for _, path := range []string{"/", "/schema.graphql", "/graphiql/config.json"} {
		if !strings.HasPrefix(path, "/g") && !strings.Contains(s.stdout, s.url+path) {
			t.Errorf("%s is not printed", path)
		}
		if got := s.status(t, path); got != 200 {
			t.Errorf("%s: %d", path, got)
		}
	}
	if strings.Contains(s.stderr.String(), "warning") {
		t.Error(s.stderr.String())
	}
	secrets, err := os.ReadFile(filepath.Join(data, secretsFile))
	if err != nil {
		t.Fatal(err)
	}
	if code := s.stop(t); code != 0 {
		t.Errorf("exit code %d: %s", code, s.stderr.String())
	}

	first, heads := readDemo(t, data)
	again := start(t, nil, "dev", "--data", data, "--listen", "127.0.0.1:0")
	if answer := again.ask(t, tokens[0][3]); !strings.Contains(answer, `"data"`) {
		t.Errorf("a token of the first run: %s", answer)
	}
	again.stop(t)
	if now, _ := os.ReadFile(filepath.Join(data, secretsFile)); !bytes.Equal(now, secrets) {
		t.Error("the secrets are new")
	}
	second, headsNow := readDemo(t, data)
	if !reflect.DeepEqual(first, second) || !reflect.DeepEqual(heads, headsNow) {
		t.Error("the second run wrote data")
	}
	for account, tables := range first {
		got := map[string]int{}
		for table, bodies := range tables {
			got[table] = len(bodies)
		}
		if want := map[string]int{"groups": 6, "users": 40, "clients": 500, "leads": 500, "documents": 300}; !reflect.DeepEqual(got, want) {
			t.Errorf("%s has %v", account, got)
		}
	}
	for table, bodies := range first["acme"] {
		same := 0
		for id, body := range bodies {
			other, ok := first["globex"][table][id]
			if !ok {
				t.Fatalf("globex lacks %s", id)
			}
			if other == body {
				same++
			}
		}
		if same > 0 {
			t.Errorf("%d of acme's %s are globex's too", same, table)
		}
	}
}

func TestAFillThatWasInterruptedGoesOn(t *testing.T) {
	t.Parallel()
	spec := shards.Spec{ID: "s", Engine: "sqlite", DSN: filepath.Join(t.TempDir(), "s.db"), Region: "UK"}
	shard, err := shards.Open(t.Context(), spec, shards.Options{Create: true})
	if err != nil {
		t.Fatal(err)
	}
	defer shard.Close()
	keys, err := shards.NewKeyring(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	demo := demoAccounts()[0]
	if err := shard.AddAccount(t.Context(), demo.id); err != nil {
		t.Fatal(err)
	}
	var bookmarks []string
	for range 2 {
		handle := shards.NewHandle(demo.id, keys, routeTo(shard))
		if err := fill(t.Context(), handle, newDemoData(demo, time.Now())); err != nil {
			t.Fatal(err)
		}
		bookmark, err := shards.NewHandle(demo.id, keys, routeTo(shard)).Bookmark(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		bookmarks = append(bookmarks, bookmark)
	}
	if bookmarks[0] != bookmarks[1] {
		t.Error("filled twice")
	}
}

// TestDemoRecordsFitTheSchema: they have fields of the schema's types only,
// and all that every record has.
func TestDemoRecordsFitTheSchema(t *testing.T) {
	t.Parallel()
	always := map[string][]string{
		"groups":    {"name", "customFields"},
		"users":     {"name", "email", "role", "active", "customFields"},
		"clients":   {"name", "kind", "status", "tags", "customFields"},
		"leads":     {"name", "stage", "currency", "tags", "customFields"},
		"documents": {"title", "clientId", "customFields"},
	}
	for _, demo := range demoAccounts() {
		data := newDemoData(demo, time.Now())
		if again := newDemoData(demo, time.Now()); !reflect.DeepEqual(data.tables, again.tables) {
			t.Errorf("%s is not the same twice", demo.name)
		}
		for _, table := range data.tables {
			into := map[string]any{
				"groups": &graph.Group{}, "users": &graph.User{}, "clients": &graph.Client{}, "leads": &graph.Lead{}, "documents": &graph.Document{},
			}[table.name]
			for i, record := range table.bodies {
				text, err := json.Marshal(record)
				if err != nil {
					t.Fatal(err)
				}
				decoder := json.NewDecoder(bytes.NewReader(text))
				decoder.DisallowUnknownFields()
				if err := decoder.Decode(into); err != nil {
					t.Errorf("%s: %v: %s", table.name, err, text)
				}
				if prefix, ok := shards.IDPrefix(table.ids[i]); !ok || prefix+"s" != table.name {
					t.Errorf("%s: the id %s", table.name, table.ids[i])
				}
				for _, field := range always[table.name] {
					if _, ok := record[field]; !ok {
						t.Errorf("%s lack %s: %s", table.name, field, text)
					}
				}
				for field, value := range record {
					if slices.Contains([]string{"id", "version", "createdAt", "updatedAt"}, field) || value == nil {
						t.Errorf("%s have %s: %s", table.name, field, text)
					}
				}
				if record["stage"] == "LOST" && record["lostReason"] == nil {
					t.Errorf("lost without a reason: %s", text)
				}
			}
		}
	}
}

func TestTokenPrintsNothingElse(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	makeDev(t, data)
	for _, role := range []string{"admin", "member", "viewer"} {
		d := invoke(t, "token", "globex", "--role", role, "--data", data)
		if d.code != 0 || d.stderr != "" || !regexp.MustCompile(`^eyJ[\w-]+\.[\w-]+\.[\w-]+\n$`).MatchString(d.stdout) {
			t.Errorf("%s: %+v", role, d)
		}
	}
	wantFailure(t, invoke(t, "token", "nobody", "--data", data), `account "nobody": not found`)
	plainFolder := t.TempDir()
	ok(t, "migrate", "--data", plainFolder)
	wantFailure(t, invoke(t, "token", "acme", "--data", plainFolder), "is not one of dev")
	wantFailure(t, invoke(t, "token", "acme", "--data", filepath.Join(plainFolder, "nowhere")), "there is no data folder")
	wantFailure(t, invoke(t, "dev", "--data", plainFolder, "--listen", "127.0.0.1:0"), "not one of dev")
}

// makeDev makes a data folder of dev without a server.
func makeDev(t testing.TB, data string) {
	t.Helper()
	if err := makeFolder(data); err != nil {
		t.Fatal(err)
	}
	at, err := claim(data)
	if err != nil {
		t.Fatal(err)
	}
	o, _, err := openDemo(t.Context(), at, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := o.close(); err != nil {
		t.Fatal(err)
	}
}
