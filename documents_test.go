package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// put registers a manifest and returns the status and the answer.
func (s *server) put(t testing.TB, credential, manifest string) (int, string) {
	t.Helper()
	r, err := http.NewRequest(http.MethodPut, s.url+"/documents", strings.NewReader(manifest))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+credential)
	r.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

// name sends an operation by its document's id.
func (s *server) name(t testing.TB, credential, id string) string {
	t.Helper()
	body, _ := json.Marshal(map[string]string{"documentId": id})
	r, err := http.NewRequest(http.MethodPost, s.url+"/graphql", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+credential)
	r.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestTrustedDocumentsOfAManifest(t *testing.T) {
	t.Parallel()
	data := newFolder(t)
	const document = "query Clients { clients { totalCount } }"
	sum := sha256.Sum256([]byte(document))
	hash := hex.EncodeToString(sum[:])
	manifest := filepath.Join(t.TempDir(), "manifest.json")
	trust := func(text string) string {
		if err := os.WriteFile(manifest, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return configFor(t, data, "trustedDocuments: ['"+manifest+"']\n")
	}
	for text, want := range map[string]string{
		`{"1":"{ nope }"}`:   "the document 1 can't be executed: ",
		`{"1":"{ viewer {"}`: "the document 1 can't be executed: ",
		`{"1":7}`:            "it must be an object of documents by id",
		`[]`:                 "it must be a JSON object",
		`{"1":"` + strings.Repeat("{ a: viewer { actor { id } } } ", 1000) + `"}`: "the document 1 can't be executed: ",
	} {
		d := invoke(t, "serve", "--config", trust(text))
		wantFailure(t, d, want)
		if !strings.Contains(d.stderr, "manifest.json: ") {
			t.Errorf("%s: %s", text, d.stderr)
		}
	}
	wantFailure(t, invoke(t, "serve", "--config", configFor(t, data, "trustedDocuments: [nowhere.json]\n")), "trustedDocuments: ")

	s := start(t, nil, "serve", "--config", trust(`{"format":"apollo-persisted-query-manifest","version":1,"operations":[{"id":"`+hash+`","name":"Clients","type":"query","body":"`+document+`"}]}`))
	open, strict := makeKey(t, data), createKey(t, data, "acme", "--scope", "*:*", "--trusted-only")
	for _, key := range []string{open, strict} {
		if got := s.name(t, key, hash); !strings.Contains(got, `"totalCount":0`) {
			t.Errorf("got %s", got)
		}
	}
	if got := s.send(t, strict, "{ __typename }"); !strings.Contains(got, `"FORBIDDEN"`) {
		t.Errorf("got %s", got)
	}
	if got := s.send(t, open, "{ __typename }"); !strings.Contains(got, `"Query"`) {
		t.Errorf("got %s", got)
	}
	// The account may say so, too, and at once.
	ok(t, "accounts", "limit", "acme", "trustedOnly=true", "--data", data)
	if got := s.send(t, open, "{ __typename }"); !strings.Contains(got, `"FORBIDDEN"`) {
		t.Errorf("got %s", got)
	}
	ok(t, "accounts", "limit", "acme", "trustedOnly=default", "--data", data)
	if got := s.send(t, open, "{ __typename }"); !strings.Contains(got, `"Query"`) {
		t.Errorf("got %s", got)
	}
}

func TestDocumentsAreRegisteredWithAKey(t *testing.T) {
	t.Parallel()
	data := newFolder(t)
	s := startServe(t, data)
	ci, app := createKey(t, data, "acme", "--scope", "operations:register"), createKey(t, data, "acme", "--scope", "*:read", "--trusted-only")
	other := createKey(t, data, "globex", "--scope", "*:*", "--trusted-only")
	const manifest = `{"clients.1":"{ clients { totalCount } }","leads.1":"query L { leads { totalCount } }"}`
	if code, text := s.put(t, ci, manifest); code != 200 || text != `{"registered":2}` {
		t.Fatalf("got %d %s", code, text)
	}
	if code, text := s.put(t, ci, manifest); code != 200 {
		t.Errorf("again: got %d %s", code, text)
	}
	if got := s.name(t, app, "clients.1"); !strings.Contains(got, `"totalCount":0`) {
		t.Errorf("got %s", got)
	}
	// It is acme's alone, also by a name that spells its place out.
	for _, id := range []string{"clients.1", "account_acme/clients.1", "../account_acme/clients.1"} {
		if got := s.name(t, other, id); !strings.Contains(got, `"PERSISTED_QUERY_NOT_FOUND"`) {
			t.Errorf("%s of another account: %s", id, got)
		}
	}
	// A later gateway knows it, too.
	s.stop(t)
	s = startServe(t, data)
	if got := s.name(t, app, "leads.1"); !strings.Contains(got, `"totalCount":0`) {
		t.Errorf("got %s", got)
	}

	for name, test := range map[string]struct {
		key, manifest string
		code          int
		want          string
	}{
		"no scope":        {app, manifest, 403, "operations:register"},
		"no credential":   {"gk_", manifest, 401, "UNAUTHENTICATED"},
		"no manifest":     {ci, `[]`, 400, "can't be read"},
		"nothing":         {ci, `{}`, 400, "no document"},
		"not valid":       {ci, `{"good":"{ viewer { actor { id } } }","bad":"{ nope }"}`, 400, "can't be executed"},
		"another text":    {ci, `{"good":"{ viewer { actor { id } } }","clients.1":"{ leads { totalCount } }"}`, 400, "another document"},
		"control letters": {ci, "{\"x\":\"{ viewer { actor { id } } } # \\u0085\"}", 400, "control characters"},
		"too long":        {ci, `{"x":"{ viewer { actor { id } } } # ` + strings.Repeat("x", 70_000) + `"}`, 400, "at most 65536 bytes"},
	} {
		if code, text := s.put(t, test.key, test.manifest); code != test.code || !strings.Contains(text, test.want) || len(text) > 1024 {
			t.Errorf("%s: got %d %s", name, code, text)
		}
	}
	if got := s.name(t, app, "good"); !strings.Contains(got, `"PERSISTED_QUERY_NOT_FOUND"`) {
		t.Errorf("a part of what was refused is registered: %s", got)
	}
	if code, text := get(s.url + "/documents"); code != 405 {
		t.Errorf("got %d %s", code, text)
	}
}
