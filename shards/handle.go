package shards

import (
	"context"
	"database/sql"
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
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.at.Before(p) {
		h.at, h.proven = p, false
	}
	return nil
}

// Snapshot opens a read at or after the handle's position. Close it.
func (h *Handle) Snapshot(ctx context.Context) (*Snapshot, error) {
	h.mu.Lock()
	at, proven := h.at, h.proven
	h.mu.Unlock()
	var s *Snapshot
	err := h.on(ctx, func(shard *Shard) (err error) {
		s, err = shard.snapshot(ctx, h.account)
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := h.reached(ctx, s, at, proven); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// reached compares a snapshot with the position that was required when it was
// asked for (invariant 5). Another one may have gone further meanwhile.
func (h *Handle) reached(ctx context.Context, s *Snapshot, at Position, proven bool) error {
	if !proven {
		if err := s.Covers(ctx, at); err != nil {
			return err
		}
	} else if s.Position.Before(at) {
		return errAhead
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.at == at || h.proven && h.at.Before(s.Position) {
		h.at, h.proven = s.Position, true
	}
	return nil
}

var errAhead = &Error{Code: BookmarkAhead, Message: "the bookmark is ahead of the account's history"}

// Covers returns nil where the snapshot is at or past a position of its
// account, BOOKMARK_AHEAD where it is not, and BOOKMARK_LOST where the position
// is of an epoch that ended before it.
func (s *Snapshot) Covers(ctx context.Context, p Position) error {
	if p == (Position{}) {
		return nil
	}
	if p.Epoch < s.Position.Epoch { // from before a move or a restore
		end, err := s.epochEnd(ctx, p.Epoch)
		if err != nil {
			return err
		}
		if p.Seq > end {
			return &Error{Code: BookmarkLost, Message: "what the bookmark names was lost when the account was restored"}
		}
	}
	if s.Position.Before(p) {
		return errAhead
	}
	return nil
}

// epochEnd returns the last write of an epoch that is still there, -1 if none
// is recorded: a later epoch may have ended before it, where it was restored.
func (s *Snapshot) epochEnd(ctx context.Context, epoch int64) (int64, error) {
	end := int64(-1)
	err := s.each(ctx, "SELECT coalesce(min(seq), -1) FROM epoch_end WHERE account_id = ?1 AND epoch >= ?2", []any{s.account, epoch},
		func(rows *sql.Rows) error { return rows.Scan(&end) })
	return end, err
}

// Commit writes, and returns when the write is on disk (invariant 8). What the
// database refuses is a *Refusal. Every later read of the handle sees the write.
func (h *Handle) Commit(ctx context.Context, w *Write) (Committed, error) {
	h.mu.Lock()
	unproven := !h.proven && h.at != (Position{})
	h.mu.Unlock()
	if unproven { // refused before anything is written
		s, err := h.Snapshot(ctx)
		if err != nil {
			return Committed{}, err
		}
		s.Close()
	}
	var out Committed
	err := h.on(ctx, func(shard *Shard) (err error) {
		out, err = shard.writes.commit(ctx, h.account, w)
		return err
	})
	if err != nil {
		return Committed{}, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.at.Before(out.Position) {
		h.at, h.proven = out.Position, true
	}
	return out, nil
}

// on runs f on the account's shard, and once more on a fresh route where the
// account has moved (invariant 6).
func (h *Handle) on(ctx context.Context, f func(*Shard) error) error {
	h.mu.Lock()
	shard := h.shard
	h.mu.Unlock()
	for fresh := false; ; fresh = true {
		if shard == nil || fresh {
			var err error
			if shard, err = h.route(ctx, fresh); err != nil {
				return err
			}
			h.mu.Lock()
			h.shard = shard
			h.mu.Unlock()
		}
		err := f(shard)
		if !errors.Is(err, errMoved) {
			return err
		}
		if fresh {
			return &Error{Code: Unavailable, Message: "the account can't be reached just now", RetryAfter: time.Second, Err: err}
		}
	}
}

// Bookmark prints the newest position that the handle has seen. Where it has
// seen none it reads the head.
func (h *Handle) Bookmark(ctx context.Context) (string, error) {
	h.mu.Lock()
	at, proven := h.at, h.proven
	h.mu.Unlock()
	if !proven {
		s, err := h.Snapshot(ctx)
		if err != nil {
			return "", err
		}
		s.Close()
		at = s.Position
	}
	return h.keys.Bookmark(h.account, at), nil
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
