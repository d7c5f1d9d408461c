package transport_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"gatehouse/shards"
	"gatehouse/transport"
)

// A person may read this one: the bytes of a response.
func TestResponseIsWrittenAsTheExecutorEncodedIt(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil)
	at := s.keys.Bookmark("a", shards.Position{Epoch: 1})
	for document, want := range map[string]string{
		"{hello}": `{"data":{"hello":"\u003cworld\u003e \u0026 co"},"extensions":{"bookmark":"` + at + `"}}`,
		`{hello fail(code:"X")}`: `{"errors":[{"message":"as asked","extensions":{"code":"X","retryAfter":2}}],` +
			`"data":{"hello":"\u003cworld\u003e \u0026 co","fail":null},"extensions":{"bookmark":"` + at + `"}}`,
	} {
		a := s.query(document)
		if a.status != 200 || a.text != want || a.header.Get("Content-Length") != fmt.Sprint(len(want)) || a.header.Get("Bookmark") != at {
			t.Errorf("got %d %s %v\nwant %s", a.status, a.text, a.header, want)
		}
		wantCommonHeaders(t, a)
	}
}

func TestGetReadsItsAddress(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil)
	values := url.Values{
		"query":         {"query a($n: Float){echo(n:$n)} query b{hello}"},
		"operationName": {"a"}, "variables": {`{"n": 1.50}`}, "extensions": {""}, "other": {"1", "2"},
	}
	a := s.send(http.MethodGet, "/?"+values.Encode(), "", newType)
	if a.status != 200 || a.body.Data["echo"] != "1.5" {
		t.Errorf("got %d %s", a.status, a.text)
	}
}

func TestAccept(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil)
	const older, newer = "application/json; charset=utf-8", "application/graphql-response+json; charset=utf-8"
	for accept, want := range map[string]string{
		"": older, "*/*": older, "application/*": older, "APPLICATION/JSON": older, " , ": older,
		"application/graphql-response+json":                                                 newer,
		"application/graphql-response+json; charset=UTF-8, application/json; charset=utf-8": newer,
		"application/json, application/graphql-response+json":                               newer,
		"application/json, application/graphql-response+json;q=0.9":                         older,
		"application/graphql-response+json;q=0.5, application/json;q=0.4":                   newer,
		"application/graphql-response+json, */*":                                            newer,
		"application/json, */*":                                                             older,
		"application/json;q=0, */*":                                                         newer,
		"application/*;q=0.2, application/graphql-response+json;q=0.1, text/html":           older,
		"text/html, *; q=.2, */*; q=.2":                                                     older,
		"application/json;q=2, application/graphql-response+json;q=0.1":                     newer,
		"multipart/mixed;x=1, application/graphql-response+json, application/json":          newer,
		"application/json;q=NaN, application/graphql-response+json;q=0.1":                   newer,
		"application/json;q=1e9;, ;;, application/graphql-response+json;q=1":                newer,
	} {
		if a := s.query("{hello}", "Accept: "+accept); a.status != 200 || a.header.Get("Content-Type") != want {
			t.Errorf("%q: got %d %q, want %q", accept, a.status, a.header.Get("Content-Type"), want)
		}
	}
	if a := s.query("{hello}", "Accept: text/html", "Accept: application/graphql-response+json"); a.header.Get("Content-Type") != newer {
		t.Errorf("two headers: %v", a.header)
	}
}

func TestTermsReachTheRequest(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil)
	const body = `{"query":"{seen}","extensions":{"idempotencyKey":"k~1","consistency":"bookmark"}}`
	for _, c := range []struct {
		body    string
		headers []string
		want    string
	}{
		{body, nil, "id=me key=k~1 consistency=bookmark within=false headers=0"},
		{body, []string{"Idempotency-Key: k~1", "Request-Timeout: 1500"}, "id=me key=k~1 consistency=bookmark within=true headers=0"},
		{`{"query":"{seen}","extensions":{"bookmark":null}}`, []string{"Consistency: strong"}, "id=me key= consistency=strong within=false headers=0"},
		{`{"query":"{seen}","extensions":null}`, []string{"Request-Timeout: 999999999"}, "id=me key= consistency= within=false headers=0"},
	} {
		a := s.send(http.MethodPost, "/", c.body, append(c.headers, "X-Request-Id: me")...)
		if a.body.Data["seen"] != c.want {
			t.Errorf("got %s, want %s", a.text, c.want)
		}
	}
}

// Invariant 3.
func TestRequestID(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil)
	for given, kept := range map[string]bool{
		"a": true, "Az09_-.": true, strings.Repeat("x", 64): true, strings.Repeat("x", 65): false, "": false, "a b": false, "a/b": false, "é": false,
	} {
		a := s.query("{hello}", "X-Request-Id: "+given)
		if got := a.header.Get("X-Request-Id"); got == "" || (got == given) != kept {
			t.Errorf("%q: got %q", given, got)
		}
	}
	if got := s.query("{hello}", "X-Request-Id: a", "X-Request-Id: b").header.Values("X-Request-Id"); len(got) != 1 || got[0] == "a" || got[0] == "b" {
		t.Errorf("of two: %q", got)
	}
}

