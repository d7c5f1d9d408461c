package shards

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"
)

func followTest(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// want reads the next write.
func (f *Follower) want(ctx context.Context, t *testing.T, at Position) {
	t.Helper()
	if set, err := f.Next(ctx); err != nil || set.Position != at {
		t.Fatalf("got %+v, %v, want write %+v", set, err, at)
	}
}

func TestFollowOnlyWhatIsThere(t *testing.T) {
	t.Parallel()
	s := openTest(t, Options{})
	s.testHandle(t, "a")
	s.exec(t, "UPDATE head SET epoch = 2, seq = 9, trimmed = 5 WHERE account_id = 'a'")
	s.exec(t, "INSERT INTO epoch_end (account_id, epoch, seq) VALUES ('a', 1, 7)")
	ctx := followTest(t)
	for _, test := range []struct {
		after Position
		want  Code
	}{
		{Position{2, 9}, ""}, {Position{2, 5}, ""}, {Position{1, 7}, ""},
		{Position{}, HistoryGone}, {Position{1, 4}, HistoryGone}, {Position{2, 4}, HistoryGone},
		{Position{1, 8}, BookmarkLost}, {Position{2, 10}, BookmarkAhead}, {Position{3, 1}, BookmarkAhead},
	} {
		_, err := s.testHandle(t, "a").Follow(ctx, &test.after)
		if CodeOf(err) != test.want {
			t.Errorf("%+v: got %v, want %q", test.after, err, test.want)
		}
	}
}

// The log may be trimmed while somebody is far behind.
func TestFollowerWhoIsTooSlow(t *testing.T) {
	t.Parallel()
	s := openTest(t, Options{})
	h := s.testHandle(t, "a")
	ctx := followTest(t)
	f, err := s.testHandle(t, "a").Follow(ctx, &Position{})
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for i := range maxTail + 2 {
		all.Go(func() {
			if _, err := h.Commit(ctx, &Write{Ops: []Op{createGroup(fmt.Sprint("g", i), fmt.Sprint("G", i))}}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	f.want(ctx, t, Position{1, 1})
	f.ahead = nil // as if it had read just this one
	s.exec(t, "UPDATE head SET trimmed = 2 WHERE account_id = 'a'")
	for f.feed.tail.Load().end.Seq < maxTail+2 {
		runtime.Gosched()
	}
	set, err := f.Next(ctx)
	if CodeOf(err) != HistoryGone {
		t.Errorf("got %+v, %v", set, err)
	}
}

// A follower goes with its account to another shard, and misses nothing.
func TestFollowerMovesWithItsAccount(t *testing.T) {
	t.Parallel()
	from, to := openTest(t, Options{}), openTest(t, Options{})
	h := from.testHandle(t, "a")
	to.testHandle(t, "a")
	ctx := followTest(t)
	at := from
	f, err := NewHandle("a", testKeys, func(_ context.Context, fresh bool) (*Shard, error) { return at, nil }).Follow(ctx, &Position{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Commit(ctx, &Write{Ops: []Op{createGroup("g1", "G1")}}); err != nil {
		t.Fatal(err)
	}
	f.want(ctx, t, Position{1, 1})
	to.exec(t, "UPDATE head SET epoch = 2, seq = 1 WHERE account_id = 'a'")
	to.exec(t, "INSERT INTO epoch_end (account_id, epoch, seq) VALUES ('a', 1, 1)")
	at = to
	from.exec(t, "UPDATE head SET state = 'gone' WHERE account_id = 'a'")
	from.feeds.wake("a")
	if _, err := to.testHandle(t, "a").Commit(ctx, &Write{Ops: []Op{createGroup("g2", "G2")}}); err != nil {
		t.Fatal(err)
	}
	f.want(ctx, t, Position{2, 2})
}

// What was lost in a restore must not be taken for what has been seen.
func TestFollowerOfARestoredAccount(t *testing.T) {
	t.Parallel()
	s := openTest(t, Options{})
	h := s.testHandle(t, "a")
	ctx := followTest(t)
	behind, err := s.testHandle(t, "a").Follow(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	ahead, err := s.testHandle(t, "a").Follow(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 2 {
		if _, err := h.Commit(ctx, &Write{Ops: []Op{createGroup(fmt.Sprint("g", i), fmt.Sprint("G", i))}}); err != nil {
			t.Fatal(err)
		}
		ahead.want(ctx, t, Position{1, int64(i + 1)})
	}
	behind.want(ctx, t, Position{1, 1})
	s.exec(t, "DELETE FROM change WHERE seq = 2")
	s.exec(t, "UPDATE head SET epoch = 2, seq = 1 WHERE account_id = 'a'")
	s.exec(t, "INSERT INTO epoch_end (account_id, epoch, seq) VALUES ('a', 1, 1)")
	s.feeds.wake("a")
	_, err = ahead.Next(ctx)
	wantCode(t, err, BookmarkLost)
	// Who had the write already is told when it sees that; who had not goes on.
	for {
		set, err := behind.Next(ctx)
		if CodeOf(err) == BookmarkLost {
			break
		}
		if err != nil || set.Position != (Position{1, 2}) {
			t.Fatalf("got %+v, %v", set, err)
		}
	}
}

// Nobody's account costs a goroutine once its last follower has left.
func TestFeedsEndWithTheirFollowers(t *testing.T) {
	t.Parallel()
	s := openTest(t, Options{})
	s.testHandle(t, "a")
	for range 3 {
		ctx, cancel := context.WithCancel(followTest(t))
		for range 5 {
			if _, err := s.testHandle(t, "a").Follow(ctx, nil); err != nil {
				t.Fatal(err)
			}
		}
		cancel()
		deadline := time.Now().Add(30 * time.Second)
		for {
			s.feeds.mu.Lock()
			n := len(s.feeds.of)
			s.feeds.mu.Unlock()
			if n == 0 {
				break
			}
			if time.Now().After(deadline) {
				t.Fatal("the feed goes on without a follower")
			}
			time.Sleep(time.Millisecond)
		}
	}
	s.feeds.ended.Wait()
}
