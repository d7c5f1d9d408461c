package shards

import (
	"math"
	"sync/atomic"
	"time"
)

// use counts what a shard is used for, so that one which nobody uses can be
// closed. It is safe for concurrent use.
type use struct {
	now func() time.Time
	// under counts the reads and writes under way; it is below zero once the
	// shard rests.
	under atomic.Int64
	last  atomic.Int64 // when the shard was last used, in nanoseconds
}

const resting = math.MinInt32

// enter begins to use the shard; leave ends it. Where the shard rests it is
// errClosed.
func (u *use) enter() error {
	if u.under.Add(1) <= 0 {
		u.under.Add(-1)
		return errClosed
	}
	return nil
}

func (u *use) leave() {
	u.touch()
	u.under.Add(-1)
}

// touch says that somebody is about to use the shard, or has.
func (u *use) touch() { u.last.Store(u.now().UnixNano()) }

// rest keeps everybody out from now on; false where somebody is inside.
func (u *use) rest() bool { return u.under.CompareAndSwap(0, resting) }

// rest ends the use of a shard that nobody uses: no read or write is under way,
// and nobody follows an account of it. Then it can be closed without anybody's
// noticing; it is false where it can't.
func (s *Shard) rest() bool { return s.feeds.retire(s.use.rest) }