func TestBookmarkOfAWriteIsRequiredByTheNextRead(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil)
	written := s.query("mutation{write}")
	at := written.header.Get("Bookmark")
	if at != s.keys.Bookmark("a", shards.Position{Epoch: 1, Seq: 1}) {
		t.Fatalf("got %s %v", written.text, written.header)
	}
	for _, a := range []answer{
		s.query("{head}", "Bookmark: "+at),
		s.send(http.MethodPost, "/", `{"query":"{head}","extensions":{"bookmark":"`+at+`"}}`, "Bookmark: "+at),
		s.send(http.MethodGet, "/?query={head}&extensions="+url.QueryEscape(`{"bookmark":"`+at+`"}`), ""),
	} {
		if a.body.Data["head"] != 1.0 || a.header.Get("Bookmark") != at || a.body.Extensions.Bookmark != at {
			t.Errorf("got %s", a.text)
		}
	}
	ahead := s.query("{head}", "Bookmark: "+s.keys.Bookmark("a", shards.Position{Epoch: 1, Seq: 2}))
	if ahead.status != 200 || ahead.code() != string(shards.BookmarkAhead) || ahead.header.Get("Bookmark") != "" {
		t.Errorf("got %d %s: there is no position to tell", ahead.status, ahead.text)
	}
}

func TestRetryAfterWhereNothingCameOfIt(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil)
	for document, want := range map[string]string{
		`{fail(code:"UNAVAILABLE")}`:       "2",
		`{fail(code:"UNAVAILABLE") hello}`: "",
		`{fail(code:"FORBIDDEN")}`:         "",
	} {
		if a := s.query(document); a.status != 200 || a.header.Get("Retry-After") != want {
			t.Errorf("%s: got %d %v", document, a.status, a.header)
		}
	}
}

func TestRequestEndsAtItsDeadline(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(c *transport.Config) { c.Timeout = 300 * time.Millisecond })
	for _, header := range []string{"Request-Timeout: 100", "Request-Timeout: 60000", "X-Other: 1"} {
		start := time.Now()
		a := s.query("{slow}", header)
		if a.code() != string(shards.Unavailable) || a.header.Get("Retry-After") != "1" || time.Since(start) > 5*time.Second {
			t.Errorf("%s: after %v: %d %s", header, time.Since(start), a.status, a.text)
		}
	}
	late := newServer(t, admission(func(ctx context.Context) error { <-ctx.Done(); return nil }))
	if a := late.query("{hello}", "Request-Timeout: 1"); a.status != 503 || a.code() != string(shards.Unavailable) || a.header.Get("Retry-After") != "1" {
		t.Errorf("before it began: %d %s", a.status, a.text)
	}
}

func TestBodyIsBounded(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(c *transport.Config) { c.MaxBody, c.Timeout = 1000, 300*time.Millisecond })
	exactly := `{"query":"{hello}","x":"` + strings.Repeat("x", 1000-26) + `"}`
	for text, want := range map[string]int{exactly: 200, exactly + " ": 413} {
		r, err := http.NewRequest(http.MethodPost, s.URL, io.MultiReader(strings.NewReader(text))) // of unknown length
		if err != nil {
			t.Fatal(err)
		}
		r.Header = http.Header{"Authorization": {"Bearer a"}, "Content-Type": {"application/json"}}
		if a := s.do(r); a.status != want {
			t.Errorf("%d bytes: got %d %s", len(text), a.status, a.text)
		}
	}

	// One that is refused, too, although net/http then waits for the body.
	for head, want := range map[string]int{
		"Authorization: Bearer a\r\nContent-Type: application/json\r\n": 408, "Content-Type: application/json\r\n": 401, "": 415,
	} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: x\r\n%sContent-Length: 100\r\n\r\n{", head)
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(want, err)
		}
		defer response.Body.Close()
		if response.StatusCode != want || !response.Close {
			t.Errorf("a slow body: got %d, want %d", response.StatusCode, want)
		}
	}
}

// The read deadline of a body must not end what comes after it.
func TestConnectionOutlivesItsRequests(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(c *transport.Config) { c.Timeout = 100 * time.Millisecond })
	for range 3 {
		if a := s.query("{slow}"); a.code() != string(shards.Unavailable) {
			t.Fatalf("got %s", a.text)
		}
	}
	if a := s.query("{hello}"); a.status != 200 {
		t.Fatalf("got %d", a.status)
	}
}

type unread struct{ t *testing.T }

func (u unread) Read([]byte) (int, error) {
	u.t.Error("the body was read")
	return 0, errors.New("read")
}

func TestNobodysBodyIsReadBeforeAdmission(t *testing.T) {
	t.Parallel()
	h := transport.NewHandler(transport.Config{
		Executor: newExecutor(t),
		Gate: &gate{before: func(context.Context) error {
			return &shards.Error{Code: shards.Unauthenticated, Message: "no"}
		}},
	})
	r := httptest.NewRequest(http.MethodPost, "/", unread{t})
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer a")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != 401 {
		t.Errorf("got %d", w.Code)
	}
}

func TestAccountsBesideEachOther(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil)
	s.query("mutation{write}")
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			account, head := "a", 1.0
			if i%2 == 0 {
				account, head = "b", 0.0
			}
			want := s.keys.Bookmark(account, shards.Position{Epoch: 1, Seq: int64(head)})
			if a := s.query("{head}", "Authorization: Bearer "+account); a.body.Data["head"] != head || a.header.Get("Bookmark") != want {
				t.Errorf("%s: got %s", account, a.text)
			}
		})
	}
	all.Wait()
}
