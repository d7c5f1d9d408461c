package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// canary is in raw requests where no answer may repeat it.
const canary = "c4n4ry"

// hostileRaw is a hostile request of HTTP.
type hostileRaw struct {
	name, method, query, body string
	// headers are "Name: value"; "-Name" takes one away.
	headers []string
	status  int
	code    string
}

func (h hostileRaw) request(t *testing.T, w *hostileWorld) *http.Request {
	t.Helper()
	method := h.method
	if method == "" {
		method = http.MethodPost
	}
	r, err := http.NewRequestWithContext(t.Context(), method, w.url+h.query, strings.NewReader(h.body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+w.key)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/graphql-response+json")
	for _, header := range h.headers {
		name, value, _ := strings.Cut(header, ": ")
		if after, gone := strings.CutPrefix(name, "-"); gone {
			r.Header.Del(after)
		} else {
			r.Header.Set(name, value)
		}
	}
	return r
}

func hostileHTTP() []hostileRaw {
	hello := `{"query":"{ __typename }"}`
	return []hostileRaw{
		{name: "no JSON", body: canary, status: 400, code: bad},
		{name: "half of it", body: `{"query":"{ ` + canary, status: 400, code: bad},
		{name: "nothing", body: "", status: 400, code: bad},
		{name: "a list of requests", body: "[" + hello + "," + hello + "]", status: 400, code: bad},
		{name: "two requests", body: hello + hello, status: 400, code: bad},
		{name: "a member twice", body: `{"query":"{ __typename }","query":"{ ` + canary + ` }"}`, status: 400, code: bad},
		{name: "a member in capitals", body: `{"QUERY":"{ ` + canary + ` }"}`, status: 400, code: bad},
		{name: "an escaped member twice", body: `{"query":"{ __typename }","quer\u0079":"{ ` + canary + ` }"}`, status: 400, code: bad},
		{name: "a number for a document", body: `{"query":1}`, status: 400, code: bad},
		{name: "a list for variables", body: `{"query":"{ __typename }","variables":["` + canary + `"]}`, status: 400, code: bad},
		{name: "a text for extensions", body: `{"query":"{ __typename }","extensions":"` + canary + `"}`, status: 400, code: bad},
		{name: "half a character", body: `{"query":"{ __typename }","variables":{"a":"\ud800"}}`, status: 400, code: bad},
		{name: "no UTF-8", body: "{\"query\":\"{ __typename \xff }\"}", status: 400, code: bad},
		{name: "nested 70 deep", body: `{"query":"{ __typename }","variables":{"a":` + nested("[", "1", "]", 70) + `}}`, status: 400, code: bad},
		{name: "nested 1,000,000 deep", body: nested(`{"a":`, "1", "}", 500_000), status: 400, code: bad},
		{name: "200,000 members", body: `{` + each(200_000, func(i int) string { return fmt.Sprintf(`"a%d":1,`, i) }) + `"query":"{ ` + canary + ` }"}`, status: 400, code: bad},
		{name: "5 MiB", body: `{"query":"` + rep(canary+" ", 5<<20/7) + `"}`, status: 413, code: bad},
		{name: "an operation's name of 1 MB", body: `{"query":"{ __typename }","operationName":"` + rep(canary, 150_000) + `"}`, status: 400, code: bad},
		{name: "no operation's name", body: `{"query":"{ __typename }","operationName":"a-` + canary + `"}`, status: 400, code: bad},
		{name: "a hash of another version", body: `{"extensions":{"persistedQuery":{"version":2,"sha256Hash":"` + rep("a", 64) + `"}}}`, status: 400, code: bad},
		{name: "a hash of another document", body: `{"query":"{ __typename }","extensions":{"persistedQuery":{"version":1,"sha256Hash":"` + rep("a", 64) + `"}}}`, status: 400, code: bad},
		{name: "a hash that nobody knows", body: `{"extensions":{"persistedQuery":{"version":1,"sha256Hash":"` + rep("a", 64) + `"}}}`, status: 400, code: "PERSISTED_QUERY_NOT_FOUND"},
		{name: "a path for a hash", body: `{"documentId":"../../` + canary + `"}`, status: 400, code: "PERSISTED_QUERY_NOT_FOUND"},
		{name: "text", body: hello, headers: []string{"Content-Type: text/plain"}, status: 415, code: bad},
		{name: "a form", body: "query=" + canary, headers: []string{"Content-Type: application/x-www-form-urlencoded"}, status: 415, code: bad},
		{name: "a form of parts", body: canary, headers: []string{"Content-Type: multipart/form-data; boundary=x"}, status: 415, code: bad},
		{name: "no type", body: hello, headers: []string{"-Content-Type"}, status: 415, code: bad},
		{name: "another charset", body: hello, headers: []string{"Content-Type: application/json; charset=utf-16"}, status: 415, code: bad},
		{name: "a bomb", body: hello, headers: []string{"Content-Encoding: gzip"}, status: 415, code: bad},
		{name: "a page", body: hello, headers: []string{"Accept: text/html"}, status: 406, code: bad},
		{name: "a write by GET", method: http.MethodGet, query: `?query=mutation{deleteGroup(id:"` + canary + `"){bookmark}}`, status: 405, code: bad},
		{name: "another method", method: http.MethodPut, body: hello, status: 405, code: bad},
		{name: "a parameter twice", method: http.MethodGet, query: `?query={__typename}&query={` + canary + `}`, status: 400, code: bad},
		{name: "variables that are no JSON", method: http.MethodGet, query: `?query={__typename}&variables={` + canary, status: 400, code: bad},
		{name: "nobody", body: hello, headers: []string{"-Authorization"}, status: 401, code: "UNAUTHENTICATED"},
		{name: "somebody's password", body: hello, headers: []string{"Authorization: Basic " + canary}, status: 401, code: "UNAUTHENTICATED"},
		{name: "a key that was made up", body: hello, headers: []string{"Authorization: Bearer gk_" + rep("a", 66)}, status: 401, code: "UNAUTHENTICATED"},
		{name: "a token without a signature", body: hello, headers: []string{"Authorization: Bearer eyJhbGciOiJub25lIn0.eyJhY2NvdW50IjoiYSJ9."}, status: 401, code: "UNAUTHENTICATED"},
		{name: "a bookmark that was made up", body: hello, headers: []string{"Bookmark: " + canary}, status: 400, code: "BOOKMARK_INVALID"},
		{name: "a bookmark of 50 KB", body: hello, headers: []string{"Bookmark: " + rep("A", 50_000)}, status: 400, code: "BOOKMARK_INVALID"},
		{name: "a key of 1,000 characters", body: hello, headers: []string{"Idempotency-Key: " + rep(canary, 200)}, status: 400, code: bad},
		{name: "a consistency that there is not", body: hello, headers: []string{"Consistency: " + canary}, status: 400, code: bad},
		{name: "a timeout below nothing", body: hello, headers: []string{"Request-Timeout: -5"}, status: 400, code: bad},
		{name: "a timeout beyond all", body: hello, headers: []string{"Request-Timeout: 99999999999999999999"}, status: 400, code: bad},
	}
}
