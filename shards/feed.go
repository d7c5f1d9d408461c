package shards

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

// ChangeSet is one committed write: what each of its changes did. Followers
// share it and must not change it.
type ChangeSet struct {
	// Position is the write's own.
	Position Position
	Changes  []*Change
}

// feeds are a shard's accounts that somebody follows. It is safe for
// concurrent use.
type feeds struct {
	shard *Shard

	mu    sync.Mutex
	of    map[string]*feed // nil once the shard closes
	ended sync.WaitGroup
}

func newFeeds(s *Shard) *feeds { return &feeds{shard: s, of: map[string]*feed{}} }

// wake says that an account has been written to, here or through another
// gateway. It never waits, and wakes that come close together count as one.
func (f *feeds) wake(account string) {
	f.mu.Lock()
	one := f.of[account]
	f.mu.Unlock()
	if one != nil {
		one.wake()
	}
}

// wakeAll is wake for all accounts that somebody follows.
func (f *feeds) wakeAll() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, one := range f.of {
		one.wake()
	}
}

// join returns the feed of an account, which it starts for the first
// follower. Each join needs a leave.
func (f *feeds) join(account string) (*feed, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.of == nil {
		return nil, errClosed
	}
	one := f.of[account]
	if one == nil {
		ctx, cancel := context.WithCancel(context.Background())
		one = &feed{feeds: f, handle: f.handle(account), woken: make(chan struct{}, 1), cancel: cancel}
		one.tail.Store(&tail{more: make(chan struct{})})
		f.of[account] = one
		f.ended.Go(func() { one.run(ctx) })
	}
	one.followers++
	return one, nil
}

// handle returns what a feed reads with: the newest there is, on this shard
// only. An account that is elsewhere is errMoved.
func (f *feeds) handle(account string) *Handle {
	h := NewHandle(account, f.shard.opts.Keys, func(_ context.Context, fresh bool) (*Shard, error) {
		if fresh {
			return nil, errMoved
		}
		return f.shard, nil
	})
	h.Strong()
	return h
}

// leave ends the feed with its last follower.
func (f *feeds) leave(one *feed) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if one.followers--; one.followers == 0 {
		f.remove(one)
	}
}

// remove makes the next follower start another feed; f.mu is held.
func (f *feeds) remove(one *feed) {
	one.cancel()
	if f.of[one.handle.account] == one {
		delete(f.of, one.handle.account)
	}
}

// retire takes no followers any more, where nobody follows and the shard agrees.
func (f *feeds) retire(agrees func() bool) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.of) > 0 || !agrees() {
		return false
	}
	f.of = nil
	return true
}

// close ends all feeds and waits for them. Their followers get UNAVAILABLE.
func (f *feeds) close() {
	f.mu.Lock()
	all := f.of
	f.of = nil
	f.mu.Unlock()
	for _, one := range all {
		one.cancel()
	}
	f.ended.Wait()
}

const (
	// maxTail and maxTailBytes bound what a feed keeps of the newest writes for
	// all its followers; who is further behind reads the log for itself.
	maxTail      = 256
	maxTailBytes = 512 << 10
	// retryRead is how long a feed waits after a read that failed, and
	// maxRetries how often before its followers are told.
	retryRead  = 200 * time.Millisecond
	maxRetries = 10
)

// feed reads the new writes of one account once for all who follow it. It is
// one goroutine, which ends with the last follower.
type feed struct {
	feeds     *feeds
	handle    *Handle // of the feed's own
	followers int     // guarded by feeds.mu
	woken     chan struct{}
	cancel    context.CancelFunc
	tail      atomic.Pointer[tail]
	bytes     int // of the tail's patches
}

// tail is a feed's newest writes, without gaps. A new one replaces it.
type tail struct {
	// end is what has been read up to; zero before the first read.
	end  Position
	sets []*ChangeSet // those up to end
	// more is closed when there is a newer tail.
	more chan struct{}
	// err, where set, is why there won't be one.
	err error
}

// after returns the write after seq; nil where the tail begins behind it, or
// ends before it.
func (t *tail) after(seq int64) *ChangeSet {
	i := seq + 1 - (t.end.Seq + 1 - int64(len(t.sets)))
	if i < 0 || i >= int64(len(t.sets)) {
		return nil
	}
	return t.sets[i]
}

func (f *feed) wake() {
	select {
	case f.woken <- struct{}{}:
	default:
	}
}

func (f *feed) run(ctx context.Context) {
	err := f.follow(ctx)
	f.feeds.mu.Lock()
	f.feeds.remove(f)
	f.feeds.mu.Unlock()
	last := f.tail.Load()
	f.tail.Store(&tail{end: last.end, sets: last.sets, err: err})
	close(last.more)
}

// follow reads whenever it is woken, and returns why it can't any more.
func (f *feed) follow(ctx context.Context) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic in a feed: %v\n%s", v, debug.Stack())
		}
	}()
	for failed := 0; ; {
		more, err := f.read(ctx)
		switch {
		case ctx.Err() != nil:
			return errClosed
		case errors.Is(err, errMoved) || CodeOf(err) == HistoryGone:
			return err
		case err != nil:
			if failed++; failed > maxRetries {
				return &Error{Code: Unavailable, Message: "the account's history can't be read just now", RetryAfter: time.Second, Err: err}
			}
			select {
			case <-time.After(retryRead):
			case <-ctx.Done():
			}
			continue
		}
		failed = 0
		if more {
			continue
		}
		select {
		case <-f.woken:
		case <-ctx.Done():
			return errClosed
		}
	}
}

// read appends what is new to the tail; more says that it has not seen all.
// The first read only finds out where the history ends.
func (f *feed) read(ctx context.Context) (more bool, err error) {
	s, err := f.handle.Snapshot(ctx)
	if err != nil {
		return false, err
	}
	defer s.Close()
	head, err := s.Position(ctx)
	if err != nil {
		return false, err
	}
	old := f.tail.Load()
	next := &tail{end: head, sets: old.sets, more: make(chan struct{})}
	switch {
	case old.end == (Position{}):
	case head.Epoch != old.end.Epoch: // restored, or moved away and back
		return false, errMoved
	case head.Seq <= old.end.Seq:
		return false, nil
	default:
		sets, err := s.ChangeSets(ctx, old.end.Seq)
		if err != nil {
			return false, err
		}
		next.end.Seq = old.end.Seq + int64(len(sets))
		next.sets = f.bounded(append(old.sets, sets...), sets)
	}
	f.tail.Store(next)
	close(old.more)
	return next.end.Seq < head.Seq, nil
}

// bounded returns the newest of sets, to which added was appended.
func (f *feed) bounded(sets, added []*ChangeSet) []*ChangeSet {
	for _, set := range added {
		f.bytes += set.size()
	}
	drop := 0
	for len(sets)-drop > maxTail || f.bytes > maxTailBytes && len(sets)-drop > 1 {
		f.bytes -= sets[drop].size()
		drop++
	}
	if drop == 0 {
		return sets
	}
	return append(make([]*ChangeSet, 0, maxTail), sets[drop:]...) // what is left behind can be freed
}

// size is about how many bytes a write takes in memory.
func (s *ChangeSet) size() int {
	n := 100
	for _, c := range s.Changes {
		n += 300 + len(c.Patch)
	}
	return n
}
