package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// From the end of the drain delay to the end of the process: what was accepted
// has settleWithin to be read, requests have finishWithin to end, closing the
// shards has closeWithin after that.
const (
	settleWithin = time.Second
	finishWithin = 6 * time.Second
	closeWithin  = 2 * time.Second
)

// serve serves the front, and commands on the office's socket, until ctx ends.
// Then it says that it is not ready, goes on for the drain delay, stops
// accepting, finishes what runs and returns nil. It calls ready once nothing
// can fail any more, and closes the listener.
func serve(ctx context.Context, o *office, f front, h *health, log *slog.Logger, ready func()) error {
	commands, err := o.listenSocket()
	if err != nil {
		return errors.Join(err, f.listener.Close())
	}
	requests, abort := context.WithCancel(context.WithoutCancel(ctx))
	defer abort()
	var tending sync.WaitGroup
	defer tending.Wait()
	untilEnd, end := context.WithCancel(ctx)
	defer end()
	tending.Go(func() { o.pool.Tend(untilEnd) })
	server := f.server(requests, &h.stopping, log)
	var taken connections
	server.ConnState = taken.note
	socket := o.socketServer()
	socket.ErrorLog, socket.BaseContext = server.ErrorLog, server.BaseContext

	accepted, commanded := make(chan error, 1), make(chan error, 1)
	go func() { accepted <- f.serve(server) }()
	if commands == nil {
		commanded = nil
	} else {
		go func() { commanded <- socket.Serve(commands) }()
	}
	h.serving.Store(true)
	ready()
	select {
	case <-ctx.Done():
		log.Info("stopping")
		h.stopping.Store(true)
		time.Sleep(f.drain)
	case err = <-accepted: // a listener failed; Serve does not end otherwise
		accepted <- nil
	case err = <-commanded:
		commanded <- nil
	}
	h.stopping.Store(true)
	_ = f.listener.Close()
	<-accepted
	finish, cancel := context.WithTimeout(context.WithoutCancel(ctx), finishWithin+settleWithin)
	defer cancel()
	if f.stop != nil && f.stop(finish) != nil {
		log.Warn("some streams have not ended in time")
	}
	taken.settle(settleWithin)
	for _, s := range []*http.Server{server, socket} {
		if s.Shutdown(finish) != nil {
			abort() // what has not ended by now won't
			_ = s.Close()
		}
	}
	if commanded != nil {
		<-commanded
	}
	return err
}

// connections are those on which a request is awaited or answered: what
// net/http has accepted but not read yet is lost in its Shutdown. They are safe
// for concurrent use.
type connections struct {
	mu   sync.Mutex
	busy map[net.Conn]http.ConnState
}

func (c *connections) note(conn net.Conn, state http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.busy == nil {
		c.busy = map[net.Conn]http.ConnState{}
	}
	switch state {
	case http.StateNew, http.StateActive:
		c.busy[conn] = state
	default:
		delete(c.busy, conn)
	}
}

// settle waits until all that was accepted is answered, but not for long
// requests, for which Shutdown waits, and hangs up on those who say nothing.
func (c *connections) settle(within time.Duration) {
	for deadline := time.Now().Add(within); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		c.mu.Lock()
		busy := len(c.busy)
		c.mu.Unlock()
		if busy == 0 {
			return
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for conn, state := range c.busy {
		if state == http.StateNew {
			_ = conn.Close()
		}
	}
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
