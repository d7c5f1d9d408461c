package transport_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"gatehouse/tenancy"
	"gatehouse/transport"
)

func sha(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// named is the body of a request that names a document by its hash, and sends it
// too where it is not "".
func named(t testing.TB, hash, document string) string {
	t.Helper()
	request := map[string]any{"extensions": map[string]any{"persistedQuery": map[string]any{"version": 1, "sha256Hash": hash}}}
	if document != "" {
		request["query"] = document
	}
	body, err := json.Marshal(request)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// What Apollo's client does: the hash alone, then both, then the hash alone.
func TestADocumentIsNamedOnceItWasSent(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil)
	const document = "{ hello }"
	hash := sha(document)
	post := func(body string, headers ...string) answer { return s.send(http.MethodPost, "/", body, headers...) }
	for mediaType, status := range map[string]int{"application/json": 200, "application/graphql-response+json": 400} {
		a := post(named(t, hash, ""), "Accept: "+mediaType)
		if a.status != status || a.code() != "PERSISTED_QUERY_NOT_FOUND" || a.body.Errors[0].Message != "PersistedQueryNotFound" || a.header.Get("Bookmark") == "" {
			t.Errorf("%s: got %d %s", mediaType, a.status, a.text)
		}
	}
	if a := post(named(t, hash, document)); a.body.Data["hello"] == nil {
		t.Fatalf("got %s", a.text)
	}
	extensions := url.QueryEscape(`{"persistedQuery":{"version":1,"sha256Hash":"` + hash + `"}}`)
	for name, a := range map[string]answer{
		"POST":       post(named(t, hash, "")),
		"GET":        s.send(http.MethodGet, "/?extensions="+extensions, ""),
		"documentId": post(`{"documentId":"sha256:` + hash + `"}`),
		"bare":       s.send(http.MethodGet, "/?documentId="+hash, ""),
	} {
		if a.status != 200 || a.body.Data["hello"] == nil {
			t.Errorf("%s: got %d %s", name, a.status, a.text)
		}
	}
	// It is the account's own.
	if a := post(named(t, hash, ""), "Authorization: Bearer b"); a.code() != "PERSISTED_QUERY_NOT_FOUND" {
		t.Errorf("another account: got %s", a.text)
	}
}

func TestWhatCantBeExecutedIsNotKept(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil)
	for _, document := range []string{"{ nope }", "{", "query($n: Float!) { echo(n: $n) }"} {
		s.send(http.MethodPost, "/", named(t, sha(document), document))
		if a := s.send(http.MethodPost, "/", named(t, sha(document), "")); a.code() != "PERSISTED_QUERY_NOT_FOUND" {
			t.Errorf("%s: got %s", document, a.text)
		}
	}
	// A mutation is kept, and yet not executed by GET.
	const document = "mutation { write }"
	s.send(http.MethodPost, "/", named(t, sha(document), document))
	if a := s.send(http.MethodGet, "/?documentId="+sha(document), ""); a.status != 405 {
		t.Errorf("got %d %s", a.status, a.text)
	}
}

func TestNamesThatAreRefused(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil)
	hash := sha("{ hello }")
	for body, want := range map[string]string{
		named(t, hash, "{ head }"):               "is not the hash",
		named(t, strings.ToUpper(hash), ""):      "lower-case hex",
		named(t, hash[:63], ""):                  "lower-case hex",
		named(t, "", ""):                         "lower-case hex",
		`{"extensions":{"persistedQuery":7}}`:    "version 1",
		`{"extensions":{"persistedQuery":null}}`: "query is missing",
		`{"extensions":{"persistedQuery":{"version":2,"sha256Hash":"` + hash + `"}}}`: "version 1",
		`{"documentId":7}`:  "visible ASCII",
		`{"documentId":""}`: "visible ASCII",
		`{"documentId":"` + strings.Repeat("x", 201) + `"}`:                                            "visible ASCII",
		`{"documentId":"x","query":"{hello}"}`:                                                         "not both",
		`{"documentId":"x","extensions":{"persistedQuery":{"version":1,"sha256Hash":"` + hash + `"}}}`: "name the document once",
		`{"extensions":{"persistedQuery":{"version":1,"sha256Hash":"` + hash + `"}},"documentId":"x"}`: "name the document once",
		`{"documentid":"x"}`:                  "write documentId exactly so",
		`{"documentId":"x","documentId":"x"}`: "twice",
	} {
		a := s.send(http.MethodPost, "/", body)
		if a.status != 400 || a.code() != "BAD_REQUEST" || !strings.Contains(a.text, want) || len(a.text) > 1024 {
			t.Errorf("%s: got %d %s", body, a.status, a.text)
		}
	}
	if a := s.send(http.MethodPost, "/", `{"documentId":"nobody"}`); a.code() != "PERSISTED_QUERY_NOT_FOUND" {
		t.Errorf("got %s", a.text)
	}
}

