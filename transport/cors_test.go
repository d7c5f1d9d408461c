package transport_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"gatehouse/transport"
)

func TestCORSOrigins(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		origins     string
		credentials bool
		ok          bool
	}{
		{"", false, true}, {"", true, true}, {"*", false, true}, {"*", true, false}, {"* https://a.example", false, false},
		{"https://a.example", true, true}, {"https://a.example http://localhost:5173 http://[::1]:80801", false, false},
		{"https://a.example http://localhost:5173 http://[::1]:8080", false, true},
		{"a.example", false, false}, {"null", false, false}, {"https://", false, false}, {"https://a.example/", false, false},
		{"https://a.example/x", false, false}, {"https://*.example", false, false}, {"https://A.example", false, false},
		{"https://a.example:443", false, false}, {"http://a.example:80", false, false}, {"https://a.example:", false, false},
		{"https://me@a.example", false, false}, {"ftp://a.example", false, false}, {"https://é.example", false, false},
		{"https://a.example?x", false, false}, {"https://a.example#x", false, false},
	} {
		if _, err := transport.CORS(strings.Fields(c.origins), c.credentials); (err == nil) != c.ok {
			t.Errorf("%q with credentials %t: %v", c.origins, c.credentials, err)
		}
	}
	if _, err := transport.CORS([]string{""}, false); err == nil {
		t.Error("an empty origin was accepted")
	}
}

func TestCORSOfTheEndpoint(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil)
	endpoint := s.Config.Handler
	serve := func(origins ...string) {
		t.Helper()
		wrap, err := transport.CORS(origins, len(origins) > 0 && origins[0] != "*")
		if err != nil {
			t.Fatal(err)
		}
		wrapped := httptest.NewServer(wrap(endpoint))
		t.Cleanup(wrapped.Close)
		s.Server = wrapped
	}
	const (
		allowOrigin = "Access-Control-Allow-Origin"
		wanted      = "authorization,bookmark,consistency,content-type,idempotency-key,if-none-match,request-timeout,x-request-id"
	)
	preflight := func(origin, method, headers string) answer {
		return s.send(http.MethodOptions, "/", "", "-Authorization", "Origin: "+origin,
			"Access-Control-Request-Method: "+method, "Access-Control-Request-Headers: "+headers)
	}

	serve("https://app.example")
	a := preflight("https://app.example", "POST", wanted)
	if a.status != 204 || a.header.Get(allowOrigin) != "https://app.example" || a.header.Get("Access-Control-Allow-Headers") != wanted ||
		a.header.Get("Access-Control-Allow-Credentials") != "true" || a.header.Get("Access-Control-Max-Age") != "600" {
		t.Errorf("got %d %v", a.status, a.header)
	}
	for _, refused := range []answer{
		preflight("https://evil.example", "POST", wanted), preflight("https://app.example", "DELETE", ""),
		preflight("https://app.example", "POST", "x-unknown"), preflight("null", "POST", wanted),
	} {
		if refused.header.Get(allowOrigin) != "" {
			t.Errorf("got %v", refused.header)
		}
	}
	a = s.query("{hello}", "Origin: https://app.example")
	if a.status != 200 || a.header.Get(allowOrigin) != "https://app.example" || a.header.Get("Access-Control-Expose-Headers") != "Bookmark, Cache-Status, Etag, X-Request-Id, Retry-After" ||
		strings.Join(a.header.Values("Vary"), ", ") != "Origin, Accept, Accept-Encoding, Authorization" {
		t.Errorf("got %d %v", a.status, a.header)
	}
	// A page must be able to read why it was refused.
	if a := s.query("{boom}", "Origin: https://app.example"); a.status != 500 || a.header.Get(allowOrigin) == "" {
		t.Errorf("got %d %v", a.status, a.header)
	}

	serve("*")
	if a := s.query("{hello}", "Origin: https://any.example"); a.header.Get(allowOrigin) != "*" || a.header.Get("Access-Control-Allow-Credentials") != "" {
		t.Errorf("got %v", a.header)
	}
	serve()
	if a := s.query("{hello}", "Origin: https://any.example"); a.status != 200 || a.header.Get(allowOrigin) != "" {
		t.Errorf("got %v", a.header)
	}
}
