package main

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

func TestStoppingFinishesWhatRuns(t *testing.T) {
	t.Parallel()
	data := newFolder(t)
	at, err := claim(data)
	if err != nil {
		t.Fatal(err)
	}
	o, err := openOffice(t.Context(), at, officeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	listener, err := listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	url := "http://" + listener.Addr().String()
	entered, goOn := make(chan struct{}), make(chan struct{})
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(entered)
		<-goOn
		if r.Context().Err() != nil {
			t.Error("the request was aborted")
		}
		_, _ = io.WriteString(w, "finished")
	})
	ctx, stop := context.WithCancel(t.Context())
	log := slog.New(slog.DiscardHandler)
	served, answered := make(chan error, 1), make(chan string, 1)
	go func() {
		served <- serve(ctx, o, front{listener: listener, handler: handler}, &health{}, log, func() {})
	}()
	go func() {
		response, err := http.Get(url)
		if err != nil {
			answered <- err.Error()
			return
		}
		defer response.Body.Close()
		body, _ := io.ReadAll(response.Body)
		answered <- string(body)
	}()
	<-entered
	stop()
	for { // new ones are refused, while the one inside goes on
		response, err := http.Get(url)
		if err != nil {
			break
		}
		response.Body.Close()
	}
	close(goOn)
	if got := <-answered; got != "finished" {
		t.Errorf("got %q", got)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
	closeOffice(o, log)
	ok(t, "accounts", "list", "--data", data) // the folder is free
}

func TestDevWarnsWhereOthersCanReachIt(t *testing.T) {
	t.Parallel()
	s := start(t, nil, "dev", "--data", filepath.Join(t.TempDir(), "data"), "--listen", "0.0.0.0:0")
	// Standard error reaches the test by another pipe than what made start return.
	got := s.stderr.String()
	for deadline := time.Now().Add(10 * time.Second); got == "" && time.Now().Before(deadline); got = s.stderr.String() {
		time.Sleep(10 * time.Millisecond)
	}
	if strings.Count(got, "\n") != 1 || !strings.Contains(got, "gatehouse: warning: ") {
		t.Errorf("got %q", got)
	}
	if !strings.HasPrefix(s.url, "http://localhost:") {
		t.Error(s.url)
	}
}

// TestStoppingEndsStreams with words that tell clients to go elsewhere, in the
// whole process and under TLS as without.
func TestStoppingEndsStreams(t *testing.T) {
	t.Parallel()
	dir, data := t.TempDir(), newFolder(t)
	cert, key := filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	trusted := writeCertificate(t, cert, key)
	credential := makeKey(t, data)
	s := start(t, nil, "serve", "--config", configFor(t, data, "tls: {certificate: '"+cert+"', key: '"+key+"'}\n"))
	url := strings.Replace(s.url, "http://", "https://", 1) + "/graphql"

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	socket, _, err := websocket.Dial(ctx, url, &websocket.DialOptions{
		HTTPClient: speaking(t, trusted, onlyHTTP1), Subprotocols: []string{"graphql-transport-ws"},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer socket.CloseNow()
	for _, text := range []string{
		`{"type":"connection_init","payload":{"authorization":"Bearer ` + credential + `"}}`,
		`{"id":"1","type":"subscribe","payload":{"query":"subscription { changes { bookmark } }"}}`,
	} {
		if err := socket.Write(ctx, websocket.MessageText, []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if _, text, err := socket.Read(ctx); err != nil || string(text) != `{"type":"connection_ack"}` {
		t.Fatalf("got %s, %v", text, err)
	}

	// Events over HTTP/2, too.
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(`{"query":"subscription { changes { bookmark } }"}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+credential)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "text/event-stream")
	events := speaking(t, trusted, both)
	events.Timeout = 0
	response, err := events.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.Proto != "HTTP/2.0" || !strings.HasPrefix(response.Header.Get("Content-Type"), "text/event-stream") {
		t.Fatalf("got %s %s %v", response.Proto, response.Status, response.Header)
	}

	closed := make(chan error, 1)
	go func() { _, _, err := socket.Read(ctx); closed <- err }()
	if code := s.stop(t); code != 0 { // within 10 s
		t.Errorf("exit code %d: %s", code, s.stderr.String())
	}
	if err := <-closed; websocket.CloseStatus(err) != websocket.StatusGoingAway {
		t.Errorf("the socket ended with %v", err)
	}
	if text, err := io.ReadAll(response.Body); err != nil || strings.Contains(string(text), "complete") {
		t.Errorf("the events ended with %v after %q", err, text)
	}
}
