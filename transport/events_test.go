package transport_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gatehouse/shards"
	"gatehouse/tenancy"
	"gatehouse/transport"
)

const eventType = "Accept: text/event-stream"

// event is one of a stream, as a client has it.
type event struct{ id, name, data string }

// stream is a response that goes on.
type stream struct {
	t        testing.TB
	response *http.Response
	lines    *bufio.Scanner
}

// stream sends a request and returns its response as events.
func (s *server) stream(method, path, body string, headers ...string) *stream {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	s.t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, method, s.URL+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header = http.Header{"Authorization": {"Bearer a"}, "Content-Type": {"application/json"}, "Accept": {"text/event-stream"}}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	response, err := s.Client().Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { response.Body.Close() })
	lines := bufio.NewScanner(response.Body)
	lines.Buffer(nil, 1<<20)
	return &stream{s.t, response, lines}
}

func (s *server) subscribe(field string, headers ...string) *stream {
	s.t.Helper()
	return s.stream(http.MethodPost, "/", `{"query":"subscription{`+field+`}"}`, headers...)
}

// next returns the next event, false at the end of the stream.
func (s *stream) next() (e event, more bool) {
	s.t.Helper()
	for s.lines.Scan() {
		name, value, _ := strings.Cut(s.lines.Text(), ": ")
		switch name {
		case "id":
			e.id = value
		case "event":
			e.name = value
		case "data":
			e.data += value
		case "":
			if e.name != "" {
				return e, true
			}
		}
	}
	return e, false
}

func (s *stream) want(want event) {
	s.t.Helper()
	if got, more := s.next(); !more || got != want {
		s.t.Fatalf("got %+v %t, want %+v: %v", got, more, want, s.lines.Err())
	}
}

func (s *stream) ends() {
	s.t.Helper()
	s.want(event{name: "complete"})
	if e, more := s.next(); more {
		s.t.Fatalf("got %+v behind complete", e)
	}
}

func TestEventsAreThoseOfDistinctConnections(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil)
	at := func(seq int64) string { return s.keys.Bookmark("a", shards.Position{Epoch: 1, Seq: seq}) }
	tick := func(n string, seq int64) event {
		return event{at(seq), "next", `{"data":{"tick":` + n + `},"extensions":{"bookmark":"` + at(seq) + `"}}`}
	}
	for what, stream := range map[string]*stream{
		"POST":  s.subscribe("tick(to:2)"),
		"GET":   s.stream(http.MethodGet, "/?query="+url.QueryEscape("subscription{tick(to:2)}"), ""),
		"mixed": s.subscribe("tick(to:2)", "Accept: application/json, text/event-stream"),
	} {
		if r := stream.response; r.StatusCode != 200 || r.Header.Get("Content-Type") != "text/event-stream; charset=utf-8" ||
			r.Header.Get("Cache-Control") != "private, no-store" || r.Header.Get("Bookmark") == "" || r.Header.Get("X-Request-Id") == "" {
			t.Errorf("%s: got %s %v", what, r.Status, r.Header)
		}
		stream.want(tick("1", 1))
		stream.want(tick("2", 2))
		stream.ends()
	}
	// The last event's id leads on.
	again := s.subscribe("tick(to:4)", "Last-Event-ID: "+at(3))
	again.want(tick("4", 4))
	again.ends()
	lost := s.subscribe("tick", "Last-Event-ID: "+secret)
	if e, _ := lost.next(); !strings.Contains(e.data, "BOOKMARK_INVALID") || strings.Contains(e.data, secret) || e.id != "" {
		t.Errorf("got %+v", e)
	}
	lost.ends()

	// A single response is an event only where nothing else is wanted.
	only := s.stream(http.MethodPost, "/", `{"query":"{hello}"}`)
	if e, _ := only.next(); e.name != "next" || e.id != "" || !strings.Contains(e.data, "world") {
		t.Errorf("got %+v", e)
	}
	only.ends()
	if a := s.query("{hello}", "Accept: application/json, text/event-stream"); a.header.Get("Content-Type") != "application/json; charset=utf-8" {
		t.Errorf("got %v", a.header)
	}
	// What can't be subscribed to over plain HTTP is refused there.
	if a := s.query("subscription{tick}", "Accept: */*"); a.status != 400 || a.code() != "BAD_REQUEST" {
		t.Errorf("got %d %s", a.status, a.text)
	}
}

