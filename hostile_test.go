package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"

	"gatehouse/shards"
	"gatehouse/tenancy"
	"gatehouse/transport/guard/guardtest"
)

const (
	// Each hostile request may take so much of the process, the client's part
	// and other tests' garbage among it. What a document alone may take is tested
	// in transport/guard.
	hostileCPU    = 20 * guardtest.MostCPU
	hostileMemory = 64 << 20
)

// hostileWorld is the whole gateway in this process, so that what a request
// takes of it can be measured.
type hostileWorld struct {
	t      *testing.T
	url    string
	client *http.Client
	// key is the hostile caller's, with all scopes; control is another account's.
	key, control string
}

func newHostileWorld(t *testing.T) *hostileWorld {
	t.Helper()
	w := &hostileWorld{t: t, client: &http.Client{Transport: &http.Transport{DisableCompression: true}}}
	data := newFolder(t)
	w.key = createKey(t, data, "acme", "--scope", "*:read", "--scope", "*:write")
	w.control = createKey(t, data, "globex", "--scope", "*:read", "--scope", "*:write")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	at, err := claim(data)
	must(err)
	keys, err := shards.NewKeyring([]byte(testSecret))
	must(err)
	o, err := openOffice(t.Context(), at, officeOptions{Keys: keys})
	must(err)
	auth, err := tenancy.NewAuthenticator(o.directory, nil, []string{"UK"})
	must(err)
	g, err := newGateway(o, settings{Auth: auth, Keys: keys})
	must(err)
	server := httptest.NewServer(g)
	w.url = server.URL + "/graphql"
	t.Cleanup(func() {
		w.client.CloseIdleConnections()
		must(g.stop(context.Background()))
		server.Close()
		must(o.close())
	})
	return w
}

// way is a protocol: it sends a request and returns all that comes back, and
// the status where there is one.
type way struct {
	name string
	send func(w *hostileWorld, credential string, body []byte) (status int, answer string)
}

func ways() []way {
	return []way{
		{"HTTP", func(w *hostileWorld, credential string, body []byte) (int, string) {
			return w.post(credential, body, "application/graphql-response+json")
		}},
		{"events", func(w *hostileWorld, credential string, body []byte) (int, string) {
			return w.post(credential, body, "text/event-stream")
		}},
		{"socket", func(w *hostileWorld, credential string, body []byte) (int, string) {
			return 0, w.socket(credential, body)
		}},
		{"by hash", func(w *hostileWorld, credential string, body []byte) (int, string) {
			return w.post(credential, hashed(body, true), "application/graphql-response+json")
		}},
	}
}

func (w *hostileWorld) post(credential string, body []byte, accept string) (int, string) {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, w.url, bytes.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+credential)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", accept)
	return w.do(r)
}

func (w *hostileWorld) do(r *http.Request) (int, string) {
	w.t.Helper()
	response, err := w.client.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

// socket opens a socket for one operation.
func (w *hostileWorld) socket(credential string, body []byte) string {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), time.Minute)
	defer cancel()
	conn, _, err := websocket.Dial(ctx, w.url, &websocket.DialOptions{Subprotocols: []string{"graphql-transport-ws"}, HTTPClient: w.client})
	if err != nil {
		w.t.Fatal(err)
	}
	defer conn.CloseNow()
	conn.SetReadLimit(1 << 24)
	for _, text := range []string{
		`{"type":"connection_init","payload":{"authorization":"Bearer ` + credential + `"}}`,
		`{"type":"subscribe","id":"1","payload":` + string(body) + `}`,
	} {
		if err := conn.Write(ctx, websocket.MessageText, []byte(text)); err != nil {
			return err.Error()
		}
	}
	for {
		_, text, err := conn.Read(ctx)
		if err != nil {
			return fmt.Sprintf("closed %d", websocket.CloseStatus(err))
		}
		if !strings.Contains(string(text), `"connection_ack"`) && !strings.Contains(string(text), `"ping"`) {
			return string(text)
		}
	}
}

// hashed names the document of a request by its hash, with or without sending it.
func hashed(body []byte, sent bool) []byte {
	var members map[string]any
	if err := json.Unmarshal(body, &members); err != nil {
		return body
	}
	text, _ := members["query"].(string)
	sum := sha256.Sum256([]byte(text))
	members["extensions"] = map[string]any{"persistedQuery": map[string]any{"version": 1, "sha256Hash": hex.EncodeToString(sum[:])}}
	if !sent {
		delete(members, "query")
	}
	out, err := json.Marshal(members)
	if err != nil {
		panic(err)
	}
	return out
}

