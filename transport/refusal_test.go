package transport_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"gatehouse/shards"
	"gatehouse/transport"
)

const (
	newType  = "Accept: application/graphql-response+json"
	oldType  = "Accept: application/json"
	jsonBody = "Content-Type: application/json"
)

// Invariant 1: each refusal has its status, code and header, is short, and
// repeats nothing of the request, which holds the secret wherever it can.
func TestRefusals(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(c *transport.Config) { c.MaxBody = 4 << 10 })
	const get, post, ok = http.MethodGet, http.MethodPost, `{"query":"{hello}"}`
	deep := strings.Repeat("[", 70) + strings.Repeat("]", 70)
	for _, c := range []struct {
		name, method, path, body string
		headers                  []string
		status                   int
		code                     shards.Code
		header                   string // "Name: value" of the response
		known                    bool   // the account, and so its bookmark
	}{
		{"another method", "PUT", "/", ok, nil, 405, shards.BadRequest, "Allow: GET, POST", false},
		{"DELETE", "DELETE", "/", "", nil, 405, shards.BadRequest, "Allow: GET, POST", false},
		{"OPTIONS", "OPTIONS", "/", "", nil, 405, shards.BadRequest, "Allow: GET, POST", false},
		{"HTML only", post, "/", ok, []string{"Accept: text/html;x=" + secret}, 406, shards.BadRequest, "", false},
		{"JSON excluded", post, "/", ok, []string{"Accept: */*, application/*;q=0"}, 406, shards.BadRequest, "", false},
		{"another charset", post, "/", ok, []string{"Accept: application/json;charset=latin1"}, 406, shards.BadRequest, "", false},
		{"long address", get, "/?query={hello}&x=" + strings.Repeat(secret, 400), "", nil, 414, shards.BadRequest, "", false},
		{"no content type", post, "/", ok, []string{"-Content-Type"}, 415, shards.BadRequest, "Accept-Post: application/json", false},
		{"a form", post, "/", "query={hello}", []string{"Content-Type: application/x-www-form-urlencoded"}, 415, shards.BadRequest, "", false},
		{"plain text", post, "/", ok, []string{"Content-Type: text/plain"}, 415, shards.BadRequest, "", false},
		{"a document only", post, "/", "{hello}", []string{"Content-Type: application/graphql"}, 415, shards.BadRequest, "", false},
		{"latin1", post, "/", ok, []string{"Content-Type: application/json; charset=iso-8859-1"}, 415, shards.BadRequest, "", false},
		{"malformed type", post, "/", ok, []string{"Content-Type: application/json; " + secret}, 415, shards.BadRequest, "", false},
		{"two types", post, "/", ok, []string{jsonBody, jsonBody}, 415, shards.BadRequest, "", false},
		{"compressed", post, "/", ok, []string{"Content-Encoding: gzip"}, 415, shards.BadRequest, "", false},
		{"large", post, "/", `{"query":"` + strings.Repeat(secret, 1000) + `"}`, nil, 413, shards.BadRequest, "Connection: close", false},
		{"no credential", post, "/", ok, []string{"-Authorization"}, 401, shards.Unauthenticated, `WWW-Authenticate: Bearer realm="gatehouse"`, false},
		{"bad credential", post, "/", ok, []string{"Authorization: Bearer " + secret}, 401, shards.Unauthenticated, `WWW-Authenticate: Bearer realm="gatehouse", error="invalid_token"`, false},
		{"no body", post, "/", "", nil, 400, shards.BadRequest, "", true},
		{"not JSON", post, "/", secret, nil, 400, shards.BadRequest, "", true},
		{"half JSON", post, "/", `{"query":"{hello}" "` + secret, nil, 400, shards.BadRequest, "", true},
		{"a batch", post, "/", "[" + ok + "]", nil, 400, shards.BadRequest, "", true},
		{"null", post, "/", "null", nil, 400, shards.BadRequest, "", true},
		{"a second object", post, "/", ok + ok, nil, 400, shards.BadRequest, "", true},
		{"garbage behind", post, "/", ok + secret, nil, 400, shards.BadRequest, "", true},
		{"query twice", post, "/", `{"query":"{hello}","query":"{head}"}`, nil, 400, shards.BadRequest, "", true},
		{"query twice, once escaped", post, "/", `{"query":"{hello}","qu\u0065ry":"{head}"}`, nil, 400, shards.BadRequest, "", true},
		{"unknown member twice", post, "/", `{"query":"{hello}","x":1,"x":2}`, nil, 400, shards.BadRequest, "", true},
		{"another case", post, "/", `{"query":"{hello}","Query":"{head}"}`, nil, 400, shards.BadRequest, "", true},
		{"another case, beyond ASCII", post, "/", `{"query":"{hello}","variable\u017f":{}}`, nil, 400, shards.BadRequest, "", true},
		{"query missing", post, "/", `{"` + secret + `":1}`, nil, 400, shards.BadRequest, "", true},
		{"query null", post, "/", `{"query":null}`, nil, 400, shards.BadRequest, "", true},
		{"query a number", post, "/", `{"query":1}`, nil, 400, shards.BadRequest, "", true},
		{"operationName a number", post, "/", `{"query":"{hello}","operationName":1}`, nil, 400, shards.BadRequest, "", true},
		{"operationName not a name", post, "/", `{"query":"{hello}","operationName":"` + secret + `"}`, nil, 400, shards.BadRequest, "", true},
		{"variables a list", post, "/", `{"query":"{hello}","variables":["` + secret + `"]}`, nil, 400, shards.BadRequest, "", true},
		{"extensions a text", post, "/", `{"query":"{hello}","extensions":"` + secret + `"}`, nil, 400, shards.BadRequest, "", true},
		{"latin1 inside", post, "/", "{\"query\":\"{hello}\",\"x\":\"\xe9\"}", nil, 400, shards.BadRequest, "", true},
		{"half a surrogate pair", post, "/", `{"query":"{hello}","x":"\ud83d"}`, nil, 400, shards.BadRequest, "", true},
		{"the other half", post, "/", `{"query":"{hello}","x":"\udc00\ud83d"}`, nil, 400, shards.BadRequest, "", true},
		{"byte order mark", post, "/", "\ufeff" + ok, nil, 400, shards.BadRequest, "", true},
		{"nested", post, "/", `{"query":"{hello}","variables":{"x":` + deep + `}}`, nil, 400, shards.BadRequest, "", true},
		{"GET without query", get, "/", "", nil, 400, shards.BadRequest, "", true},
		{"GET with two", get, "/?query={hello}&query={head}", "", nil, 400, shards.BadRequest, "", true},
		{"GET in another case", get, "/?QUERY={hello}", "", nil, 400, shards.BadRequest, "", true},
		{"GET with a broken escape", get, "/?query={hello}&x=%25&y=%zz", "", nil, 400, shards.BadRequest, "", true},
		{"GET with a semicolon", get, "/?query={hello};x=1", "", nil, 400, shards.BadRequest, "", true},
		{"GET in latin1", get, "/?query=%7Bhello%7D&variables=%E9", "", nil, 400, shards.BadRequest, "", true},
		{"GET query in latin1", get, "/?query=%7Bhello%E9%7D", "", nil, 400, shards.BadRequest, "", true},
		{"GET with bad variables", get, "/?query={hello}&variables=" + secret, "", nil, 400, shards.BadRequest, "", true},
		{"GET with a list", get, "/?query={hello}&variables=[]", "", nil, 400, shards.BadRequest, "", true},
		{"GET with more", get, "/?query={hello}&extensions={}{}", "", nil, 400, shards.BadRequest, "", true},
		{"GET nested", get, "/?query={hello}&variables=" + deep, "", nil, 400, shards.BadRequest, "", true},
		{"mutation by GET", get, "/?query=mutation{write}", "", nil, 405, shards.BadRequest, "Allow: POST", true},
		{"subscription", post, "/", `{"query":"subscription{tick}"}`, nil, 400, shards.BadRequest, "", true},
		{"subscription by GET", get, "/?query=subscription{tick}", "", nil, 400, shards.BadRequest, "", true},
		{"bookmark of nobody", post, "/", ok, []string{"Bookmark: " + secret}, 400, shards.BookmarkInvalid, "", true},
		{"empty bookmark", post, "/", ok, []string{"Bookmark:"}, 400, shards.BookmarkInvalid, "", true},
		{"another account's bookmark", post, "/", ok, []string{"Bookmark: " + s.keys.Bookmark("b", shards.Position{Epoch: 1})}, 400, shards.BookmarkInvalid, "", true},
		{"two bookmarks", post, "/", ok, []string{"Bookmark: x", "Bookmark: x"}, 400, shards.BadRequest, "", true},
		{"bookmarks that differ", post, "/", `{"query":"{hello}","extensions":{"bookmark":"` + secret + `"}}`, []string{"Bookmark: x"}, 400, shards.BadRequest, "", true},
		{"bookmark a number", post, "/", `{"query":"{hello}","extensions":{"bookmark":1}}`, nil, 400, shards.BadRequest, "", true},
		{"bookmark invalid by GET", get, "/?query={hello}&extensions={%22bookmark%22:%22" + secret + "%22}", "", nil, 400, shards.BookmarkInvalid, "", true},
		{"consistency", post, "/", ok, []string{"Consistency: " + secret}, 400, shards.BadRequest, "", true},
		{"consistency differs", post, "/", `{"query":"{hello}","extensions":{"consistency":"strong"}}`, []string{"Consistency: bookmark"}, 400, shards.BadRequest, "", true},
		{"empty idempotency key", post, "/", ok, []string{"Idempotency-Key:"}, 400, shards.BadRequest, "", true},
		{"long idempotency key", post, "/", ok, []string{"Idempotency-Key: " + strings.Repeat("k", 201)}, 400, shards.BadRequest, "", true},
		{"idempotency key with a blank", post, "/", ok, []string{"Idempotency-Key: a " + secret}, 400, shards.BadRequest, "", true},
		{"idempotency key beyond ASCII", post, "/", `{"query":"{hello}","extensions":{"idempotencyKey":"é"}}`, nil, 400, shards.BadRequest, "", true},
		{"no time", post, "/", ok, []string{"Request-Timeout: 0"}, 400, shards.BadRequest, "", false},
		{"no number", post, "/", ok, []string{"Request-Timeout: " + secret}, 400, shards.BadRequest, "", false},
		{"two times", post, "/", ok, []string{"Request-Timeout: 1", "Request-Timeout: 2"}, 400, shards.BadRequest, "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := s.send(c.method, c.path, c.body, c.headers...)
			if a.status != c.status || a.code() != string(c.code) || len(a.body.Errors) != 1 {
				t.Errorf("got %d %s, want %d %s", a.status, a.text, c.status, c.code)
			}
			if strings.Contains(a.text, `"data"`) || len(a.text) >= 1<<10 || strings.Contains(a.text+fmt.Sprint(a.header), secret) {
				t.Errorf("with data, too long or an echo: %s %v", a.text, a.header)
			}
			if name, value, given := strings.Cut(c.header, ": "); given && a.header.Get(name) != value {
				t.Errorf("%s: got %q, want %q", name, a.header.Get(name), value)
			}
			wantCommonHeaders(t, a)
			got := a.header.Get("Bookmark")
			if (got != "") != c.known || got != a.body.Extensions.Bookmark {
				t.Errorf("bookmarks %q and %q; account known: %t", got, a.body.Extensions.Bookmark, c.known)
			}
		})
	}
	if strings.Contains(s.log.String(), secret) {
		t.Errorf("the log has the secret (invariant 4):\n%s", s.log)
	}
}

