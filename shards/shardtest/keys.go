package shardtest

import (
	"context"
	"sync"
	"time"

	"gatehouse/shards"
)

// keyed makes a write of ops with an idempotency key.
func keyed(key, field, input string, ops ...shards.Op) *shards.Write {
	return &shards.Write{
		Actor: tester, Ops: ops, Memo: []byte(`{"memo":"` + input + `"}`),
		Key: &shards.IdempotencyKey{Key: key, Field: field, Input: input},
	}
}

func keyAnswers(w *world) {
	h, b := w.handle("a"), w.handle("b")
	ctx := context.Background()
	first, err := h.Commit(ctx, keyed("k", "f", "1", create("groups", "g1", nil)))
	if err != nil || first.Replayed {
		w.t.Fatalf("got %+v, %v", first, err)
	}
	w.now.add(time.Hour)
	w.commit(h, create("groups", "g9", nil))
	again, err := h.Commit(ctx, keyed("k", "f", "1", create("groups", "g2", nil)))
	if err != nil || !again.Replayed || again.Position != first.Position || again.At != first.At || string(again.Memo) != `{"memo":"1"}` {
		w.t.Errorf("got %+v, %v, want that of %+v", again, err, first)
	}
	s := w.snapshot(h)
	if again, err := s.Replay(ctx, keyed("k", "f", "1").Key); err != nil || again == nil || again.Position != first.Position {
		w.t.Errorf("got %+v, %v", again, err)
	}
	_, err = h.Commit(ctx, keyed("k", "f", "2", create("groups", "g2", nil)))
	wantCode(w.t, err, shards.IdempotencyMismatch)
	_, err = s.Replay(ctx, keyed("k", "f", "2").Key)
	wantCode(w.t, err, shards.IdempotencyMismatch)
	for _, other := range []*shards.IdempotencyKey{{Key: "k", Field: "f2", Input: "1"}, {Key: "k2", Field: "f", Input: "1"}} {
		if again, err := s.Replay(ctx, other); err != nil || again != nil {
			w.t.Errorf("%+v: got %+v, %v", other, again, err)
		}
	}
	if again, err := b.Commit(ctx, keyed("k", "f", "2", create("groups", "g2", nil))); err != nil || again.Replayed {
		w.t.Errorf("a neighbour's key answered: %+v, %v", again, err)
	}
	// A write that was refused leaves its key free; what was left out of a partial one is remembered.
	if _, err := h.Commit(ctx, keyed("r", "f", "1", create("groups", "g1", nil))); err == nil {
		w.t.Error("a taken id was accepted")
	}
	write := keyed("r", "f", "2", create("groups", "g1", fields{"name": "Other"}), create("groups", "g2", nil))
	write.Partial = true
	if _, err := h.Commit(ctx, write); err != nil {
		w.t.Error(err)
	}
	again, err = h.Commit(ctx, write)
	if want := (shards.Refusal{Op: 0, Reason: shards.Taken, Field: "id"}); err != nil || !again.Replayed || len(again.Refused) != 1 || again.Refused[0] != want {
		w.t.Errorf("got %+v, %v", again, err)
	}
	w.folds(h)
}

func keyExpires(w *world) {
	h := w.handle("a")
	ctx := context.Background()
	if _, err := h.Commit(ctx, keyed("k", "f", "1", create("groups", "g1", nil))); err != nil {
		w.t.Fatal(err)
	}
	w.now.add(24 * time.Hour)
	if out, err := h.Commit(ctx, keyed("k", "f", "1", create("groups", "g2", nil))); err != nil || !out.Replayed {
		w.t.Errorf("got %+v, %v", out, err)
	}
	w.now.add(time.Millisecond)
	if out, err := w.snapshot(h).Replay(ctx, keyed("k", "f", "1").Key); err != nil || out != nil {
		w.t.Errorf("got %+v, %v", out, err)
	}
	if out, err := h.Commit(ctx, keyed("k", "f", "other", create("groups", "g2", nil))); err != nil || out.Replayed || out.Position.Seq != 2 {
		w.t.Errorf("got %+v, %v", out, err)
	}
}

// duplicates of a request, all under way at once, write once.
func duplicates(w *world) {
	h := w.handle("a")
	const n = 16
	outs := make([]shards.Committed, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			var err error
			if outs[i], err = h.Commit(context.Background(), keyed("k", "f", "1", create("groups", name("g", i), nil))); err != nil {
				w.t.Error(err)
			}
		})
	}
	wg.Wait()
	effects := 0
	for _, out := range outs {
		if !out.Replayed {
			effects++
		}
		if out.Position.Seq != 1 {
			w.t.Errorf("got %+v", out)
		}
	}
	if effects != 1 || w.head(h).Seq != 1 {
		w.t.Errorf("%d effects, head %+v", effects, w.head(h))
	}
	w.folds(h)
}
