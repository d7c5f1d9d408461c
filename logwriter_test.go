package main

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"
)

func textLog(w io.Writer) slog.Handler { return slog.NewTextHandler(w, nil) }

func TestLogLinesAreKeptInOrder(t *testing.T) {
	t.Parallel()
	var got, want strings.Builder
	w := newLogWriter(&got, textLog)
	for i := range 10_000 {
		fmt.Fprintln(&want, "line", i)
		fmt.Fprintln(w, "line", i)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if got.String() != want.String() {
		t.Errorf("%d bytes were written, want %d", got.Len(), want.Len())
	}
}

// TestNobodyReadsTheLog: requests go on, memory is bounded, and what was lost is
// told once somebody reads again.
func TestNobodyReadsTheLog(t *testing.T) {
	t.Parallel()
	reader, pipe := io.Pipe()
	w := newLogWriter(pipe, textLog)
	line := strings.Repeat("x", 1023) + "\n"
	const sent = 3 * maxUnwritten / 1024
	for range sent {
		_, _ = io.WriteString(w, line)
	}
	w.mu.Lock()
	if dropped := w.dropped; dropped < sent/3-1 || cap(w.lines) > 2*maxUnwritten {
		t.Errorf("%d of %d lines were dropped, %d bytes are kept", dropped, sent, cap(w.lines))
	}
	w.mu.Unlock()
	go func() { _ = w.Close(); _ = pipe.Close() }()
	got, err := io.ReadAll(reader)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(got)), "\n")
	var dropped int
	var kept int
	for _, l := range lines {
		if l == line[:1023] {
			kept++
		} else if !strings.Contains(l, "lines=") {
			t.Fatalf("what is this? %.100s", l)
		} else if _, err := fmt.Sscanf(l[strings.LastIndex(l, "lines="):], "lines=%d", &dropped); err != nil {
			t.Errorf("what is this? %.100s", l)
		}
	}
	if kept+dropped != sent || dropped == 0 {
		t.Errorf("%d lines were written and %d are said to be dropped, of %d", kept, dropped, sent)
	}
}

// TestTheProcessEndsThoughNobodyReadsTheLog: Close does not wait for good.
func TestTheProcessEndsThoughNobodyReadsTheLog(t *testing.T) {
	t.Parallel()
	reader, pipe := io.Pipe()
	w := newLogWriter(pipe, textLog)
	fmt.Fprintln(w, "a line")
	closed := make(chan error, 1)
	go func() { closed <- w.Close() }()
	select {
	case err := <-closed:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(30 * time.Second):
		t.Error("it still waits")
	}
	_ = reader.Close()
	<-w.done
}
