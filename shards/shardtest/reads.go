package shardtest

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"gatehouse/shards"
)

func bookmarkIsOfOneAccount(w *world) {
	a, b := w.handle("a"), w.handle("b")
	ctx := context.Background()
	w.commit(a, create("groups", "g1", nil))
	w.commit(b, create("groups", "g1", nil))
	good, err := a.Bookmark(ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	theirs, err := b.Bookmark(ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	if p, err := a.Position(good); err != nil || p != (shards.Position{Epoch: 1, Seq: 1}) {
		w.t.Errorf("got %+v, %v", p, err)
	}
	forged, err := shards.NewKeyring([]byte(strings.Repeat("x", 32)))
	if err != nil {
		w.t.Fatal(err)
	}
	bad := []string{
		"", "x", "not base64!", theirs, good + "A", good + "=", " " + good, strings.ToUpper(good),
		forged.Bookmark("a", shards.Position{Epoch: 1, Seq: 1}),
		w.keys.Cursor("a", "l", shards.Mark{Value: int64(1), ID: "g1"}),
		strings.Repeat("A", 5000),
	}
	for i := range good {
		bad = append(bad, good[:i], good[:i]+string(good[i]^1)+good[i+1:])
	}
	for _, text := range bad {
		_, err := a.Position(text)
		wantCode(w.t, err, shards.BookmarkInvalid)
		wantCode(w.t, a.Require(text), shards.BookmarkInvalid)
	}
	w.head(a) // nothing of them is left
	// A secret is rotated: what the old one signed stays good, what the new one signs is read.
	rotated, err := shards.NewKeyring([]byte(strings.Repeat("n", 32)), []byte(strings.Repeat("k", 32)))
	if err != nil {
		w.t.Fatal(err)
	}
	if p, err := rotated.ParseBookmark("a", good); err != nil || p.Seq != 1 {
		w.t.Errorf("got %+v, %v", p, err)
	}
	if _, err := w.keys.ParseBookmark("a", rotated.Bookmark("a", shards.Position{})); err == nil {
		w.t.Error("the old secret alone read what the new one signed")
	}
}

func bookmarkAhead(w *world) {
	ctx := context.Background()
	w.commit(w.handle("a"), create("groups", "g1", nil))
	for _, p := range []shards.Position{{Epoch: 1, Seq: 2}, {Epoch: 2, Seq: 1}, {Epoch: 1, Seq: 1 << 52}} {
		h := w.handle("a")
		if err := h.Require(h.BookmarkAt(p)); err != nil {
			w.t.Fatal(err)
		}
		start := time.Now()
		_, _, err := open(ctx, h)
		wantCode(w.t, err, shards.BookmarkAhead)
		_, err = h.Commit(ctx, &shards.Write{Ops: []shards.Op{create("groups", "g2", nil)}})
		wantCode(w.t, err, shards.BookmarkAhead)
		_, err = h.Bookmark(ctx)
		wantCode(w.t, err, shards.BookmarkAhead)
		if took := time.Since(start); took > time.Second {
			w.t.Errorf("it took %s to say so", took)
		}
	}
	if w.head(w.handle("a")).Seq != 1 {
		w.t.Error("a write behind a bookmark that is ahead was written")
	}
}

// readsItsOwnWrites: what a handle, or a bookmark, has seen, every later read sees (invariant 5).
func readsItsOwnWrites(w *world) {
	ctx := context.Background()
	var wg sync.WaitGroup
	w.handle("a")
	for n := range 8 {
		wg.Go(func() {
			h := w.handle("a")
			for i := range 10 {
				id := name(name("g", n), i)
				out, err := h.Commit(ctx, &shards.Write{Ops: []shards.Op{create("groups", id, nil)}})
				if err != nil {
					w.t.Error(err)
					return
				}
				mark, err := h.Bookmark(ctx)
				if err != nil {
					w.t.Error(err)
				}
				if p, err := h.Position(mark); err != nil || p.Before(out.Position) {
					w.t.Errorf("the bookmark is of %+v, the write of %+v, %v", p, out.Position, err)
				}
				other := w.handle("a")
				if err := other.Require(mark); err != nil {
					w.t.Error(err)
				}
				for _, h := range []*shards.Handle{h, other} {
					s, err := h.Snapshot(ctx)
					if err != nil {
						w.t.Error(err)
						return
					}
					rows, err := s.Get(ctx, "groups", []string{id}) // opens it
					at, err2 := s.Position(ctx)
					if err != nil || err2 != nil || len(rows) != 1 || at.Before(out.Position) {
						w.t.Errorf("%s was not read back at %+v: %v, %v", id, at, err, err2)
					}
					s.Close()
				}
			}
		})
	}
	wg.Wait()
}

// snapshotStays: all that is read through a snapshot is of one position (invariant 4).
func snapshotStays(w *world) {
	h := w.handle("a")
	ctx := context.Background()
	w.commit(h, create("groups", "g1", fields{"name": "Before"}))
	s := w.snapshot(h)
	w.commit(h, update(w.row(h, "groups", "g1"), fields{"name": "After"}), create("groups", "g2", nil))
	w.commit(h, remove("groups", "g1", 2))
	rows, err := s.Get(ctx, "groups", []string{"g1", "g2"})
	if err != nil || ids(rows) != "g1" || rows[0].Text("name") != "Before" {
		w.t.Errorf("got %s, %v", ids(rows), err)
	}
	changes, err := s.Changes(ctx, 0, 99, nil, 99)
	at, err2 := s.Position(ctx)
	if err != nil || err2 != nil || tell(changes) != "1 g1" || at.Seq != 1 {
		w.t.Errorf("got %q at %+v, %v, %v", tell(changes), at, err, err2)
	}
	s.Close()
	s.Close()
	if _, err := s.Get(ctx, "groups", []string{"g1"}); err == nil {
		w.t.Error("a closed snapshot was read")
	}
	if w.head(h).Seq != 3 {
		w.t.Errorf("got %+v", w.head(h))
	}
}

// severalTables: records of several tables come together, each of its own table
// and account, whether the snapshot is open or opens with them.
func severalTables(w *world) {
	ctx := context.Background()
	for _, account := range []string{"a", "b"} {
		w.commit(w.handle(account), create("groups", "x", fields{"name": "Group of " + account}))
		w.commit(w.handle(account), create("users", "x", fields{"name": "User of " + account, "email": "x@example.com", "role": "MEMBER"}))
	}
	w.commit(w.handle("b"), create("groups", "only", fields{"name": "Of b"}))
	want := "group of a, user of a"
	s, err := w.again("a").Snapshot(ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	defer s.Close()
	for range 2 {
		rows, err := s.GetAll(ctx, shards.Wanted{Table: "groups", IDs: []string{"x", "only", "none"}},
			shards.Wanted{Table: "clients", IDs: []string{"x"}}, shards.Wanted{Table: "users", IDs: []string{"none", "x", "x"}})
		var got []string
		for _, r := range rows {
			if r.Table.Name != strings.ToLower(strings.Fields(r.Text("name"))[0])+"s" {
				w.t.Errorf("%s is said to be of %s", r.Body, r.Table.Name)
			}
			got = append(got, strings.ToLower(r.Text("name")))
		}
		if strings.Join(got, ", ") != want || err != nil {
			w.t.Errorf("got %q, %v, want %q", got, err, want)
		}
	}
}

// snapshotsDoNotCross: of two reads that a handle begins at the same time, the
// one that sees less is no reason to refuse it.
func snapshotsDoNotCross(w *world) {
	h := w.handle("a")
	ctx := context.Background()
	writer := w.handle("a")
	done := make(chan struct{})
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				s, _, err := open(ctx, h)
				if err != nil {
					w.t.Error(err)
					return
				}
				s.Close()
			}
		})
	}
	for i := range 100 {
		w.commit(writer, create("groups", name("g", i), nil))
	}
	close(done)
	wg.Wait()
}