// spent returns what f takes of this process.
func spent(t *testing.T, f func()) (cpu time.Duration, memory uint64) {
	t.Helper()
	now := func() (time.Duration, uint64) {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			t.Fatal(err)
		}
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return time.Duration(u.Utime.Nano() + u.Stime.Nano()), m.TotalAlloc
	}
	cpu0, memory0 := now()
	f()
	cpu1, memory1 := now()
	return cpu1 - cpu0, memory1 - memory0
}

// TestHostileRequests sends each hostile request on each protocol. It is
// answered with the right code in less than 1 KiB and takes little of the
// process, a document that is refused can't be named by its hash afterwards,
// nothing is left of any of them, and another account is served all the while.
//
// It is not parallel: it measures the process.
func TestHostileRequests(t *testing.T) {
	w := newHostileWorld(t)
	var warm sync.WaitGroup
	for range 50 {
		warm.Go(w.unharmed)
	}
	warm.Wait()
	w.client.CloseIdleConnections()
	// The shard opens its readers as they are needed and keeps them, each with
	// the file and its WAL. How many it has by now is chance.
	readers := max(4, runtime.GOMAXPROCS(0))
	goroutines, files := runtime.NumGoroutine(), openFiles(t)+2*(readers-1)
	served := w.serveAnother()

	documents := hostileDocuments()
	if len(documents) < 60 {
		t.Errorf("only %d", len(documents))
	}
	for _, way := range ways() {
		t.Run(way.name, func(t *testing.T) {
			for _, h := range documents {
				body := h.body(t)
				var status int
				var answer string
				cpu, memory := spent(t, func() { status, answer = way.send(w, w.key, body) })
				h.check(t, way.name, status, answer)
				if cpu > hostileCPU || memory > hostileMemory {
					t.Errorf("%s: %v of CPU, %d bytes", h.name, cpu, memory)
				}
				if way.name == "by hash" && h.code != "" && !h.executed {
					_, answer := way.send(w, w.key, hashed(body, false))
					if !strings.Contains(answer, `"PERSISTED_QUERY_NOT_FOUND"`) && !strings.Contains(answer, `"`+h.code+`"`) {
						t.Errorf("%s: named by its hash: %s", h.name, answer)
					}
				}
			}
		})
	}
	t.Run("no GraphQL", func(t *testing.T) {
		for _, h := range hostileHTTP() {
			r := h.request(t, w)
			var status int
			var answer string
			cpu, memory := spent(t, func() { status, answer = w.do(r) })
			if status != h.status || !strings.Contains(answer, `"`+h.code+`"`) || len(answer) >= 1024 || strings.Contains(answer, canary) {
				t.Errorf("%s: %d %.300s, want %d %s", h.name, status, answer, h.status, h.code)
			}
			if cpu > hostileCPU || memory > hostileMemory {
				t.Errorf("%s: %v of CPU, %d bytes", h.name, cpu, memory)
			}
		}
	})
	if n := served(); n < 100 {
		t.Errorf("another account was served %d times meanwhile", n)
	}

	deadline := time.Now().Add(30 * time.Second)
	for w.client.CloseIdleConnections(); ; time.Sleep(20 * time.Millisecond) {
		g, f := runtime.NumGoroutine(), openFiles(t)
		if g <= goroutines && f <= files {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines and %d files are left of %d and %d", g, f, goroutines, files)
		}
	}
}

// serveAnother serves another account all the while, until the function that it
// returns is called; that says how often it did.
func (w *hostileWorld) serveAnother() (stop func() (times int)) {
	stopped, n := make(chan struct{}), 0
	var serving sync.WaitGroup
	serving.Go(func() {
		for ; ; n++ {
			select {
			case <-stopped:
				return
			case <-time.After(2 * time.Millisecond):
				w.unharmed()
			}
		}
	})
	return func() int {
		close(stopped)
		serving.Wait()
		return n
	}
}

// unharmed checks that another account is served as ever.
func (w *hostileWorld) unharmed() {
	w.t.Helper()
	status, answer := w.post(w.control, []byte(`{"query":"{ viewer { account { name } } clients(first: 1) { totalCount } }"}`), "application/json")
	if status != http.StatusOK || !strings.Contains(answer, `"name":"globex"`) || strings.Contains(answer, `"errors"`) {
		w.t.Errorf("another account: %d %s", status, answer)
	}
}

func openFiles(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("open files can't be counted here")
	}
	return len(entries)
}
