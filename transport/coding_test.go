package transport_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"gatehouse/transport"
)

// decoded returns a response's body as it was before it was compressed.
func decoded(t testing.TB, coding, body string) string {
	t.Helper()
	var r io.Reader = strings.NewReader(body)
	var err error
	switch coding {
	case "gzip":
		r, err = gzip.NewReader(r)
	case "zstd":
		r, err = zstd.NewReader(r, zstd.WithDecoderConcurrency(1))
	}
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// raw makes a request whose response the client does not decode by itself.
func (s *server) raw(method, path, body string, headers ...string) (*http.Response, string) {
	s.t.Helper()
	r, err := http.NewRequest(method, s.URL+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer a")
	r.Header.Set("Content-Type", "application/json")
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Add(name, value)
	}
	response, err := (&http.Client{Transport: &http.Transport{DisableCompression: true, DisableKeepAlives: true}}).Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return response, string(text)
}

func TestResponsesAreCompressed(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil)
	long, short := `{"query":"{long(n:2000)}"}`, `{"query":"{hello}"}`
	_, plain := s.raw("POST", "/", long)
	for accept, want := range map[string]string{
		"": "", "identity": "", "br": "", "gzip": "gzip", "GZIP": "gzip", "zstd": "zstd", "*": "zstd",
		"gzip, deflate, br, zstd": "zstd", "gzip;q=1.0, zstd;q=0.5": "gzip", "gzip;q=0": "", "*;q=0": "",
		"zstd;q=0, *": "gzip", "identity, gzip;q=0.5": "", "identity;q=0.5, gzip;q=0.5": "gzip",
		"gzip;q=2": "", "gzip;q=NaN": "", ";;, ,gzip": "gzip", "identity;q=0": "",
	} {
		r, body := s.raw("POST", "/", long, "Accept-Encoding: "+accept)
		if got := r.Header.Get("Content-Encoding"); got != want || decoded(t, got, body) != plain {
			t.Errorf("%q: got %q, want %q: %d bytes", accept, got, want, len(body))
		}
		if r.ContentLength != int64(len(body)) || want != "" && len(body) > 500 {
			t.Errorf("%q: %d bytes, announced as %d", accept, len(body), r.ContentLength)
		}
		if r, _ := s.raw("POST", "/", short, "Accept-Encoding: "+accept); r.Header.Get("Content-Encoding") != "" {
			t.Errorf("%q: a short body is compressed", accept)
		}
	}
	if r, body := s.raw("POST", "/", `{"query":"{`+strings.Repeat("x", 2000)+`}"}`, "Accept-Encoding: gzip"); len(body) > 1024 || r.Header.Get("Content-Encoding") != "" {
		t.Errorf("a refusal: %v %s", r.Header, body)
	}
}

// Compressors are used again: none may mix what two requests get.
func TestCompressedResponsesBesideEachOther(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil)
	var all sync.WaitGroup
	for i := range 24 {
		all.Go(func() {
			coding, n := []string{"gzip", "zstd"}[i%2], 1500+i*700
			r, body := s.raw("POST", "/", fmt.Sprintf(`{"query":"{long(n:%d)}"}`, n), "Accept-Encoding: "+coding)
			want := strings.Repeat("0123456789abcdef", n/16+1)[:n]
			if text := decoded(t, r.Header.Get("Content-Encoding"), body); !strings.HasPrefix(text, `{"data":{"long":"`+want+`"}`) {
				t.Errorf("%s of %d: %.80s", coding, n, text)
			}
		})
	}
	all.Wait()
}

func TestSchemaIsCompressed(t *testing.T) {
	t.Parallel()
	sdl := strings.Repeat("type Query { hello: String! }\n", 100)
	s := &server{t: t, Server: httptest.NewServer(transport.Schema(sdl))}
	t.Cleanup(s.Close)
	tags := map[string]bool{}
	for _, coding := range []string{"", "gzip", "zstd"} {
		r, body := s.raw("GET", "/", "", "Accept-Encoding: "+coding)
		if r.Header.Get("Content-Encoding") != coding || decoded(t, coding, body) != sdl || r.Header.Get("Vary") != "Accept-Encoding" {
			t.Errorf("%q: %v", coding, r.Header)
		}
		tag := r.Header.Get("ETag")
		tags[tag] = true
		if r, _ := s.raw("GET", "/", "", "Accept-Encoding: "+coding, "If-None-Match: "+tag); r.StatusCode != 304 {
			t.Errorf("%q: %d", coding, r.StatusCode)
		}
	}
	if len(tags) != 3 {
		t.Errorf("codings share a strong tag: %v", tags)
	}
}
