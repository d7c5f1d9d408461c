package transport_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"gatehouse/transport"
)

func TestSchemaText(t *testing.T) {
	t.Parallel()
	s := &server{t: t, Server: httptest.NewServer(transport.Schema(stubSDL))}
	t.Cleanup(s.Close)
	a := s.send(http.MethodGet, "/schema.graphql", "")
	etag := a.header.Get("ETag")
	if a.status != 200 || a.text != stubSDL || etag == "" || a.header.Get("Content-Type") != "text/plain; charset=utf-8" {
		t.Errorf("got %d %v", a.status, a.header)
	}
	if a := s.send(http.MethodGet, "/", "", "If-None-Match: "+etag); a.status != 304 || a.text != "" {
		t.Errorf("kept: got %d %q", a.status, a.text)
	}
	if a := s.send(http.MethodGet, "/", "", `If-None-Match: "other"`); a.status != 200 {
		t.Errorf("outdated: got %d", a.status)
	}
	if a := s.send(http.MethodHead, "/", ""); a.status != 200 || a.text != "" || a.header.Get("ETag") != etag {
		t.Errorf("HEAD: got %d %v", a.status, a.header)
	}
	if a := s.send(http.MethodPost, "/", ""); a.status != 405 || a.header.Get("Allow") != "GET, HEAD" || a.code() != "BAD_REQUEST" {
		t.Errorf("POST: got %d %v", a.status, a.header)
	}
	other := httptest.NewRecorder()
	transport.Schema("type Query { other: Int }").ServeHTTP(other, httptest.NewRequest(http.MethodGet, "/", nil))
	if other.Header().Get("ETag") == etag {
		t.Error("two schemas with one ETag")
	}
}
