package graphiql_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"gatehouse/transport/graphiql"
)

var demo = graphiql.Config{
	Endpoint: "/graphql",
	Tokens: []graphiql.Token{
		{Account: "acme", Role: "admin", Token: "token-of-acme-admin"},
		{Account: "acme", Role: "member", Token: "token-of-acme-member"},
		{Account: "globex", Role: "viewer", Token: "token-of-globex-viewer"},
	},
	RecordID: "client_01h455vb4pex5vsknk084sn02r",
}

func TestPageAndItsFilesAreServed(t *testing.T) {
	t.Parallel()
	page := get(t, "GET", "/")
	if page.Code != 200 || page.Header().Get("Content-Type") != "text/html; charset=utf-8" || page.Header().Get("Cache-Control") != "no-cache" {
		t.Fatalf("page: %d %v", page.Code, page.Header())
	}
	addresses := regexp.MustCompile(`(?:src|href)="([^"]+)"`).FindAllStringSubmatch(page.Body.String(), -1)
	if len(addresses) != 3 {
		t.Fatalf("the page names %d files, want its script, style and icon", len(addresses))
	}
	for _, address := range addresses {
		if !strings.HasPrefix(address[1], "/graphiql/assets/") {
			t.Errorf("the page names %s, which is not ours", address[1])
		}
		asset := get(t, "GET", address[1])
		if asset.Code != 200 || asset.Header().Get("Cache-Control") != "public, max-age=31536000, immutable" {
			t.Errorf("%s: %d %v", address[1], asset.Code, asset.Header())
		}
	}
}

// Invariant 1. The workers' scripts need the policy as much as the page does.
func TestEveryResponseCarriesThePolicy(t *testing.T) {
	t.Parallel()
	script := regexp.MustCompile(`/graphiql/assets/main-\w+\.js`).FindString(get(t, "GET", "/").Body.String())
	worker := regexp.MustCompile(`/graphiql/assets/editor\.worker-\w+\.js`).FindString(get(t, "GET", script).Body.String())
	for _, path := range []string{"/", script, worker, "/graphiql/config.json", "/graphiql/licenses.txt", "/nowhere"} {
		header := get(t, "GET", path).Header()
		if policy := header.Get("Content-Security-Policy"); !strings.HasPrefix(policy, "default-src 'none'; script-src 'self'; ") {
			t.Errorf("%s: policy %q", path, policy)
		}
		if header.Get("X-Content-Type-Options") != "nosniff" || header.Get("Referrer-Policy") != "no-referrer" {
			t.Errorf("%s: %v", path, header)
		}
	}
}

// Invariant 2.
func TestAnythingElseIsNotFound(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/index.html", "/graphiql", "/graphiql/", "/graphiql/assets", "/graphiql/assets/", "/graphiql/assets/main.js", "/dist/index.html", "/graphql", "//", "/graphiql/assets/../config.json"} {
		if response := get(t, "GET", path); response.Code != 404 {
			t.Errorf("%s: %d, want 404", path, response.Code)
		}
	}
}

func TestOnlyGetAndHead(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"POST", "PUT", "DELETE", "OPTIONS"} {
		response := get(t, method, "/")
		if response.Code != 405 || response.Header().Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: %d %v", method, response.Code, response.Header())
		}
	}
	server := httptest.NewServer(graphiql.Handler(demo))
	t.Cleanup(server.Close)
	response, err := http.Head(server.URL + "/")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if body, _ := io.ReadAll(response.Body); response.StatusCode != 200 || response.ContentLength == 0 || len(body) != 0 {
		t.Errorf("HEAD: %d, length %d, body %q", response.StatusCode, response.ContentLength, body)
	}
}

func TestConfigIsServedAndNeverStored(t *testing.T) {
	t.Parallel()
	response := get(t, "GET", "/graphiql/config.json")
	want := `{"endpoint":"/graphql","tokens":[` +
		`{"account":"acme","role":"admin","token":"token-of-acme-admin"},` +
		`{"account":"acme","role":"member","token":"token-of-acme-member"},` +
		`{"account":"globex","role":"viewer","token":"token-of-globex-viewer"}],` +
		`"recordId":"client_01h455vb4pex5vsknk084sn02r"}`
	if got := response.Body.String(); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if header := response.Header(); header.Get("Cache-Control") != "no-store" || header.Get("Content-Type") != "application/json" {
		t.Errorf("headers %v", header)
	}

	recorder := httptest.NewRecorder()
	graphiql.Handler(graphiql.Config{}).ServeHTTP(recorder, httptest.NewRequest("GET", "/graphiql/config.json", nil))
	if got, want := recorder.Body.String(), `{"endpoint":"/graphql","tokens":[]}`; got != want {
		t.Errorf("empty config: got %s, want %s", got, want)
	}
}

func get(t *testing.T, method, path string) *httptest.ResponseRecorder {
	t.Helper()
	request := httptest.NewRequest(method, "/", nil)
	request.URL.Path = path
	recorder := httptest.NewRecorder()
	graphiql.Handler(demo).ServeHTTP(recorder, request)
	return recorder
}