// requestsDoNotWaitForThemselves: many requests at once, each of which keeps
// its snapshot while it asks for its bookmark and writes. If one of these took
// a second reader, all would wait for each other.
func requestsDoNotWaitForThemselves(w *world) {
	const requests = 64
	first := w.handle("a")
	w.commit(first, create("groups", "g", nil))
	mark, err := first.Bookmark(context.Background())
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	var wg sync.WaitGroup
	for i := range requests {
		wg.Go(func() {
			h := w.handle("a")
			if err := h.Require(mark); err != nil {
				w.t.Error(err)
			}
			s, _, err := open(ctx, h)
			if err != nil {
				w.t.Error(err)
				return
			}
			defer s.Close()
			if _, err := h.Bookmark(ctx); err != nil {
				w.t.Error(err)
			}
			if _, err := h.Commit(ctx, &shards.Write{Ops: []shards.Op{create("groups", name("g", i), nil)}}); err != nil {
				w.t.Error(err)
			}
			if _, err := h.Bookmark(ctx); err != nil {
				w.t.Error(err)
			}
			if rows, err := s.Get(ctx, "groups", []string{"g"}); err != nil || len(rows) != 1 {
				w.t.Error(rows, err)
			}
		})
	}
	wg.Wait()
}

func cursorIsOfOneList(w *world) {
	a, b := w.handle("a"), w.handle("b")
	for _, m := range []shards.Mark{
		{Value: nil, ID: "g1"}, {Value: int64(-1 << 53), ID: "g1"}, {Value: "", ID: ""}, {Value: "Ünal \"<&>\" \x00", ID: "g1"},
		{Value: "null", ID: "1"}, {Value: "12", ID: "g1"},
	} {
		good := a.Cursor("list", m)
		if got, err := a.ParseCursor("list", good); err != nil || got != m {
			w.t.Errorf("got %+v, %v, want %+v", got, err, m)
		}
		_, err := b.ParseCursor("list", good)
		wantCode(w.t, err, shards.BadRequest)
		_, err = a.ParseCursor("list DESC", good)
		wantCode(w.t, err, shards.BadRequest)
		for i := range good {
			for _, text := range []string{good[:i], good[:i] + string(good[i]^1) + good[i+1:], good + good[:i] + "="} {
				if _, err := a.ParseCursor("list", text); shards.CodeOf(err) != shards.BadRequest {
					w.t.Errorf("%q was read, %v", text, err)
				}
			}
		}
	}
	_, err := a.ParseCursor("list", a.BookmarkAt(shards.Position{Epoch: 1}))
	wantCode(w.t, err, shards.BadRequest)
}

