package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"
)

// health is what probes are told. It is safe for concurrent use.
type health struct {
	serving, stopping atomic.Bool
	// check looks at what every request needs; nil until that is there.
	check atomic.Pointer[func(context.Context) error]
}

// ready returns why this instance should get no requests, nil where it should.
// It does not look at shards: one that is bad concerns its accounts alone.
func (h *health) ready(ctx context.Context) error {
	check := h.check.Load()
	switch {
	case h.stopping.Load():
		return errors.New("stopping")
	case !h.serving.Load() || check == nil:
		return errors.New("starting")
	}
	return (*check)(ctx)
}

// private is the listener for operators: probes and metrics. Whoever reaches it
// may read them.
type private struct {
	server *http.Server
	ended  chan struct{}
}

// startPrivate serves address until close; nothing where it is "".
func startPrivate(address string, h *health, metrics http.Handler, log *slog.Logger) (*private, error) {
	if address == "" {
		return nil, nil
	}
	listener, err := listen(address)
	if err != nil {
		return nil, err
	}
	p := &private{
		server: &http.Server{
			Handler: privateHandler(h, metrics), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 5 * time.Second,
			WriteTimeout: 10 * time.Second, IdleTimeout: defaultIdle, MaxHeaderBytes: 16 << 10,
			ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		},
		ended: make(chan struct{}),
	}
	go func() {
		defer close(p.ended)
		if err := p.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			log.Error("the private listener has failed", "error", err)
		}
	}()
	log.Info("private", "at", listener.Addr().String())
	return p, nil
}

func (p *private) close() {
	if p == nil {
		return
	}
	_ = p.server.Close()
	<-p.ended
}

const probeTimeout = time.Second

func privateHandler(h *health, metrics http.Handler) http.Handler {
	mux := http.NewServeMux()
	// The process alone: whoever kills it for what it depends on makes that worse.
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "alive\n") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), probeTimeout)
		defer cancel()
		if err := h.ready(ctx); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		_, _ = io.WriteString(w, "ready\n")
	})
	mux.Handle("GET /metrics", metrics)
	return mux
}
