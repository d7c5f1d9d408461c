package shards

import (
	"context"
	"errors"
	"sync"
	"time"
)

// Handle is the only way to an account's data: one verified account, on the
// shard that has it, at or after one position. It lives for one request and is
// safe for concurrent use. No method takes an account (invariant 1).
type Handle struct {
	account string
	keys    *Keyring
	route   Route

	mu    sync.Mutex
	shard *Shard
	// at is the position that no read may be from before; it only grows.
	at Position
	// proven: at has been seen in a snapshot, or comes from a commit.
	proven bool
	strong bool
	node   string // of the last read

	usage usage
	turn  Turn
}

// Turn is the right to compute of the operation that a handle serves.
type Turn interface {
	// Idle says that the operation begins to wait for a disk or a network, and
	// returns what says that it goes on.
	Idle() (resume func())
	// Served says that the operation begins to wait for a server that computes for
	// it, here or on a machine of its own, and returns what says that it goes on.
	Served(here bool) (resume func())
	// Spend says that whoever writes to the shard computed for so long on its behalf: a
	// server on this machine, or the gateway itself.
	Spend(d time.Duration, server bool)
}

// Route returns the shard of a Handle's account. fresh asks past every cache:
// the shard that was returned before does not have the account.
type Route func(ctx context.Context, fresh bool) (*Shard, error)

// NewHandle returns a handle for account, whose identity the caller has
// verified. An empty account is a programmer's mistake.
func NewHandle(account string, keys *Keyring, route Route) *Handle {
	if account == "" {
		panic("shards: a handle without an account")
	}
	return &Handle{account: account, keys: keys, route: route}
}

// Require makes every read of the handle at least as new as the bookmark.
func (h *Handle) Require(bookmark string) error {
	p, err := h.keys.ParseBookmark(h.account, bookmark)
	if err != nil {
		return err
	}
	h.require(p)
	return nil
}

func (h *Handle) require(p Position) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.at.Before(p) {
		h.at, h.proven = p, false
	}
}

// reachedBy makes later reads at or past p, which is known to be there.
func (h *Handle) reachedBy(p Position) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.at.Before(p) {
		h.at, h.proven = p, true
	}
}

// Node names the node that served the handle's last read, for the log: primary,
// or replica-1 and so on; "" before the first one.
func (h *Handle) Node() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.node
}

func (h *Handle) servedBy(node string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.node = node
}

// Strong makes every read of the handle one of the primary's newest state.
func (h *Handle) Strong() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.strong = true
}

// InTurn sets the turn that is told of what the handle does; without one nobody
// is. Set it before the first use of the handle.
func (h *Handle) InTurn(turn Turn) { h.turn = turn }

// waits tells the turn.
func (h *Handle) waits() (goesOn func()) {
	if h.turn == nil {
		return func() {}
	}
	return h.turn.Idle()
}

// required returns the position that no read may be from before, and whether
// it is known to exist.
func (h *Handle) required() (at Position, proven, strong bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.at, h.proven, h.strong
}

// Snapshot returns a read at or after the position that the handle has when
// the read's first statement runs. Close it.
func (h *Handle) Snapshot(ctx context.Context) (*Snapshot, error) {
	s := &Snapshot{handle: h}
	err := h.on(ctx, func(shard *Shard) error { s.shard = shard; return nil })
	if err != nil {
		return nil, err
	}
	return s, nil
}

// reached compares a head with the position that was required when it was
// asked for (invariant 5).
func (h *head) reached(at Position, proven bool) error {
	if !proven {
		return h.covers(at)
	}
	if h.Before(at) {
		return errAhead
	}
	return nil
}

// covers judges a position that a caller brought; h.end is that of its epoch.
func (h *head) covers(p Position) error {
	if p == (Position{}) {
		return nil
	}
	if p.Epoch < h.Epoch && p.Seq > h.end { // from before a move or a restore
		return &Error{Code: BookmarkLost, Message: "what the bookmark names was lost when the account was restored"}
	}
	if h.Before(p) {
		return errAhead
	}
	return nil
}

var errAhead = &Error{Code: BookmarkAhead, Message: "the bookmark is ahead of the account's history"}

// saw takes note of a snapshot that was required to be at a position. Another
// one may have gone further meanwhile.
func (h *Handle) saw(at, p Position) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.at == at || h.proven && h.at.Before(p) {
		h.at, h.proven = p, true
	}
}

// Covers returns nil where the snapshot is at or past a position of its
// account, BOOKMARK_AHEAD where it is not, and BOOKMARK_LOST where the position
// is of an epoch that ended before it.
func (s *Snapshot) Covers(ctx context.Context, p Position) error {
	h, err := s.opened(ctx)
	if err == nil && p.Epoch < h.Epoch { // which may not be the epoch that it was opened for
		err = s.each(ctx, func(b *builder) { headOf(b, p.Epoch) }, h.scan)
	}
	if err != nil {
		return err
	}
	return h.covers(p)
}

