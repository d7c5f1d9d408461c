package main

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"gatehouse/transport"
)

// front is the public side of the gateway: where it listens and how it speaks.
type front struct {
	listener net.Listener
	handler  http.Handler
	// stop, where set, ends the requests that have no end of their own.
	stop func(ctx context.Context) error
	// certificate, where set, makes it HTTPS, with HTTP/2 for whoever can.
	certificate *certificate
	// h2c is HTTP/2 without TLS, for a proxy that does TLS.
	h2c bool
	// idle is for how long a connection without a request stays open. It must be
	// longer than the proxy in front keeps one; defaultIdle where 0.
	idle time.Duration
	// reading bounds how long a request comes in; transport.DefaultTimeout where 0.
	reading time.Duration
	// drain is for how long connections are still accepted after the signal to
	// stop, while the instance says that it is not ready.
	drain time.Duration
}

const (
	defaultIdle = 2 * time.Minute
	// defaultDrain is long enough for clients in the middle of something to see
	// that their connection is about to close.
	defaultDrain = 500 * time.Millisecond
	// maxHeaderTime is how long a header may take, however long a body may.
	maxHeaderTime = 5 * time.Second
)

// server returns what serves the front; base is the context of its requests.
func (f *front) server(base context.Context, stopping *atomic.Bool, log *slog.Logger) *http.Server {
	s := &http.Server{
		Handler:        closeWhen(stopping, f.handler),
		ReadTimeout:    f.reading,
		WriteTimeout:   30 * time.Second,
		IdleTimeout:    f.idle,
		MaxHeaderBytes: 32 << 10,
		ErrorLog:       slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		BaseContext:    func(net.Listener) context.Context { return base },
		ConnContext:    transport.Connected,
		Protocols:      &http.Protocols{},
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams: 100,
			SendPingTimeout:      30 * time.Second, // finds clients that are gone without a word
			WriteByteTimeout:     30 * time.Second,
		},
	}
	if s.IdleTimeout == 0 {
		s.IdleTimeout = defaultIdle
	}
	if s.ReadTimeout == 0 {
		s.ReadTimeout = transport.DefaultTimeout
	}
	// Where a request has less time, that is up to the handler: net/http's also bounds
	// the handshake, and how soon a connection sends something.
	s.ReadTimeout = max(s.ReadTimeout, maxHeaderTime)
	if s.ReadTimeout > maxHeaderTime {
		s.ReadHeaderTimeout = maxHeaderTime
	}
	s.Protocols.SetHTTP1(true)
	s.Protocols.SetUnencryptedHTTP2(f.h2c)
	if f.certificate != nil {
		s.Protocols.SetHTTP2(true)
		s.TLSConfig = &tls.Config{GetCertificate: f.certificate.get, MinVersion: tls.VersionTLS12}
	}
	return s
}

func (f *front) serve(s *http.Server) error {
	listener := transport.NewListener(f.listener)
	if f.certificate != nil {
		return s.ServeTLS(listener, "", "")
	}
	return s.Serve(listener)
}

// closeWhen asks clients to open a new connection for their next request, once
// stopping is set. A connection that is closed under a client which is about to
// use it loses that request.
func closeWhen(stopping *atomic.Bool, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(&closingWriter{w, stopping}, r)
	})
}

type closingWriter struct {
	http.ResponseWriter
	stopping *atomic.Bool
}

func (w *closingWriter) WriteHeader(status int) {
	if w.stopping.Load() && status >= 200 {
		w.Header().Set("Connection", "close")
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *closingWriter) Write(b []byte) (int, error) {
	if w.stopping.Load() {
		w.Header().Set("Connection", "close") // of no effect once the header is sent
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach deadlines, flushing and hijacking.
func (w *closingWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