func wantCommonHeaders(t *testing.T, a answer) {
	t.Helper()
	for name, want := range map[string]string{
		"Cache-Control": "private, no-store", "Vary": "Accept, Accept-Encoding, Authorization", "X-Content-Type-Options": "nosniff",
	} {
		if got := a.header.Get(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	if a.header.Get("X-Request-Id") == "" || !strings.HasSuffix(a.header.Get("Content-Type"), "json; charset=utf-8") {
		t.Errorf("headers: %v", a.header)
	}
}

// What admission says becomes the status, in whatever type the client wants.
func TestRefusedAdmission(t *testing.T) {
	t.Parallel()
	inner := errors.New(secret)
	for _, c := range []struct {
		err        error
		status     int
		code       shards.Code
		retryAfter string
	}{
		{&shards.Error{Code: shards.Unauthenticated, Message: "m", Err: inner}, 401, shards.Unauthenticated, ""},
		{&shards.Error{Code: shards.Forbidden, Message: "m"}, 403, shards.Forbidden, ""},
		{&shards.Error{Code: shards.AccountSuspended, Message: "m"}, 403, shards.AccountSuspended, ""},
		{&shards.Error{Code: shards.Misdirected, Message: "m"}, 421, shards.Misdirected, ""},
		{&shards.Error{Code: shards.Unavailable, Message: "m", Err: inner}, 503, shards.Unavailable, "1"},
		{&shards.Error{Code: shards.Unavailable, Message: "m", RetryAfter: 2100 * time.Millisecond}, 503, shards.Unavailable, "3"},
		{fmt.Errorf("lookup: %w", &shards.Error{Code: shards.Misdirected, Message: "m"}), 421, shards.Misdirected, ""},
		{context.DeadlineExceeded, 503, shards.Unavailable, "1"},
		{inner, 500, shards.Internal, ""},
	} {
		s := newServer(t, admission(func(context.Context) error { return c.err }))
		for _, accept := range []string{oldType, newType} {
			a := s.query("{hello}", accept)
			if a.status != c.status || a.code() != string(c.code) || a.header.Get("Retry-After") != c.retryAfter ||
				"Accept: "+strings.TrimSuffix(a.header.Get("Content-Type"), "; charset=utf-8") != accept {
				t.Errorf("%v: got %d %s %v", c.err, a.status, a.text, a.header)
			}
			if strings.Contains(a.text, secret) || a.header.Get("Bookmark") != "" {
				t.Errorf("%v: tells too much: %s", c.err, a.text)
			}
			if wait := fmt.Sprint(a.body.Errors[0].Extensions.RetryAfter); c.retryAfter != "" && wait != c.retryAfter {
				t.Errorf("retryAfter %s", wait)
			}
		}
		if lines := s.log.lines(t); strings.Contains(c.err.Error(), secret) && !strings.Contains(fmt.Sprint(lines[0]["error"]), secret) {
			t.Errorf("the cause is not in the log: %v", lines)
		}
	}
}

// The draft: a well-formed request is 200 in application/json, whatever is wrong
// with its document.
func TestDocumentErrorsFollowTheMediaType(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil)
	for _, body := range []string{
		`{"query":"{"}`, `{"query":" "}`, `{"query":"{nothing}"}`, `{"query":"query a{hello} query b{hello}"}`,
		`{"query":"query a{hello}","operationName":"b"}`, `{"query":"fragment f on Query{hello}"}`,
		`{"query":"query($n:Float!){echo(n:$n)}"}`, `{"query":"query($n:Float!){echo(n:$n)}","variables":{"n":"x"}}`,
		`{"query":"{` + strings.Repeat("x", 100_000) + `}"}`,
		`{"query":"{` + strings.Repeat("x ", 1000) + `}"}`,
	} {
		for accept, status := range map[string]int{oldType: 200, newType: 400} {
			a := s.send(http.MethodPost, "/", body, accept)
			if a.status != status || len(a.body.Errors) == 0 || strings.Contains(a.text, `"data"`) || len(a.text) > 20<<10 {
				t.Errorf("%.40s: got %d %.200s", body, a.status, a.text)
			}
			if a.header.Get("Bookmark") == "" || a.header.Get("Bookmark") != a.body.Extensions.Bookmark {
				t.Errorf("%.40s: no bookmark: %.200s", body, a.text)
			}
		}
	}
}