// Commit writes, and returns when the write is on disk (invariant 8). What the
// database refuses is a *Refusal. Every later read of the handle sees the write.
func (h *Handle) Commit(ctx context.Context, w *Write) (Committed, error) {
	if at, proven, _ := h.required(); !proven && at != (Position{}) { // refused before anything is written
		if _, err := h.prove(ctx, true); err != nil {
			return Committed{}, err
		}
	}
	var out Committed
	err := h.on(ctx, func(shard *Shard) (err error) {
		if err := shard.use.enter(); err != nil {
			return err
		}
		defer shard.use.leave()
		defer h.waits()()
		out, err = shard.engine.commit(ctx, h.account, w)
		if h.turn != nil && out.Spent > 0 {
			h.turn.Spend(out.Spent, shard.engine.sql() == postgresSQL)
		}
		if err == nil {
			shard.feeds.wake(h.account)
			h.usage.writes.Add(int64(len(w.Ops)))
		}
		return err
	})
	if err != nil {
		return Committed{}, err
	}
	h.reachedBy(out.Position)
	return out, nil
}

// on runs f on the account's shard. It runs it again on a fresh route, once,
// where the account has moved (invariant 6), and on the same route where the
// shard was closed because nobody used it.
func (h *Handle) on(ctx context.Context, f func(*Shard) error) error {
	h.mu.Lock()
	shard := h.shard
	h.mu.Unlock()
	moved := false
	var err error
	for {
		if shard == nil || err != nil {
			next, rerr := h.route(ctx, moved)
			if rerr != nil {
				return rerr
			}
			if next == shard && errors.Is(err, errClosed) { // not for want of use
				return err
			}
			shard = next
			h.mu.Lock()
			h.shard = shard
			h.mu.Unlock()
		}
		err = f(shard)
		switch {
		case errors.Is(err, errClosed) && ctx.Err() == nil:
		case !errors.Is(err, errMoved):
			return err
		case moved:
			return &Error{Code: Unavailable, Message: "the account can't be reached just now", RetryAfter: time.Second, Err: err}
		default:
			moved = true
		}
	}
}

// Head returns the position that a read would be at: the newest where that is
// known, else what the head says.
func (h *Handle) Head(ctx context.Context) (Position, error) {
	if p, known := h.Newest(ctx); known {
		return p, nil
	}
	return h.prove(ctx, false)
}

// Newest returns the newest position of the account's history where it is known
// without asking the database, at or past the position that the handle has. The
// handle has seen it then: what is shown of it needs no read.
func (h *Handle) Newest(ctx context.Context) (Position, bool) {
	var p Position
	known := false
	err := h.on(ctx, func(shard *Shard) error {
		// Of a shard that rests, which may be open anew and go on.
		if err := shard.use.enter(); err != nil {
			return err
		}
		defer shard.use.leave()
		p, known = shard.engine.newest(h.account)
		return nil
	})
	at, proven, _ := h.required()
	if err != nil || !known || p.Before(at) || !proven && at.Epoch != p.Epoch && at != (Position{}) {
		return Position{}, false
	}
	h.saw(at, p)
	return p, true
}

// Bookmark prints the newest position that the handle has seen. Where it has
// seen none it reads the head.
func (h *Handle) Bookmark(ctx context.Context) (string, error) {
	at, proven, _ := h.required()
	if !proven {
		if _, err := h.prove(ctx, false); err != nil {
			return "", err
		}
		at, _, _ = h.required()
	}
	return h.keys.Bookmark(h.account, at), nil
}

// prove reads the head, which makes the handle's position a known one.
func (h *Handle) prove(ctx context.Context, strong bool) (Position, error) {
	s := &Snapshot{handle: h, strong: strong, last: true}
	return s.Position(ctx)
}

// BookmarkAt prints a position of the handle's account.
func (h *Handle) BookmarkAt(p Position) string { return h.keys.Bookmark(h.account, p) }

// Position reads a bookmark of the handle's account.
func (h *Handle) Position(bookmark string) (Position, error) {
	return h.keys.ParseBookmark(h.account, bookmark)
}

// Cursor prints a mark in a list of the handle's account, and ParseCursor reads it.
func (h *Handle) Cursor(list string, m Mark) string { return h.keys.Cursor(h.account, list, m) }

// ParseCursor reads what Cursor printed for the same list.
func (h *Handle) ParseCursor(list, text string) (Mark, error) {
	return h.keys.ParseCursor(h.account, list, text)
}
