package shards

import (
	"context"
	"errors"
)

// Follower goes through an account's history write by write: first what is in
// the log, then what is committed. One goroutine uses it at a time.
type Follower struct {
	handle *Handle
	// at is the last write that Next returned, in the history's present epoch.
	at   Position
	feed *feed
	// leave gives the feed back.
	leave func()
	// ahead are writes behind at that were read from the log.
	ahead []*ChangeSet
}

// Follow returns what goes through the writes after a position, or those from
// now on without one. HISTORY_GONE where the log does not reach back to it;
// BOOKMARK_AHEAD and BOOKMARK_LOST where it is none of this history. The
// follower ends with ctx.
func (h *Handle) Follow(ctx context.Context, after *Position) (*Follower, error) {
	f := &Follower{handle: h, leave: func() {}}
	if after != nil {
		h.require(*after)
		f.at = *after
	}
	return f, f.attach(ctx, after == nil)
}

// attach joins the feed of the shard that has the account; now forgets where
// the follower was.
func (f *Follower) attach(ctx context.Context, now bool) error {
	f.leave()
	s, err := f.handle.Snapshot(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	head, err := s.Position(ctx)
	if err != nil {
		return err
	}
	if now {
		f.at = head
	}
	if err := s.Reaches(ctx, f.at); err != nil {
		return err
	}
	feeds := s.shard.feeds
	if f.feed, err = feeds.join(f.handle.account); err != nil {
		return err
	}
	f.at.Epoch = head.Epoch
	one := f.feed
	stop := context.AfterFunc(ctx, func() { feeds.leave(one) })
	f.leave = func() {
		if stop() {
			feeds.leave(one)
		}
	}
	return nil
}

// Next waits for the next write and returns it: each one once, in order, without
// gaps. Later reads of the handle are at or past it. Errors are those of
// Follow, UNAVAILABLE, and that of ctx; the follower ends with the first.
func (f *Follower) Next(ctx context.Context) (*ChangeSet, error) {
	for {
		if len(f.ahead) > 0 {
			set := f.ahead[0]
			f.ahead = f.ahead[1:]
			return f.take(set), nil
		}
		t := f.feed.tail.Load()
		same := t.end.Epoch == f.at.Epoch
		var err error
		switch set := t.after(f.at.Seq); {
		case same && set != nil:
			return f.take(set), nil
		case same && f.at.Seq < t.end.Seq: // further behind than the tail reaches
			err = f.catchUp(ctx, t.end)
		case errors.Is(t.err, errMoved), t.end.Epoch > f.at.Epoch:
			err = f.attach(ctx, false)
		case t.err != nil:
			err = t.err
		default:
			if !same && t.end != (Position{}) {
				f.feed.wake() // it has not noticed a restore
			}
			select {
			case <-t.more:
			case <-ctx.Done():
				err = ctx.Err()
			}
		}
		if err != nil {
			return nil, err
		}
	}
}

// take moves the follower and its handle on to a write.
func (f *Follower) take(set *ChangeSet) *ChangeSet {
	f.at = set.Position
	f.handle.reachedBy(set.Position)
	return set
}

// catchUp reads a page of the log, of which end is known to be there.
func (f *Follower) catchUp(ctx context.Context, end Position) error {
	f.handle.reachedBy(end)
	s, err := f.handle.Snapshot(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	if err := s.Reaches(ctx, f.at); err != nil {
		return err
	}
	f.ahead, err = s.ChangeSets(ctx, f.at.Seq)
	if len(f.ahead) > 0 {
		f.at.Epoch = f.ahead[0].Position.Epoch
	}
	return err
}
