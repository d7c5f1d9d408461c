package shards

import (
	"context"
	"fmt"
	"sync"
	"time"
)

const (
	lookEvery = 500 * time.Millisecond
	maxLag    = 5 * time.Second
)

// watch finds out which replicas can be read: those that answer, and that are
// not further behind than maxLag.
type watch struct {
	engine *postgresEngine
	maxLag time.Duration
	// written are the newest of the primary's write positions, in order.
	written []written
}

// written is how far the primary's log of writes had come at a time.
type written struct {
	at  time.Time
	lsn int64
}

func (w *watch) run(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			w.look(ctx)
		case <-ctx.Done():
			return
		}
	}
}

// look asks the primary how far it is, then all replicas. A node that is slow
// holds up nobody but this goroutine, and that for connectTimeout at most.
func (w *watch) look(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	now := time.Now()
	if lsn, err := w.engine.primary.lsn(ctx, "SELECT (pg_current_wal_lsn() - '0/0')::bigint"); err == nil {
		w.written = append(w.written, written{now, lsn})
		for len(w.written) > 1 && now.Sub(w.written[1].at) > w.maxLag {
			w.written = w.written[1:]
		}
	}
	var all sync.WaitGroup
	for _, n := range w.engine.replicas {
		all.Go(func() { w.judge(ctx, n) })
	}
	all.Wait()
}

func (w *watch) judge(ctx context.Context, n *node) {
	lsn, err := n.lsn(ctx, "SELECT (pg_last_wal_replay_lsn() - '0/0')::bigint")
	switch {
	case ctx.Err() == context.Canceled:
		return
	case err != nil:
		n.leave(err)
		return
	case w.lag(lsn) > w.maxLag:
		n.leave(fmt.Errorf("it is further behind than %s", w.maxLag))
	case n.out.CompareAndSwap(true, false):
		n.log.Info("a replica is read again")
		n.asked = false // it may have been started with other settings
	}
	if !n.asked {
		n.asked = n.warn(ctx) == nil
	}
}

// warn says so where a replica keeps to itself what it reads. Then the primary
// removes what a read there still needs, and the replica, which may not, stops
// applying anything until that read ends or max_standby_streaming_delay is over.
func (n *node) warn(ctx context.Context) error {
	var reports bool
	err := n.one(ctx, "SELECT current_setting('hot_standby_feedback')::bool AND current_setting('wal_receiver_status_interval') <> '0'", &reports)
	if err == nil && !reports {
		n.log.Warn("a replica does not report what is read there, so that one long read can stop it from following; set hot_standby_feedback = on and wal_receiver_status_interval = 1s")
	}
	return err
}

// leave leaves a replica out until watch takes it back.
func (n *node) leave(err error) {
	if n.out.CompareAndSwap(false, true) {
		n.log.Warn("a replica is left out", "err", err)
	}
}

// lag returns for how long the primary has had what a replica lacks. It stands
// still while the primary does not answer: then nobody knows of anything newer.
func (w *watch) lag(lsn int64) time.Duration {
	for _, at := range w.written {
		if at.lsn > lsn {
			return w.written[len(w.written)-1].at.Sub(at.at)
		}
	}
	return 0
}

// lsn asks a node for a position in the log of writes.
func (n *node) lsn(ctx context.Context, query string) (lsn int64, err error) {
	return lsn, n.one(ctx, query, &lsn)
}

// one asks a node, outside of any account, for one value.
func (n *node) one(ctx context.Context, query string, into any) error {
	conn, err := acquire(ctx, n.pool)
	if err != nil {
		return err
	}
	defer conn.Release()
	return conn.QueryRow(ctx, query).Scan(into)
}
