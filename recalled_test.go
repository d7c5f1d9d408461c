package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"gatehouse/shards"
	"gatehouse/shards/pgtest"
	"gatehouse/tenancy"
	"gatehouse/transport"
)

// recalling is a gateway with a read cache that is asked one thing after the other.
type recalling struct {
	t    *testing.T
	o    *office
	keys *shards.Keyring

	gateway http.Handler
	key     string // of acme
	log     bytes.Buffer
	served  transport.Served
}

func newRecalling(t *testing.T, limits limitsConfig) *recalling {
	t.Helper()
	if pgtest.Wanted() {
		t.Skip("there is no answer without a read on PostgreSQL")
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	data := newFolder(t)
	x := &recalling{t: t, key: createKey(t, data, "acme", "--scope", "*:read", "--scope", "*:write")}
	at, err := claim(data)
	must(err)
	x.keys, err = shards.NewKeyring([]byte(testSecret))
	must(err)
	x.o, err = openOffice(t.Context(), at, officeOptions{Keys: x.keys})
	must(err)
	t.Cleanup(func() { must(x.o.close()) })
	auth, err := tenancy.NewAuthenticator(x.o.directory, nil, []string{"UK"})
	must(err)
	g, err := newGateway(x.o, settings{
		Auth: auth, Keys: x.keys, Cache: 1 << 20, Limits: limits, Log: slog.New(slog.NewJSONHandler(&x.log, nil)),
		Served: func(s transport.Served) { x.served = s },
	})
	must(err)
	t.Cleanup(func() { must(g.stop(context.Background())) })
	x.gateway = g
	return x
}

// recalled is a response, and what else is seen of a request.
type recalled struct {
	status     int
	cache      string
	header     http.Header // but for what differs each time
	body, told string
}

// send sends a GET where the body is empty, and else a POST.
func (x *recalling) send(query, body string, headers ...string) recalled {
	x.t.Helper()
	method := http.MethodPost
	if body == "" {
		method = http.MethodGet
	}
	r := httptest.NewRequest(method, "/graphql"+query, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+x.key)
	r.Header.Set("Content-Type", "application/json")
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Add(name, value)
	}
	x.log.Reset()
	w := httptest.NewRecorder()
	x.gateway.ServeHTTP(w, r)
	out := recalled{status: w.Code, header: w.Result().Header, body: w.Body.String()}
	out.cache = strings.TrimPrefix(out.header.Get("Cache-Status"), "gatehouse; ")
	out.header.Del("X-Request-Id")
	var line map[string]any
	if err := json.Unmarshal(x.log.Bytes(), &line); err != nil {
		x.t.Fatal(err)
	}
	for _, name := range []string{"time", "duration", "request"} {
		delete(line, name)
	}
	x.served.Took = 0
	out.told = fmt.Sprint(line, x.served)
	return out
}

// query sends a body, and wants an answer that the cache had, or not.
func (x *recalling) query(body, cache string) recalled {
	x.t.Helper()
	got := x.send("", body)
	if got.status != http.StatusOK || got.cache != cache {
		x.t.Errorf("%s: got %d, %q: %s; want %q", body, got.status, got.cache, got.body, cache)
	}
	return got
}

const (
	asked = `{"query":"query Names($n: Int) { clients(first: $n) { nodes { name } } }","variables":{"n":3}}`
	// reworded asks the same.
	reworded = ` {"variables":{"n":3},"query":"query Names($n: Int) { clients(first: $n) { nodes { name } } }"}`
	aWrite   = `{"query":"mutation { createClient(input: {name: \"C\"}) { errors { code } } }"}`
)

// leftIn finds what differs with the time.
var leftIn = regexp.MustCompile(`"remaining":\d+`)

// TestWhatIsRecalledLooksLikeAnyHit: where an answer is found by the text of its
// request, nobody can see that the text was not read.
func TestWhatIsRecalledLooksLikeAnyHit(t *testing.T) {
	t.Parallel()
	x := newRecalling(t, limitsConfig{})
	x.send("", aWrite)
	ahead := "Bookmark: " + x.keys.Bookmark("account_acme", shards.Position{Epoch: 1, Seq: 99})
	x.query(asked, "fwd=miss")
	for _, headers := range [][]string{
		nil, {"Consistency: strong"}, {"Consistency: weak"}, {"Bookmark: nonsense"}, {ahead}, {"Bookmark: a", "Bookmark: b"},
		{"Idempotency-Key: "}, {"Accept: application/graphql-response+json"}, {"Accept: text/event-stream"}, {"Accept: multipart/mixed;deferSpec=20220824, application/json"},
		{"Accept: text/plain"}, {"Accept-Encoding: gzip"}, {"Request-Timeout: 0"}, {"Content-Type: text/plain"},
	} {
		var got [2]string
		for i, body := range []string{asked, reworded} {
			got[i] = leftIn.ReplaceAllString(fmt.Sprintf("%+v", x.send("", body, headers...)), "")
		}
		if got[0] != got[1] {
			t.Errorf("%s: got\n%s, and when it is read\n%s", headers, got[0], got[1])
		}
		if headers == nil && (!strings.Contains(got[0], `"requested":`) || !strings.Contains(got[0], "kind:query") || !strings.Contains(got[0], "operation:Names")) {
			t.Errorf("got %s", got[0])
		}
	}
	x.send("", aWrite)
	x.query(asked, "fwd=miss")
	x.query(asked, "hit")
}

// TestWhatFollowsFromMoreThanTheTextIsNotRecalled: who may ask, how, and for how much.
func TestWhatFollowsFromMoreThanTheTextIsNotRecalled(t *testing.T) {
	t.Parallel()
	x := newRecalling(t, limitsConfig{Points: 1, Burst: 200})
	const bare = `{"query":"{clients{nodes{name}}}"}`
	x.query(bare, "fwd=miss")
	if got := x.send("?"+bare, ""); got.status != http.StatusBadRequest {
		t.Errorf("a body as the query string: got %+v", got)
	}
	address := "?query=" + url.QueryEscape("{clients{nodes{name}}}")
	tag := x.send(address, "").header.Get("Etag")
	if got := x.send(address, "", "If-None-Match: "+tag); tag == "" || got.status != http.StatusNotModified {
		t.Errorf("by GET: got %+v", got)
	}
	const deferred = `{"query":"{ clients { nodes { name } ... @defer { totalCount } } }"}`
	x.query(deferred, "fwd=miss")
	x.query(deferred, "hit")
	if got := x.send("", deferred, "Accept: multipart/mixed;deferSpec=20220824, application/json"); !strings.HasPrefix(got.header.Get("Content-Type"), "multipart/") {
		t.Errorf("an answer in parts: got %+v", got)
	}
	limit := func(to string) {
		t.Helper()
		if _, err := x.o.directory.SetLimits(t.Context(), "acme", map[string]string{"trustedOnly": to}); err != nil {
			t.Fatal(err)
		}
	}
	limit("true")
	if got := x.send("", bare); got.status != http.StatusForbidden {
		t.Errorf("a document that is not registered: got %+v", got)
	}
	limit(tenancy.DefaultLimit)
	for range 200 {
		if x.send("", bare).status == http.StatusTooManyRequests {
			break
		}
	}
	if got := x.send("", bare); got.status != http.StatusTooManyRequests || got.cache != "" {
		t.Errorf("beyond the budget: got %+v", got)
	}
}