// One account's flood pushes out its own documents first, and nobody's memory
// grows without end.
func TestSentDocumentsAreBounded(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil)
	quiet := "{ hello }"
	s.send(http.MethodPost, "/", named(t, sha(quiet), quiet), "Authorization: Bearer b")
	filler := strings.Repeat("#", 100_000)
	first := ""
	for n := range 15 { // more than the MiB of an account
		document := fmt.Sprintf("{ hello } # %d %s", n, filler)
		if n == 0 {
			first = document
		}
		s.send(http.MethodPost, "/", named(t, sha(document), document))
	}
	if a := s.send(http.MethodPost, "/", named(t, sha(first), "")); a.code() != "PERSISTED_QUERY_NOT_FOUND" {
		t.Errorf("the first one is still kept: %s", a.text)
	}
	if a := s.send(http.MethodPost, "/", named(t, sha(quiet), ""), "Authorization: Bearer b"); a.body.Data["hello"] == nil {
		t.Errorf("another account's is gone: %s", a.text)
	}
}

func TestTrustedDocuments(t *testing.T) {
	t.Parallel()
	const trusted, other = "query A { hello }", "{ head }"
	s := newServer(t, func(c *transport.Config) {
		c.Documents = transport.NewDocuments(map[string]string{"A1": trusted, sha(trusted): trusted}, nil)
		c.Gate = trustedOnly{c.Gate}
	})
	post := func(account, body string) answer {
		return s.send(http.MethodPost, "/", body, "Authorization: Bearer "+account)
	}
	// b takes nothing else.
	for name, body := range map[string]string{
		"id": `{"documentId":"A1"}`, "hash": named(t, sha(trusted), ""), "both": named(t, sha(trusted), trusted),
	} {
		for _, account := range []string{"a", "b"} {
			if a := post(account, body); a.body.Data["hello"] == nil {
				t.Errorf("%s of %s: got %s", name, account, a.text)
			}
		}
	}
	post("a", named(t, sha(other), other))
	for name, body := range map[string]string{
		"a text": `{"query":"` + other + `"}`, "a text that is trusted": `{"query":"` + trusted + `"}`, "a text with its hash": named(t, sha(other), other),
	} {
		if a := post("b", body); a.status != 403 || a.code() != "FORBIDDEN" || len(a.text) > 1024 {
			t.Errorf("%s: got %d %s", name, a.status, a.text)
		}
		if a := post("a", body); a.status != 200 {
			t.Errorf("%s of a: got %s", name, a.text)
		}
	}
	if a := post("b", named(t, sha(other), "")); a.code() != "PERSISTED_QUERY_NOT_FOUND" {
		t.Errorf("a text that somebody has sent: %s", a.text)
	}
}

// trustedOnly is a gate at which b takes registered documents only.
type trustedOnly struct{ transport.Gate }

func (g trustedOnly) Admit(ctx context.Context, authorization, host string) (*tenancy.Caller, error) {
	caller, err := g.Gate.Admit(ctx, authorization, host)
	if err == nil {
		caller.KeyTrustedOnly = caller.Account.ID == "b"
	}
	return caller, err
}

