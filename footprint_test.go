package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"gatehouse/shards"
	"gatehouse/shards/pgtest"
	"gatehouse/tenancy"
)

// What a read may allocate from the first handler to the last byte, with log,
// metrics, budgets and turns: a fifth above what it does. A client by id has its
// group and its owner, three statements behind the head.
const (
	mostOfAHit  = 20
	mostOfAByID = 440
)

// TestReadsStayLight counts objects, which are the same on every machine. No
// other test runs meanwhile.
func TestReadsStayLight(t *testing.T) {
	if pgtest.Wanted() {
		t.Skip("counted on SQLite")
	}
	for _, test := range []struct {
		name  string
		cache int
		most  float64
	}{{"a hit of the read cache", 1 << 20, mostOfAHit}, {"a client by id", 0, mostOfAByID}} {
		handler, request := newFootprint(t, test.cache)
		const runs = 500
		requests := make([]*http.Request, 2*runs)
		for i := range requests {
			requests[i] = request()
		}
		serve := func(requests []*http.Request) {
			out := &discarding{header: http.Header{}}
			for _, r := range requests {
				clear(out.header)
				out.text.Reset()
				if handler.ServeHTTP(out, r); out.status != http.StatusOK {
					t.Fatal(test.name, out.status, out.text.String())
				}
			}
		}
		serve(requests[:runs]) // statements, documents and credentials are known afterwards
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		serve(requests[runs:])
		runtime.ReadMemStats(&after)
		got := float64(after.Mallocs-before.Mallocs) / runs
		t.Logf("%s: %.0f objects", test.name, got)
		if got > test.most {
			t.Errorf("%s allocates %.0f objects, and %.0f are what it should stay below", test.name, got, test.most)
		}
	}
}

// newFootprint returns a whole gateway, and what makes the requests to measure.
func newFootprint(t *testing.T, cache int) (http.Handler, func() *http.Request) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	data := newFolder(t)
	key := createKey(t, data, "acme", "--scope", "*:read", "--scope", "*:write")
	at, err := claim(data)
	must(err)
	keys, err := shards.NewKeyring([]byte(testSecret))
	must(err)
	m := newMetrics()
	o, err := openOffice(t.Context(), at, officeOptions{Keys: keys, Metrics: m})
	must(err)
	t.Cleanup(func() { must(o.close()) })
	auth, err := tenancy.NewAuthenticator(o.directory, nil, []string{"UK"})
	must(err)
	g, err := newGateway(o, settings{
		Auth: auth, Keys: keys, Cache: cache, Log: slog.New(slog.NewJSONHandler(io.Discard, nil)), Served: m.served,
		Limits: limitsConfig{Points: 1_000_000, Burst: 1_000_000},
	})
	must(err)
	t.Cleanup(func() { must(g.stop(context.Background())) })
	request := func(query, variables string) *http.Request {
		body := fmt.Sprintf(`{"query":%q,"variables":%s}`, query, variables)
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://127.0.0.1/graphql", strings.NewReader(body))
		must(err)
		r.Header.Set("Authorization", "Bearer "+key)
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Accept", "application/graphql-response+json, application/json;q=0.9")
		return r
	}
	handler := m.inFlight(g)
	created := func(field, input string) string {
		out := &discarding{header: http.Header{}}
		handler.ServeHTTP(out, request("mutation { create"+field+"(input: "+input+") { "+strings.ToLower(field)+" { id } } }", "{}"))
		_, id, _ := strings.Cut(out.text.String(), `"id":"`)
		id, _, found := strings.Cut(id, `"`)
		if !found {
			t.Fatal(out.text.String())
		}
		return id
	}
	group := created("Group", `{name: "G"}`)
	user := created("User", `{name: "U", email: "u@example.org", role: MEMBER}`)
	client := created("Client", fmt.Sprintf(`{name: "C", groupId: %q, ownerId: %q}`, group, user))
	return handler, func() *http.Request {
		return request("query Client($id: ID!) { client(id: $id) { id name email group { id name } owner { id name } } }", fmt.Sprintf(`{"id":%q}`, client))
	}
}

// discarding is a response without a connection.
type discarding struct {
	header http.Header
	status int
	text   bytes.Buffer
}

func (d *discarding) Header() http.Header             { return d.header }
func (d *discarding) WriteHeader(status int)          { d.status = status }
func (d *discarding) Write(b []byte) (int, error)     { return d.text.Write(b) }
func (d *discarding) SetReadDeadline(time.Time) error { return nil }
