package transport_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"gatehouse/shards"
	"gatehouse/tenancy"
	"gatehouse/transport"
)

// secret stands for anything that a request holds and no response or log may.
const secret = "s3cr3t-canary"

// server is the endpoint over real HTTP, in front of a real shard with the
// accounts a and b.
type server struct {
	*httptest.Server
	handler *transport.Handler
	t       testing.TB
	keys    *shards.Keyring
	log     *lockedBuffer
}

// newServer starts a server; change, where it is not nil, may alter its configuration.
func newServer(t testing.TB, change func(*transport.Config)) *server {
	t.Helper()
	keys, err := shards.NewKeyring(bytes.Repeat([]byte("k"), 32))
	if err != nil {
		t.Fatal(err)
	}
	shard, err := shards.Open(t.Context(), shards.Spec{ID: "1", Engine: "sqlite", DSN: filepath.Join(t.TempDir(), "shard.db")},
		shards.Options{Keys: keys, Create: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = shard.Close() })
	for _, account := range []string{"a", "b"} {
		if err := shard.AddAccount(t.Context(), account); err != nil {
			t.Fatal(err)
		}
	}
	s := &server{t: t, keys: keys, log: &lockedBuffer{}}
	config := transport.Config{
		Executor: newExecutor(t),
		Gate:     &gate{shard: shard, keys: keys},
		Log:      slog.New(slog.NewJSONHandler(s.log, nil)),
	}
	if change != nil {
		change(&config)
	}
	s.handler = transport.NewHandler(config)
	s.Server = httptest.NewServer(s.handler)
	t.Cleanup(s.Close)
	return s
}

// gate admits the accounts a and b, whose names are their tokens.
type gate struct {
	shard *shards.Shard
	keys  *shards.Keyring
	// before, where set, may refuse instead.
	before func(ctx context.Context) error
	// confirm, where set, says whether a caller may still be served.
	confirm func(ctx context.Context) error
}

func (g *gate) Admit(ctx context.Context, authorization, _ string) (*tenancy.Caller, error) {
	if g.before != nil {
		if err := g.before(ctx); err != nil {
			return nil, err
		}
	}
	account := strings.TrimPrefix(authorization, "Bearer ")
	if account != "a" && account != "b" {
		return nil, &shards.Error{Code: shards.Unauthenticated, Message: "the token is not valid"}
	}
	return &tenancy.Caller{Account: tenancy.Account{ID: account}}, nil
}

func (g *gate) Confirm(ctx context.Context, caller *tenancy.Caller, _ string) (*tenancy.Caller, error) {
	if g.confirm != nil {
		return caller, g.confirm(ctx)
	}
	return caller, nil
}

func (g *gate) Request(caller *tenancy.Caller) *tenancy.Request {
	route := func(context.Context, bool) (*shards.Shard, error) { return g.shard, nil }
	return &tenancy.Request{Caller: caller, Handle: shards.NewHandle(caller.Account.ID, g.keys, route)}
}

// admission changes what a server's gate does before it admits.
func admission(before func(ctx context.Context) error) func(*transport.Config) {
	return func(c *transport.Config) { c.Gate.(*gate).before = before }
}

// confirmation changes what a server's gate says of callers who were admitted.
func confirmation(confirm func(ctx context.Context) error) func(*transport.Config) {
	return func(c *transport.Config) { c.Gate.(*gate).confirm = confirm }
}

// answer is a response as a client has it.
type answer struct {
	status int
	header http.Header
	text   string
	body   struct {
		Data   map[string]any
		Errors []struct {
			Message    string
			Extensions struct {
				Code       string
				RetryAfter int
			}
		}
		Extensions struct {
			Bookmark string
			Cost     *tenancy.Cost
		}
	}
}

func (a answer) code() string {
	if len(a.body.Errors) == 0 {
		return ""
	}
	return a.body.Errors[0].Extensions.Code
}

// send makes a request, as account a if no header says otherwise. Headers are
// "Name: value"; "-Name" takes one of the usual ones away.
func (s *server) send(method, path, body string, headers ...string) answer {
	s.t.Helper()
	r, err := http.NewRequest(method, s.URL+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer a")
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/json")
	}
	fresh := map[string]bool{}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ":")
		if after, gone := strings.CutPrefix(name, "-"); gone {
			r.Header.Del(after)
			continue
		}
		if !fresh[name] {
			r.Header.Del(name)
		}
		fresh[name] = true
		r.Header.Add(name, strings.TrimSpace(value))
	}
	return s.do(r)
}

func (s *server) do(r *http.Request) answer {
	s.t.Helper()
	response, err := s.Client().Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	a := answer{status: response.StatusCode, header: response.Header, text: string(text)}
	if response.Close { // net/http took it out
		a.header.Set("Connection", "close")
	}
	if strings.Contains(response.Header.Get("Content-Type"), "json") {
		if err := json.Unmarshal(text, &a.body); err != nil {
			s.t.Fatalf("not JSON: %s", text)
		}
	}
	return a
}

// query posts a document without variables.
func (s *server) query(document string, headers ...string) answer {
	s.t.Helper()
	body, err := json.Marshal(map[string]string{"query": document})
	if err != nil {
		s.t.Fatal(err)
	}
	return s.send(http.MethodPost, "/", string(body), headers...)
}

// lockedBuffer is a log that a test can read while a server writes it.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// lines returns what was logged so far, line by line.
func (l *lockedBuffer) lines(t testing.TB) (out []map[string]any) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range strings.Lines(l.b.String()) {
		var attrs map[string]any
		if err := json.Unmarshal([]byte(line), &attrs); err != nil {
			t.Fatal(err)
		}
		out = append(out, attrs)
	}
	return out
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