// What is named is found, and what is not registered is refused, on every protocol.
func TestDocumentsAreNamedOnStreams(t *testing.T) {
	t.Parallel()
	const trusted = "subscription A { tick(to: 1) }"
	s := newServer(t, func(c *transport.Config) {
		c.Documents = transport.NewDocuments(map[string]string{"A1": trusted, "B1": "{ hello }"}, nil)
		c.Gate = trustedOnly{c.Gate}
	})
	c := s.dial()
	c.say(`{"type":"connection_init","payload":{"authorization":"Bearer b"}}`)
	c.want(`{"type":"connection_ack"}`)
	c.say(`{"id":"1","type":"subscribe","payload":{"documentId":"B1"}}`)
	if got := c.hear(); !strings.Contains(got, `"type":"next"`) || !strings.Contains(got, "hello") {
		t.Errorf("got %s", got)
	}
	c.want(`{"id":"1","type":"complete"}`)
	for payload, want := range map[string]string{
		`{"query":"{ hello }"}`: "FORBIDDEN", `{"documentId":"C1"}`: "PERSISTED_QUERY_NOT_FOUND", named(t, sha("{ head }"), "{ head }"): "FORBIDDEN",
	} {
		c.say(`{"id":"2","type":"subscribe","payload":` + payload + `}`)
		if got := c.hear(); !strings.Contains(got, `"type":"error"`) || !strings.Contains(got, want) {
			t.Errorf("%s: got %s", payload, got)
		}
	}

	const events = "Accept: text/event-stream"
	if got := s.send(http.MethodGet, "/?documentId=A1", "", events, "Authorization: Bearer b"); !strings.HasPrefix(got.header.Get("Content-Type"), "text/event-stream") {
		t.Errorf("got %d %v %s", got.status, got.header, got.text)
	}
	if got := s.send(http.MethodPost, "/", `{"query":"`+trusted+`"}`, events, "Authorization: Bearer b"); got.status != 403 || got.code() != "FORBIDDEN" {
		t.Errorf("got %d %s", got.status, got.text)
	}
}

func TestManifests(t *testing.T) {
	t.Parallel()
	const apollo = `{"format":"apollo-persisted-query-manifest","version":1,"operations":[
		{"id":"1","name":"A","type":"query","body":"query A { hello }"},{"id":"2","name":"B","type":"query","body":"query B { head }","more":1}]}`
	for _, text := range []string{apollo, `{"1":"query A { hello }","2":"query B { head }"}`} {
		got, err := transport.ReadManifest([]byte(text))
		if err != nil || len(got) != 2 || got["1"] != "query A { hello }" || got["2"] != "query B { head }" {
			t.Errorf("%s: got %v, %v", text, got, err)
		}
	}
	for text, want := range map[string]string{
		``: "JSON object", `[]`: "JSON object", `{"1":"a"`: "no JSON", `{"1":"a"}x`: "goes on", `{"1":"a","1":"a"}`: "twice", `{"1":7}`: "by id", `{"1":null}`: "by id",
		`{"":"a"}`: "visible ASCII", `{"a b":"a"}`: "visible ASCII", "{\"1\":\"\xff\"}": "UTF-8",
		strings.Replace(apollo, `:1,`, `:2,`, 1): "version", strings.Replace(apollo, `"id":"2"`, `"id":"1"`, 1): "two documents",
		`{"format":"apollo-persisted-query-manifest","version":1,"operations":7}`: "operations",
	} {
		if got, err := transport.ReadManifest([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, %v", text, got, err)
		}
	}
}

func FuzzManifest(f *testing.F) {
	f.Add([]byte(`{"format":"apollo-persisted-query-manifest","version":1,"operations":[{"id":"1","body":"{a}"}]}`))
	f.Add([]byte(`{"1":"{a}","2":"{b}"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		documents, err := transport.ReadManifest(text)
		if err != nil && len(documents) > 0 {
			t.Error("documents of a manifest that is refused")
		}
		// What is read is what an independent parser reads.
		again, _ := json.Marshal(documents)
		back, err2 := transport.ReadManifest(again)
		if err == nil && (err2 != nil || len(back) != len(documents)) && documents["format"] == "" {
			t.Errorf("%q: %v, then %v %v", text, documents, back, err2)
		}
	})
}
