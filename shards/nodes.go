package shards

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

const (
	// replicaPatience is how long a read waits for a replica to reach its
	// position, before the primary serves it. Most are there within a millisecond.
	replicaPatience = 50 * time.Millisecond
	firstPause      = time.Millisecond
	// primaryPatience is how long a read waits for the primary to show what a
	// replica has shown; after that the position is one that was lost.
	primaryPatience = 500 * time.Millisecond
)

// begin opens a read on a replica that has reached its position, else on the
// primary. The node is checked by the head, in the transaction that reads
// (invariant 5), and serves the whole of it (invariant 4).
func (e *postgresEngine) begin(ctx context.Context, o *beginning) (read, error) {
	if !o.strong {
		r, err := e.onReplica(ctx, o)
		if r != nil || err != nil {
			return r, err
		}
	}
	r, err := e.primary.begin(ctx, o)
	if errors.Is(err, errUnreachable) && !o.handed {
		r, err = e.primary.begin(ctx, o) // it may have been a connection that had died before
	}
	// A replica shows a commit as soon as it has applied it, and the primary only
	// once it has told its own processes: whoever was at the replica is ahead of
	// the primary for a moment.
	deadline := time.Now().Add(primaryPatience)
	for pause := firstPause; err == errAhead && len(e.replicas) > 0 && time.Now().Before(deadline); pause *= 2 {
		select {
		case <-time.After(pause):
			r, err = e.primary.begin(ctx, o)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return r, err
}

// onReplica returns neither a read nor an error where no replica can serve.
func (e *postgresEngine) onReplica(ctx context.Context, o *beginning) (read, error) {
	var deadline time.Time
	for pause := firstPause; ; pause *= 2 {
		behind := false
		for _, n := range e.candidates(o) {
			r, err := n.begin(ctx, o)
			switch {
			case errors.Is(err, errBehind):
				behind = true
			case (errors.Is(err, errUnreachable) || outdated(err)) && !o.handed:
				n.leave(err) // until watch has seen it again
			default:
				return r, err
			}
		}
		if !behind {
			return nil, nil
		}
		if deadline.IsZero() {
			deadline = time.Now().Add(replicaPatience)
		}
		if time.Now().Add(pause).After(deadline) {
			return nil, nil
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// outdated reports whether a replica may not have applied a migration yet: then
// tables or columns are unknown to it, or not the gateway's to read.
func outdated(err error) bool {
	var refusal *pgconn.PgError
	return errors.As(err, &refusal) && refusal.Code[:2] == "42"
}

// candidates returns the replicas to try: in turn, but last those that were just
// seen to be behind.
func (e *postgresEngine) candidates(o *beginning) []*node {
	if len(e.replicas) == 0 {
		return nil
	}
	var first, last []*node
	turn := int(e.turn.Add(1) % uint32(len(e.replicas)))
	for i := range e.replicas {
		n := e.replicas[(turn+i)%len(e.replicas)]
		switch {
		case n.out.Load():
		case n.heads.behind(o.account, o.at):
			last = append(last, n)
		default:
			first = append(first, n)
		}
	}
	return append(first, last...)
}

// heads remembers how far accounts were seen to be on a node. Heads only grow,
// so what is remembered is at most behind. It is safe for concurrent use; the
// zero value is empty.
type heads struct {
	mu         sync.Mutex
	young, old map[string]sighting // old is what young was when it was full
}

type sighting struct {
	Position
	at time.Time
}

const (
	maxHeads = 10_000
	// A node that was behind is likely to be so for a moment only.
	sightingHolds = replicaPatience
)

func (h *heads) saw(account string, p Position) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, ok := h.young[account]; !ok && (h.young == nil || len(h.young) >= maxHeads) {
		h.young, h.old = make(map[string]sighting), h.young
	}
	h.young[account] = sighting{p, time.Now()}
}

// behind reports whether the node is likely not to have reached a position.
func (h *heads) behind(account string, p Position) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	seen, ok := h.young[account]
	if !ok {
		seen, ok = h.old[account]
	}
	return ok && seen.Before(p) && time.Since(seen.at) < sightingHolds
}
