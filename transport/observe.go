package transport

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"gatehouse/shards"
)

// maxLogged bounds each text of a log line that a client has a say in, in bytes.
const maxLogged = 300

// statusClientGone is what the log says, as other servers do, where a request
// failed because nobody waits for its response any more.
const statusClientGone = 499

// Served is what became of one request, in terms of which there are few.
type Served struct {
	Protocol string // http, sse or websocket
	// Kind is query, mutation or subscription; "" where there is no operation, as
	// for a socket beside those on it.
	Kind string
	Code string // of the first error; "" where there is none
	Took time.Duration
}

// Observer is told of all requests. Each field may be nil.
type Observer struct {
	// Log gets one line for each request.
	Log *slog.Logger
	// Served is called for each request once it is answered, from its goroutine.
	Served func(Served)
}

// Observe gives each request of next its id, tells o about it, and answers a
// panic with INTERNAL (invariants 3 to 5). Inside another Observe it does
// nothing, so the outermost one sees everything once.
func Observe(next http.Handler, o Observer) http.Handler {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Served == nil {
		o.Served = func(Served) {}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if exchangeFrom(r.Context()) != nil {
			next.ServeHTTP(w, r)
			return
		}
		rec := &recorder{ResponseWriter: w, exchange: exchange{
			Context: r.Context(), observer: &o, id: requestID(r.Header), began: time.Now(), protocol: "http",
			connection: connectionFrom(r.Context()),
		}}
		x := &rec.exchange
		rec.fields().set(requestIDHeader, x.id)
		abort := rec.serve(next, r.WithContext(x), x)
		x.answered(r, rec)
		if abort {
			panic(http.ErrAbortHandler) // net/http closes the connection and logs nothing
		}
	})
}

// serve returns true where the response was cut off in its middle.
func (rec *recorder) serve(next http.Handler, r *http.Request, x *exchange) (abort bool) {
	defer func() {
		value := recover()
		if value == nil {
			return
		}
		if err, ok := value.(error); ok && errors.Is(err, http.ErrAbortHandler) {
			abort = true
			return
		}
		x.stack = string(debug.Stack())
		refused := refusalOf(fmt.Errorf("panic: %v", value))
		x.refused(refused)
		if abort = rec.status != 0; abort {
			return // a client must not take half a response for a whole one
		}
		for _, key := range []string{"Content-Encoding", "Content-Length", "ETag"} {
			rec.Header().Del(key)
		}
		wanted, _ := negotiate(r.Header.Values("Accept"))
		refused.write(rec, wanted.mediaType, "")
	}()
	next.ServeHTTP(rec, r)
	return false
}

// answered tells of a request.
func (x *exchange) answered(r *http.Request, rec *recorder) {
	status := rec.status
	if status == 0 { // net/http sends it by itself
		status = http.StatusOK
	}
	if status >= 500 && errors.Is(r.Context().Err(), context.Canceled) && x.stack == "" {
		status = statusClientGone
	}
	level := slog.LevelInfo
	switch {
	case status >= 500:
		level = slog.LevelError
	case status >= 400:
		level = slog.LevelWarn
	}
	// The path without its query string, which holds documents (invariant 4).
	x.tell(r.Context(), level, "request",
		slog.String("method", cut(r.Method, 20)), slog.String("path", cut(r.URL.Path, maxLogged)),
		slog.Int("status", status), slog.Int64("bytes", rec.bytes))
}

// finished tells of an operation on a socket.
func (x *exchange) finished(ctx context.Context) {
	level := slog.LevelInfo
	switch x.code {
	case "":
	case string(shards.Internal), string(shards.Unavailable):
		level = slog.LevelError
	default:
		level = slog.LevelWarn
	}
	x.tell(ctx, level, "operation")
}

func (x *exchange) tell(ctx context.Context, level slog.Level, message string, attrs ...slog.Attr) {
	took := time.Since(x.began)
	x.observer.Served(Served{Protocol: x.protocol, Kind: x.kind, Code: x.code, Took: took})
	if !x.observer.Log.Enabled(ctx, level) {
		return
	}
	list := append(make([]slog.Attr, 0, 16), attrs...)
	list = append(list, slog.Duration("duration", took), slog.String("request", x.id))
	node := ""
	if x.handle != nil {
		node = x.handle.Node()
	}
	for _, a := range [...]struct{ name, value string }{
		{"node", node}, {"account", x.account}, {"kind", x.kind}, {"operation", cut(x.name, 64)},
		{"code", x.code}, {"reference", x.reference}, {"stack", x.stack},
	} {
		if a.value != "" {
			list = append(list, slog.String(a.name, a.value))
		}
	}
	if x.err != nil {
		list = append(list, slog.String("error", cut(x.err.Error(), maxLogged)))
	}
	x.observer.Log.LogAttrs(ctx, level, message, list...)
}

// recorder notes what becomes of a response.
type recorder struct {
	http.ResponseWriter
	exchange exchange
	room     fields // for its header
	status   int    // 0 until the header is written
	bytes    int64
}

// fields returns the header of the response to be set.
func (rec *recorder) fields() *fields {
	if rec.room.Header == nil {
		rec.room.Header = rec.Header()
	}
	return &rec.room
}

func (rec *recorder) WriteHeader(status int) {
	if rec.status == 0 && (status >= 200 || status == http.StatusSwitchingProtocols) {
		rec.status = status
	}
	rec.ResponseWriter.WriteHeader(status)
}

func (rec *recorder) Write(b []byte) (int, error) {
	if rec.status == 0 {
		rec.status = http.StatusOK
	}
	n, err := rec.ResponseWriter.Write(b)
	rec.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController reach deadlines, flushing and hijacking.
func (rec *recorder) Unwrap() http.ResponseWriter { return rec.ResponseWriter }