// cancelledRead: a request that is given up takes nothing with it.
func cancelledRead(w *world) {
	h := w.handle("a")
	w.commit(h, create("groups", "g1", nil))
	s := w.snapshot(h)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := s.Get(ctx, "groups", []string{"g1"}); !errors.Is(err, context.Canceled) {
		w.t.Errorf("got %v", err)
	}
	if rows, err := s.Get(context.Background(), "groups", []string{"g1"}); err != nil || ids(rows) != "g1" {
		w.t.Errorf("got %s, %v", ids(rows), err)
	}
	if _, err := h.Commit(ctx, &shards.Write{Ops: []shards.Op{create("groups", "g2", nil)}}); err != nil && !errors.Is(err, context.Canceled) {
		w.t.Errorf("got %v", err)
	}
	var wg sync.WaitGroup
	for n := range 8 {
		wg.Go(func() {
			for i := range 300 { // given up at every step on the way to a snapshot
				ctx, cancel := context.WithTimeout(context.Background(), time.Duration((i*8+n)%200)*time.Microsecond)
				if s, _, err := open(ctx, h); err == nil {
					s.Close()
				} else if !errors.Is(err, context.DeadlineExceeded) {
					w.t.Errorf("got %v", err)
				}
				cancel()
			}
		})
	}
	wg.Wait()
	if s, _, err := open(context.Background(), h); err != nil {
		w.t.Error(err)
	} else {
		s.Close()
	}
}

// closedShard: requests that come late are told to come again.
func closedShard(w *world) {
	ctx := context.Background()
	other := w.handle("a")
	var wg sync.WaitGroup
	for i := range 16 {
		h := w.handle("a")
		wg.Go(func() {
			for n := range 1000 {
				if s, _, err := open(ctx, h); err == nil {
					s.Close()
				} else if wantCode(w.t, err, shards.Unavailable); true {
					return
				}
				if _, err := h.Commit(ctx, &shards.Write{Ops: []shards.Op{create("groups", name(name("g", i), n), nil)}}); err != nil {
					wantCode(w.t, err, shards.Unavailable)
					return
				}
			}
		})
	}
	time.Sleep(20 * time.Millisecond) // nothing to wait for: whatever is under way now
	if err := w.shard.Close(); err != nil {
		w.t.Error(err)
	}
	wg.Wait()
	_, _, err := open(ctx, other)
	wantCode(w.t, err, shards.Unavailable)
	if err := w.shard.Close(); err != nil {
		w.t.Errorf("closing twice: %v", err)
	}
}
