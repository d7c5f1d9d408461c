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
