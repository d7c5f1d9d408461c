package transport

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"
)

// maxLogged bounds each text of a log line that a client has a say in, in bytes.
const maxLogged = 300

// statusClientGone is what the log says, as other servers do, where a request
// failed because nobody waits for its response any more.
const statusClientGone = 499

// Served is what became of one request, in terms of which there are few.
type Served struct {
	Protocol string // http
	Kind     string // query or mutation; "" where there is no operation
	Code     string // of the first error; "" where there is none
	Took     time.Duration
}

// Observer is told of all requests. Each field may be nil.
type Observer struct {
	// Log gets one line for each request.
	Log *slog.Logger
	// Now is the clock; time.Now where nil.
	Now func() time.Time
	// Served is called for each request once it is answered, from its goroutine.
	Served func(Served)
}

// Observe gives each request of next its id, tells o about it, and answers a
// panic with INTERNAL (invariants 3 to 5). Inside another Observe it does
// nothing, so the outermost one sees everything once.
func Observe(next http.Handler, o Observer) http.Handler {
	log, now := o.Log, o.Now
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if now == nil {
		now = time.Now
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if exchangeFrom(r.Context()) != nil {
			next.ServeHTTP(w, r)
			return
		}
		start := now()
		x := &exchange{id: requestID(r.Header)}
		w.Header().Set(requestIDHeader, x.id)
		rec := &recorder{ResponseWriter: w}
		abort := rec.serve(next, r.WithContext(withExchange(r.Context(), x)), x)
		took := now().Sub(start)
		x.log(log, r, rec, took)
		if o.Served != nil {
			o.Served(Served{Protocol: "http", Kind: x.kind, Code: x.code, Took: took})
		}
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

func (x *exchange) log(log *slog.Logger, r *http.Request, rec *recorder, took time.Duration) {
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
	attrs := []slog.Attr{
		slog.String("method", cut(r.Method, 20)), slog.String("path", cut(r.URL.Path, maxLogged)),
		slog.Int("status", status), slog.Duration("duration", took), slog.Int64("bytes", rec.bytes),
		slog.String("request", x.id),
	}
	for _, a := range []slog.Attr{
		slog.String("account", x.account), slog.String("kind", x.kind), slog.String("operation", cut(x.operation, 64)),
		slog.String("code", x.code), slog.String("reference", x.reference), slog.String("stack", x.stack),
	} {
		if a.Value.String() != "" {
			attrs = append(attrs, a)
		}
	}
	if x.err != nil {
		attrs = append(attrs, slog.String("error", cut(x.err.Error(), maxLogged)))
	}
	log.LogAttrs(r.Context(), level, "request", attrs...)
}

// recorder notes what becomes of a response.
type recorder struct {
	http.ResponseWriter
	status int // 0 until the header is written
	bytes  int64
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
