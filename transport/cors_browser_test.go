package transport_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"gatehouse/transport"
)

// TestPagesOfOtherOriginsInABrowser: what a real browser lets pages of a listed
// and of an unlisted origin do, and what reaches the gateway.
func TestPagesOfOtherOriginsInABrowser(t *testing.T) {
	t.Parallel()
	ctx := openChromium(t)
	s := newServer(t, nil)
	page := func() *httptest.Server {
		p := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			fmt.Fprint(w, "<!doctype html><link rel=icon href=data:,><title>page</title>")
		}))
		t.Cleanup(p.Close)
		return p
	}
	listed, unlisted := page(), page()
	wrap, err := transport.CORS([]string{listed.URL}, false)
	if err != nil {
		t.Fatal(err)
	}
	var seen exchanges
	gateway := httptest.NewServer(seen.record(wrap(s.Config.Handler)))
	t.Cleanup(gateway.Close)

	fetch := func(options string) string {
		t.Helper()
		script := `window.got = ''; fetch('` + gateway.URL + `' + ` + options + `).then(
			(r) => { window.got = r.type + ' ' + r.status + ' ' + ['Bookmark', 'ETag', 'X-Request-Id'].filter((h) => r.headers.has(h)); }, () => { window.got = 'refused'; }); 0`
		if _, err := chromedp.Run(ctx, chromedp.Evaluate[any](script)); err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
			got, err := chromedp.Run(ctx, chromedp.Evaluate[string](`window.got`))
			if err != nil {
				t.Fatal(err)
			}
			if got != "" {
				return got
			}
		}
		t.Fatal("no answer in the browser")
		return ""
	}
	open := func(p *httptest.Server) {
		t.Helper()
		if err := chromedp.Do(ctx, chromedp.Navigate(p.URL)); err != nil {
			t.Fatal(err)
		}
	}
	const (
		post = `'/', { method: 'POST', body: '{"query":"mutation{write}"}', headers: { Authorization: 'Bearer a', 'Content-Type': 'application/json' } }`
		get  = `'/?query={head}', { headers: { Authorization: 'Bearer a' } }`
		// What needs no preflight: a form, or a fetch that looks like one.
		simple = `'/', { method: 'POST', mode: 'no-cors', body: '{"query":"mutation{write}"}', headers: { 'Content-Type': 'text/plain' } }`
	)
	for _, c := range []struct {
		from          *httptest.Server
		options, want string
		reached       []string
	}{
		{listed, post, "cors 200 Bookmark,X-Request-Id", []string{"OPTIONS 204", "POST 200"}},
		{listed, post, "cors 200 Bookmark,X-Request-Id", []string{"POST 200"}}, // the preflight is remembered
		{listed, get, "cors 200 Bookmark,ETag,X-Request-Id", []string{"OPTIONS 204", "GET 200"}},
		{listed, get, "cors 200 Bookmark,ETag,X-Request-Id", []string{"GET 304"}}, // asked again by the browser's cache
		{unlisted, post, "refused", []string{"OPTIONS 204"}},
		{unlisted, get, "refused", []string{"OPTIONS 204"}},
		{unlisted, simple, "opaque 0 ", []string{"POST 415"}},
	} {
		open(c.from)
		seen.clear()
		if got := fetch(c.options); got != c.want || !slices.Equal(seen.all(), c.reached) {
			t.Errorf("%s: got %q and %v, want %q and %v", c.options, got, seen.all(), c.want, c.reached)
		}
	}
	if a := s.query("{head}"); a.body.Data["head"] != 2.0 {
		t.Errorf("more than the listed page's two writes: %s", a.text)
	}
}

// exchanges are what reached a server: methods and statuses.
type exchanges struct {
	mu   sync.Mutex
	list []string
}

func (e *exchanges) record(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := &statusOf{ResponseWriter: w}
		defer func() {
			e.mu.Lock()
			defer e.mu.Unlock()
			e.list = append(e.list, fmt.Sprintf("%s %d", r.Method, rec.status))
		}()
		next.ServeHTTP(rec, r)
	})
}

func (e *exchanges) clear() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.list = nil
}

func (e *exchanges) all() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.list)
}

type statusOf struct {
	http.ResponseWriter
	status int
}

func (s *statusOf) WriteHeader(status int) {
	s.status = status
	s.ResponseWriter.WriteHeader(status)
}

func (s *statusOf) Unwrap() http.ResponseWriter { return s.ResponseWriter }

// openChromium starts a browser, which ends with the test.
func openChromium(t *testing.T) context.Context {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil && os.Getenv("CI") == "true" {
		t.Fatal("no Chromium in PATH, and CI must not skip the browser's test")
	}
	if err != nil {
		t.Skip("no Chromium in PATH: what browsers do is not tested (Debian: apt-get install chromium)")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx,
		chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()), chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true))
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	return ctx
}
