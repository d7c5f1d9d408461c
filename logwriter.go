package main

import (
	"bytes"
	"io"
	"log/slog"
	"sync"
	"time"
)

// maxUnwritten bounds the log lines that wait to be written, in bytes.
const maxUnwritten = 4 << 20

// logWriter passes log lines on from a goroutine of its own, as many at once as
// have come meanwhile. So no request waits for whoever reads the log, nor for
// the lines of an account that floods the gateway; where the reader is too slow,
// lines are dropped, and how many is written in their place. Safe for concurrent
// use. Close it.
type logWriter struct {
	to   io.Writer
	as   func(io.Writer) slog.Handler
	done chan struct{} // closed when everything is written

	mu      sync.Mutex
	waiting sync.Cond
	lines   []byte // whole ones
	dropped int
	closed  bool
}

// newLogWriter returns a writer of lines that are formatted as by as.
func newLogWriter(to io.Writer, as func(io.Writer) slog.Handler) *logWriter {
	w := &logWriter{to: to, as: as, done: make(chan struct{})}
	w.waiting.L = &w.mu
	go w.pass()
	return w
}

// Write takes one line. It never fails.
func (w *logWriter) Write(line []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.lines)+len(line) > maxUnwritten {
		w.dropped++
		return len(line), nil
	}
	w.lines = append(w.lines, line...)
	w.waiting.Signal()
	return len(line), nil
}

// pass writes until the writer is closed and nothing waits any more.
func (w *logWriter) pass() {
	defer close(w.done)
	var lines []byte
	for {
		w.mu.Lock()
		for len(w.lines) == 0 && !w.closed {
			w.waiting.Wait()
		}
		lines, w.lines = w.lines, lines[:0]
		if w.dropped > 0 {
			var notice bytes.Buffer
			slog.New(w.as(&notice)).Warn("log lines were dropped, since nobody read them in time", "lines", w.dropped)
			lines, w.dropped = append(lines, notice.Bytes()...), 0
		}
		w.mu.Unlock()
		if len(lines) == 0 {
			return
		}
		_, _ = w.to.Write(lines) // there is nowhere to tell of it
	}
}

// Close returns when everything is written, but waits only closeWithin for
// whoever does not read: the process ends.
func (w *logWriter) Close() error {
	w.mu.Lock()
	w.closed = true
	w.waiting.Signal()
	w.mu.Unlock()
	select {
	case <-w.done:
	case <-time.After(closeWithin):
	}
	return nil
}
