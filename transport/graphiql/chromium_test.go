package graphiql_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"gatehouse/transport/graphiql"
)

// browser is a page in a Chromium of its own. Complaints are requests to other
// hosts, violations of the policy, and whatever else the console calls an error.
type browser struct {
	t   *testing.T
	ctx context.Context

	mu         sync.Mutex
	complaints []string
}

// openBrowser opens the page, served beside endpoint. It starts a Chromium,
// which ends with the test.
func openBrowser(t *testing.T, endpoint http.Handler) *browser {
	t.Helper()
	path := chromium(t)
	mux := http.NewServeMux()
	mux.Handle("/", graphiql.Handler(demo))
	mux.Handle("/graphql", endpoint)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)

	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx,
		chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()), chromedp.WindowSize(1400, 900),
		chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true))
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)

	b := &browser{t: t, ctx: ctx}
	host := strings.TrimPrefix(server.URL, "http://")
	err := chromedp.Listen(ctx, func(event any) {
		switch event := event.(type) {
		case *network.EventRequestWillBeSent:
			if u, err := url.Parse(event.Request.URL); err != nil || u.Scheme != "data" && u.Host != host {
				b.complain("request to " + event.Request.URL)
			}
		case *log.EventEntryAdded:
			if event.Entry.Level == log.EntryLevelError || event.Entry.Level == log.EntryLevelWarning {
				b.complain(event.Entry.Text + " " + event.Entry.URL)
			}
		case *runtime.EventConsoleAPICalled:
			if event.Type == runtime.ConsoleAPICalledTypeError || event.Type == runtime.ConsoleAPICalledTypeWarning {
				b.complain(fmt.Sprintf("console %s: %s%s", event.Type, event.Args[0].Value, event.Args[0].Description))
			}
		case *runtime.EventExceptionThrown:
			b.complain("exception: " + event.ExceptionDetails.Text)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = chromedp.Call(ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{
		Source: `addEventListener('securitypolicyviolation', (e) => console.error('violates ' + e.violatedDirective + ': ' + e.blockedURI))`,
	})
	if err != nil {
		t.Fatal(err)
	}
	b.do(chromedp.Navigate(server.URL))
	return b
}

// chromium returns the path of the installed browser. Without one the test is
// skipped, but not in CI, where that would hide that nothing was tested.
func chromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("CI") == "true" {
		t.Fatal("no Chromium in PATH, and CI must not skip the page's test")
	}
	t.Skip("no Chromium in PATH: the page is not tested (Debian: apt-get install chromium)")
	return ""
}

func (b *browser) complain(text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.complaints = append(b.complaints, text)
}

func (b *browser) do(action chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, action); err != nil {
		b.t.Fatal(err)
	}
}

// run presses the button that executes the operation.
func (b *browser) run() {
	b.t.Helper()
	b.do(chromedp.Click(chromedp.CSS(".graphiql-execute-button")))
}

// choose takes the n-th token of the menu.
func (b *browser) choose(n int) {
	b.t.Helper()
	b.do(chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`{ const menu = document.querySelector('#token'); menu.selectedIndex = %d; menu.dispatchEvent(new Event('change', { bubbles: true })); }`, n)))
}

// waitFor polls the expression from here: chromedp's own poll builds a function
// from text inside the page, which the policy forbids.
func (b *browser) waitFor(expression string, want any) {
	b.t.Helper()
	var got any
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); {
		var err error
		if got, err = chromedp.Run(b.ctx, chromedp.Evaluate[any](expression)); err != nil {
			b.t.Fatal(err)
		}
		if reflect.DeepEqual(got, want) {
			return
		}
		select {
		case <-b.ctx.Done():
		case <-time.After(50 * time.Millisecond):
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.t.Fatalf("%s\ngot %v, want %v; complaints: %q", expression, got, want, b.complaints)
}

func (b *browser) want(endpoint *stub, operation string, count int, want seen) {
	b.t.Helper()
	if got, n := endpoint.last(operation); n != count || got != want {
		b.t.Fatalf("request %d: got %+v, want request %d: %+v", n, got, count, want)
	}
}

func (b *browser) wantNoComplaint() {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.complaints) > 0 {
		b.t.Errorf("the browser complained:\n%s", strings.Join(b.complaints, "\n"))
	}
}
