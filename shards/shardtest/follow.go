package shardtest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"gatehouse/shards"
)

// following returns a context that ends with the test, or after a while for
// whoever waits for a write in vain.
func (w *world) following() context.Context {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	w.t.Cleanup(cancel)
	return ctx
}

// follow reads writes from a position to a number, and wants each once, in
// order, with what the log has of it.
func (w *world) follow(ctx context.Context, h *shards.Handle, after *shards.Position, to int64) {
	f, err := h.Follow(ctx, after)
	if err != nil {
		w.t.Error(err)
		return
	}
	want := int64(1)
	if after != nil {
		want = after.Seq + 1
	}
	for ; want <= to; want++ {
		set, err := f.Next(ctx)
		if err != nil {
			w.t.Errorf("instead of write %d: %v", want, err)
			return
		}
		if set.Position.Seq != want || len(set.Changes) == 0 || set.Changes[0].Seq != want {
			w.t.Errorf("got %+v, want write %d", set, want)
			return
		}
	}
}

// Whenever somebody begins, and however fast they are: each write once, in
// order, without gaps.
func followersMissNothing(w *world) {
	ctx := w.following()
	const writers, each = 4, 60
	h := w.handle("a")
	var all sync.WaitGroup
	for n := range writers {
		all.Go(func() {
			for i := range each {
				w.commit(h, create("groups", fmt.Sprintf("g%d_%03d", n, i), nil))
				if i%20 == 0 {
					all.Go(func() {
						w.follow(ctx, w.again("a"), &shards.Position{}, writers*each)
						w.follow(ctx, w.again("a"), &shards.Position{Epoch: 1, Seq: 3}, writers*each)
					})
				}
			}
		})
	}
	all.Wait()
}

// Who follows from now on gets what comes, and reads it with what it changed.
func followersBeginNow(w *world) {
	ctx := w.following()
	h := w.handle("a")
	w.commit(h, create("groups", "g1", nil))
	reader := w.again("a")
	f, err := reader.Follow(ctx, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	w.commit(h, create("groups", "g2", nil), create("users", "u2", nil))
	set, err := f.Next(ctx)
	if err != nil || tell(set.Changes) != "2 g2 2 u2" || set.Position != (shards.Position{Epoch: 1, Seq: 2}) {
		w.t.Fatalf("got %+v, %v", set, err)
	}
	w.row(reader, "groups", "g2")
	soon, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	if set, err := f.Next(soon); !errors.Is(err, context.DeadlineExceeded) {
		w.t.Errorf("got %+v, %v: there is no other write", set, err)
	}
}

// However many follow an account, its new writes are read once.
func followersShareTheirReads(w *world) {
	ctx := w.following()
	const followers, writes = 100, 20
	h := w.handle("a")
	first := &shards.Position{Epoch: w.commit(h, create("groups", "first", nil)).Position.Epoch}
	var ready, all sync.WaitGroup
	for range followers {
		ready.Add(1)
		all.Go(func() {
			f, err := w.again("a").Follow(ctx, first)
			for i := range 1 + writes {
				var set *shards.ChangeSet
				if err == nil {
					set, err = f.Next(ctx)
				}
				if i == 0 {
					ready.Done()
				}
				if err != nil || set.Position.Seq != int64(i+1) {
					w.t.Errorf("got %+v, %v, want write %d", set, err, i+1)
					return
				}
			}
		})
	}
	ready.Wait() // whoever begins may have to read for itself
	var reads atomic.Int64
	w.listen(func(s shards.Statement) {
		if strings.Contains(s.SQL, "FROM change t") {
			reads.Add(1)
		}
	})
	for i := range writes {
		w.commit(h, create("groups", name("g", i), nil))
	}
	all.Wait()
	if n := reads.Load(); n > writes {
		w.t.Errorf("%d reads of the log for %d writes", n, writes)
	}
}

// The same ids in two accounts: nobody gets what is the neighbour's.
func followersStayInTheirAccount(w *world) {
	ctx := w.following()
	a, b := w.handle("a"), w.handle("b")
	fa, err := w.again("a").Follow(ctx, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	fb, err := w.again("b").Follow(ctx, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	for i := range 20 {
		w.commit(a, create("groups", name("g", i), fields{"name": fmt.Sprint("a", i)}))
		w.commit(b, create("groups", name("g", i), fields{"name": fmt.Sprint("b", i)}))
	}
	for i := range 20 {
		for account, f := range map[string]*shards.Follower{"a": fa, "b": fb} {
			set, err := f.Next(ctx)
			if err != nil {
				w.t.Fatal(err)
			}
			if patch := string(set.Changes[0].Patch); !strings.Contains(patch, fmt.Sprintf(`"%s%d"`, account, i)) {
				w.t.Fatalf("%s got %s as write %d", account, patch, i+1)
			}
		}
	}
}

// A write may have more changes than a page of the log.
func followersGetWholeWrites(w *world) {
	ctx := w.following()
	h := w.handle("a")
	var ops []shards.Op
	for i := range 1100 {
		ops = append(ops, create("groups", fmt.Sprintf("g%04d", i), nil))
	}
	w.commit(h, ops[:600]...)
	w.commit(h, ops[600:]...)
	var many []shards.Op
	for i := range 1500 {
		many = append(many, create("users", fmt.Sprintf("u%04d", i), nil))
	}
	w.commit(h, many...)
	w.commit(h, create("groups", "last", nil))
	f, err := w.again("a").Follow(ctx, &shards.Position{})
	if err != nil {
		w.t.Fatal(err)
	}
	for i, want := range []int{600, 500, 1500, 1} {
		set, err := f.Next(ctx)
		if err != nil || len(set.Changes) != want || set.Position.Seq != int64(i+1) {
			w.t.Fatalf("write %d: got %d changes at %+v, %v", i+1, len(set.Changes), set.Position, err)
		}
	}
}

func followersOfAClosedShard(w *world) {
	ctx := w.following()
	h := w.handle("a")
	f, err := h.Follow(ctx, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	told := make(chan error)
	go func() {
		_, err := f.Next(ctx)
		told <- err
	}()
	if err := w.shard.Close(); err != nil {
		w.t.Fatal(err)
	}
	wantCode(w.t, <-told, shards.Unavailable)
	_, err = w.again("a").Follow(ctx, nil)
	wantCode(w.t, err, shards.Unavailable)
}