// Before a stream begins, what is wrong is a plain HTTP response.
func TestStreamsAreRefusedAsRequestsAre(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(c *transport.Config) { c.Sockets = 1 })
	for _, c := range []struct {
		body    string
		headers []string
		status  int
		code    string
	}{
		{`{"query":"subscription{tick}"}`, []string{"Authorization: Bearer x"}, 401, "UNAUTHENTICATED"},
		{`{"query":"subscription{tick}"}`, []string{"Bookmark: x"}, 400, "BOOKMARK_INVALID"},
		{`{"query":"subscription{nothing}"}`, nil, 400, "GRAPHQL_VALIDATION_FAILED"},
		{`{"query":"{"}`, nil, 400, "GRAPHQL_PARSE_FAILED"},
		{`{"query"`, nil, 400, "BAD_REQUEST"},
	} {
		a := s.send(http.MethodPost, "/", c.body, append(c.headers, eventType)...)
		if a.status != c.status || a.code() != c.code || !strings.Contains(a.header.Get("Content-Type"), "json") {
			t.Errorf("%v: got %d %s %v", c, a.status, a.text, a.header)
		}
	}
	if a := s.send(http.MethodGet, "/?query=mutation{write}", "", eventType); a.status != 405 {
		t.Errorf("got %d %s", a.status, a.text)
	}
	// One stream is all that this account may have.
	first := s.subscribe("wait")
	first.next()
	if a := s.query("subscription{tick}", eventType); a.status != 429 || a.code() != "RATE_LIMITED" || a.header.Get("Retry-After") == "" {
		t.Errorf("got %d %s", a.status, a.text)
	}
	if other := s.subscribe("tick(to:1)", "Authorization: Bearer b"); other.response.StatusCode != 200 {
		t.Errorf("the neighbour: got %s", other.response.Status)
	}
	first.response.Body.Close()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if r := s.subscribe("tick(to:1)").response; r.StatusCode == 200 {
			break
		} else if time.Now().After(deadline) {
			t.Fatalf("its place is not given back: %s", r.Status)
		}
	}
}

// What a stream took is given back once, whether its client leaves or there is no
// room for it.
func TestAStreamIsSettledOnce(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(c *transport.Config) {
		limited(c)
		c.Sockets = 1
	})
	stream := s.subscribe("wait")
	stream.next()
	refused := s.send(http.MethodPost, "/", `{"query":"mutation{write}"}`, eventType)
	if got, want := refused.cost(t), (tenancy.Cost{Requested: 11, Actual: 1, Throttle: tenancy.Throttle{Limit: 100, Remaining: 98, RestoreRate: 1}}); refused.code() != "RATE_LIMITED" || got != want {
		t.Errorf("got %s, want %+v", refused.text, want)
	}
	stream.response.Body.Close()
	for deadline := time.Now().Add(30 * time.Second); len(s.log.lines(t)) < 2; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it does not end")
		}
	}
	if got := s.query("{hello}").cost(t).Throttle.Remaining; got != 97 {
		t.Errorf("%d points are left", got)
	}
}

// Invariant 5.
func TestPanicEndsItsStream(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil)
	stream := s.subscribe("boom")
	stream.next()
	if e, _ := stream.next(); !strings.Contains(e.data, "INTERNAL") || strings.Contains(e.data, secret) {
		t.Errorf("got %+v", e)
	}
	stream.ends()
	if a := s.query("{hello}"); a.status != 200 {
		t.Errorf("got %d", a.status)
	}
	if lines := s.log.lines(t); lines[0]["stack"] == nil || lines[0]["code"] != "INTERNAL" {
		t.Errorf("got %v", lines[0])
	}
}

func TestStreamEndsWithItsAuthority(t *testing.T) {
	t.Parallel()
	for code, message := range map[shards.Code]string{shards.Unauthenticated: "expired", shards.AccountSuspended: "suspended", shards.Misdirected: "elsewhere"} {
		var gone atomic.Bool
		s := newServer(t, confirmation(func(context.Context) error {
			if gone.Load() {
				return &shards.Error{Code: code, Message: message}
			}
			return nil
		}))
		stream := s.subscribe("wait")
		stream.next()
		gone.Store(true)
		if e, _ := stream.next(); !strings.Contains(e.data, string(code)) {
			t.Errorf("got %+v, want %s", e, code)
		}
		stream.ends()
	}
}

// A directory that can't be asked for a moment disconnects nobody.
func TestStreamOutlivesAMomentWithoutDirectory(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	s := newServer(t, confirmation(func(context.Context) error {
		if asked.Add(1) < 3 {
			return &shards.Error{Code: shards.Unavailable, Message: "not now", Err: errors.New(secret)}
		}
		return &shards.Error{Code: shards.Forbidden, Message: "no"}
	}))
	stream := s.subscribe("wait")
	stream.next()
	if e, _ := stream.next(); !strings.Contains(e.data, "FORBIDDEN") || asked.Load() != 3 {
		t.Errorf("got %+v after %d times", e, asked.Load())
	}
}

func TestStreamsEndWhenTheGatewayStops(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil)
	var open []*stream
	for range 20 {
		stream := s.subscribe("wait")
		stream.next()
		open = append(open, stream)
	}
	if err := s.handler.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, stream := range open {
		if e, more := stream.next(); more { // without complete, so that it comes again
			t.Errorf("got %+v", e)
		}
	}
	if a := s.query("subscription{tick}", eventType); a.status != 503 || a.header.Get("Retry-After") == "" {
		t.Errorf("got %d %s", a.status, a.text)
	}
	if a := s.query("{hello}"); a.status != 200 {
		t.Errorf("a request: got %d", a.status)
	}
}

// A client that does not read costs nothing but its connection, and not for long.
func TestStalledReaderIsDisconnected(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes as long as a write may; left out by -short")
	}
	s := newServer(t, nil)
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	const body = `{"query":"subscription{flood}"}`
	if _, err := io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer a\r\nAccept: text/event-stream\r\n"+
		"Content-Type: application/json\r\nContent-Length: 31\r\n\r\n"+body); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); len(s.log.lines(t)) == 0; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the stream goes on although nobody reads")
		}
	}
}
