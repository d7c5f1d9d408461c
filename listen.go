package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"syscall"
	"time"
)

// From the signal to the end of the process: requests have finishWithin to
// end, closing the shards has closeWithin after that.
const (
	finishWithin = 7 * time.Second
	closeWithin  = 2 * time.Second
)

func listen(address string) (net.Listener, error) {
	listener, err := net.Listen("tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("can't listen on %s: the port is in use", address)
	}
	if err != nil {
		return nil, fmt.Errorf("can't listen on %s: %w", address, err)
	}
	return listener, nil
}

// serve serves handler on listener, and commands on the office's socket, until
// ctx ends; then it finishes what runs and returns nil. It calls ready once
// nothing can fail any more, and closes the listener.
func serve(ctx context.Context, o *office, listener net.Listener, handler http.Handler, log *slog.Logger, ready func()) error {
	commands, err := o.listenSocket()
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	ready()
	requests, abort := context.WithCancel(context.WithoutCancel(ctx))
	defer abort()
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		BaseContext:       func(net.Listener) context.Context { return requests },
	}
	socket := o.socketServer()
	socket.ErrorLog, socket.BaseContext = server.ErrorLog, server.BaseContext

	ended := make(chan error, 2)
	go func() { ended <- server.Serve(listener) }()
	go func() { ended <- socket.Serve(commands) }()
	running := 2
	select {
	case <-ctx.Done():
		log.Info("stopping")
	case err = <-ended: // a listener failed; Serve does not end otherwise
		running--
	}
	finish, cancel := context.WithTimeout(context.WithoutCancel(ctx), finishWithin)
	defer cancel()
	for _, s := range []*http.Server{server, socket} {
		if s.Shutdown(finish) != nil {
			abort() // what has not ended by now won't
			_ = s.Close()
		}
	}
	for range running {
		<-ended
	}
	return err
}

// closeOffice closes the office, but does not wait for a shard that hangs: the
// process ends, and what was acknowledged is on disk already.
func closeOffice(o *office, log *slog.Logger) {
	closed := make(chan error, 1)
	go func() { closed <- o.close() }()
	select {
	case err := <-closed:
		if err != nil {
			log.Error("closing", "error", err)
		}
	case <-time.After(closeWithin):
		log.Error("closing took too long")
	}
}
