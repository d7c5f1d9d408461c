package transport_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"gatehouse/transport"
)

// Invariant 4, and one line for each request.
func TestLogHasOneLineForEachRequest(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil)
	s.query("query Named{hello #"+secret+"\n}", "X-Request-Id: 1", "Idempotency-Key: "+secret, "X-Other: "+secret)
	s.query("mutation{write}", "X-Request-Id: 2")
	s.query("{", "X-Request-Id: 3", newType)
	s.query("{hello}", "X-Request-Id: 4", "Authorization: Bearer "+secret)
	s.send(http.MethodGet, "/graphql?query={fail}&x="+secret, "", "X-Request-Id: 5")
	want := []map[string]any{
		{"level": "INFO", "method": "POST", "path": "/", "status": 200.0, "request": "1", "account": "a", "node": "primary", "kind": "query", "operation": "Named"},
		{"level": "INFO", "method": "POST", "path": "/", "status": 200.0, "request": "2", "account": "a", "kind": "mutation"},
		{"level": "WARN", "method": "POST", "path": "/", "status": 400.0, "request": "3", "account": "a", "node": "primary", "code": "GRAPHQL_PARSE_FAILED"},
		{"level": "WARN", "method": "POST", "path": "/", "status": 401.0, "request": "4", "code": "UNAUTHENTICATED"},
		{"level": "INFO", "method": "GET", "path": "/graphql", "status": 200.0, "request": "5", "account": "a", "node": "primary", "kind": "query"},
	}
	got := s.wantLines(len(want))
	for i, line := range got {
		if line["bytes"].(float64) <= 0 || line["duration"].(float64) <= 0 {
			t.Errorf("no bytes or no duration: %v", line)
		}
		for _, key := range []string{"time", "msg", "bytes", "duration", "error"} {
			delete(line, key)
		}
		if fmt.Sprint(line) != fmt.Sprint(want[i]) {
			t.Errorf("got  %v\nwant %v", line, want[i])
		}
	}
	if strings.Contains(s.log.String(), secret) || strings.Contains(s.log.String(), "hello") {
		t.Errorf("the log tells what it must not:\n%s", s.log)
	}
}

// wantLines waits for n lines: the last one may be written after its response.
func (s *server) wantLines(n int) []map[string]any {
	s.t.Helper()
	var got []map[string]any
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if got = s.log.lines(s.t); len(got) >= n {
			break
		}
	}
	if len(got) != n {
		s.t.Fatalf("got %d lines, want %d:\n%s", len(got), n, s.log)
	}
	return got
}

// Invariant 5.
func TestPanicFailsOneRequestOnly(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil)
	a := s.query("{boom}", newType, "X-Request-Id: me")
	if a.status != 500 || a.code() != "INTERNAL" || a.header.Get("X-Request-Id") != "me" || !strings.HasPrefix(a.header.Get("Content-Type"), "application/graphql-response+json") {
		t.Errorf("got %d %s %v", a.status, a.text, a.header)
	}
	wantCommonHeaders(t, a)
	line := s.wantLines(1)[0]
	reference, _ := line["reference"].(string)
	if reference == "" || !strings.Contains(a.text, reference) || strings.Contains(a.text, "boom") {
		t.Errorf("the reference %q is not in %s", reference, a.text)
	}
	if line["level"] != "ERROR" || line["error"] != "panic: boom: boom" || !strings.Contains(fmt.Sprint(line["stack"]), "stub_test.go") {
		t.Errorf("got %v", line)
	}
	if a := s.query("{hello}"); a.status != 200 {
		t.Errorf("after the panic: %d", a.status)
	}
}

// observed serves h behind Observe, twice: the inner one must do nothing.
func observed(t *testing.T, h http.HandlerFunc) *server {
	t.Helper()
	s := &server{t: t, log: &lockedBuffer{}}
	log := slog.New(slog.NewJSONHandler(s.log, nil))
	s.Server = httptest.NewServer(transport.Observe(transport.Observe(h, transport.Observer{Log: log}), transport.Observer{Log: log}))
	t.Cleanup(s.Close)
	return s
}

func TestPanicInTheMiddleCutsTheResponseOff(t *testing.T) {
	t.Parallel()
	s := observed(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "half")
		if err := http.NewResponseController(w).Flush(); err != nil {
			t.Error(err)
		}
		panic("boom")
	})
	response, err := http.Get(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if text, err := io.ReadAll(response.Body); err == nil {
		t.Errorf("got %q as if it were whole", text)
	}
	if line := s.wantLines(1)[0]; line["status"] != 200.0 || line["bytes"] != 4.0 || line["code"] != "INTERNAL" || line["stack"] == nil {
		t.Errorf("got %v", line)
	}
}

func TestLogOfAbortedAndOfAbandonedRequests(t *testing.T) {
	t.Parallel()
	s := observed(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	if _, err := http.Get(s.URL); err == nil {
		t.Error("no error from an aborted response")
	}
	if line := s.wantLines(1)[0]; line["stack"] != nil || line["code"] != nil {
		t.Errorf("got %v", line)
	}

	begun := make(chan struct{})
	s = observed(t, func(w http.ResponseWriter, r *http.Request) {
		close(begun)
		<-r.Context().Done()
		http.Error(w, "late", http.StatusServiceUnavailable)
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-begun; cancel() }()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := http.DefaultClient.Do(r); err == nil {
		t.Error("no error from an abandoned request")
	}
	if line := s.wantLines(1)[0]; line["status"] != 499.0 || line["level"] != "WARN" {
		t.Errorf("got %v", line)
	}
}

func TestLogTextsAreBounded(t *testing.T) {
	t.Parallel()
	s := observed(t, func(w http.ResponseWriter, r *http.Request) {})
	if _, err := http.Get(s.URL + "/" + strings.Repeat("é", 1000)); err != nil {
		t.Fatal(err)
	}
	if path := s.wantLines(1)[0]["path"].(string); len(path) > 310 || !strings.HasSuffix(path, "é…") {
		t.Errorf("got %q", path)
	}
}
