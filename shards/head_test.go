package shards

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

func wantCode(t *testing.T, err error, want Code) {
	t.Helper()
	if got := CodeOf(err); got != want {
		t.Errorf("got %q (%v), want %q", got, err, want)
	}
}

// A fenced account is read, but not written (invariant 6).
func TestFencedHeadRefusesWrites(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, open func() *Shard) {
		s := open()
		h, b := s.testHandle(t, "a"), s.testHandle(t, "b")
		ctx := context.Background()
		write := &Write{Ops: []Op{createGroup("g1", "G")}}
		s.exec(t, "UPDATE head SET state = 'fenced' WHERE account_id = 'a'")
		var wg sync.WaitGroup
		for range 4 { // in one group with a neighbour's
			wg.Go(func() {
				_, err := h.Commit(ctx, write)
				wantCode(t, err, Unavailable)
			})
		}
		if _, err := b.Commit(ctx, write); err != nil {
			t.Error(err)
		}
		wg.Wait()
		snap, at, err := h.open(ctx)
		if err != nil {
			t.Fatal(err)
		}
		defer snap.Close()
		if rows, err := snap.Get(ctx, "groups", []string{"g1"}); err != nil || len(rows) != 0 || at.Seq != 0 {
			t.Errorf("got %v at %+v, %v", rows, at, err)
		}
		s.exec(t, "UPDATE head SET state = 'active' WHERE account_id = 'a'")
		if _, err := h.Commit(ctx, write); err != nil {
			t.Error(err)
		}
	})
}

// A handle whose shard does not have the account asks for the route once more.
func TestGoneHeadIsRoutedAgainOnce(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, open func() *Shard) {
		from, to := open(), open()
		from.testHandle(t, "a")
		to.testHandle(t, "a")
		to.exec(t, "UPDATE head SET epoch = 2, seq = 7 WHERE account_id = 'a'")
		to.exec(t, "INSERT INTO epoch_end (account_id, epoch, seq) VALUES ('a', 1, 7)")
		from.exec(t, "UPDATE head SET state = 'gone' WHERE account_id = 'a'")
		ctx := context.Background()
		var asked []bool
		handle := func(account string, fresh *Shard) *Handle {
			asked = nil
			return NewHandle(account, testKeys, func(_ context.Context, again bool) (*Shard, error) {
				asked = append(asked, again)
				if again {
					return fresh, nil
				}
				return from, nil
			})
		}
		write := &Write{Ops: []Op{createGroup("g1", "G")}}
		h := handle("a", to)
		out, err := h.Commit(ctx, write)
		if want := (Position{2, 8}); err != nil || out.Position != want {
			t.Errorf("got %+v, %v, want %+v", out, err, want)
		}
		snap, at, err := h.open(ctx)
		if err != nil || at != out.Position {
			t.Fatal(at, err)
		}
		snap.Close()
		if fmt.Sprint(asked) != "[false true]" {
			t.Errorf("asked %v", asked)
		}
		for _, account := range []string{"a", "nobody's"} { // gone from there too, or never there
			h = handle(account, from)
			_, _, err = h.open(ctx)
			wantCode(t, err, Unavailable)
			if fmt.Sprint(asked) != "[false true]" {
				t.Errorf("asked %v", asked)
			}
			_, err = h.Commit(ctx, write)
			wantCode(t, err, Unavailable)
			_, err = h.Bookmark(ctx)
			wantCode(t, err, Unavailable)
		}
		// What the directory can't answer is told as it is.
		trouble := errors.New("no directory")
		h = NewHandle("a", testKeys, func(context.Context, bool) (*Shard, error) { return nil, trouble })
		if _, err := h.Snapshot(ctx); !errors.Is(err, trouble) {
			t.Errorf("got %v", err)
		}
	})
}

// Bookmarks of an epoch that ended are translated with its end.
func TestBookmarksOfOlderEpochs(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, open func() *Shard) {
		s := open()
		s.testHandle(t, "a")
		// Moved at 10, which became 2; went on to 12, and was restored to 7; went on to 8, and moved.
		s.exec(t, "UPDATE head SET epoch = 4, seq = 8 WHERE account_id = 'a'")
		s.exec(t, "INSERT INTO epoch_end (account_id, epoch, seq) VALUES ('a', 1, 10), ('a', 2, 7), ('a', 3, 8)")
		for _, test := range []struct {
			at   Position
			want Code
		}{
			{Position{1, 0}, ""}, {Position{1, 7}, ""}, {Position{2, 7}, ""}, {Position{3, 8}, ""}, {Position{4, 8}, ""},
			{Position{1, 11}, BookmarkLost}, {Position{2, 8}, BookmarkLost}, {Position{3, 9}, BookmarkLost},
			{Position{1, 8}, BookmarkLost}, // it was there after the move, but not after the restore
			{Position{4, 9}, BookmarkAhead}, {Position{5, 1}, BookmarkAhead},
		} {
			h := s.testHandle(t, "a")
			if err := h.Require(h.BookmarkAt(test.at)); err != nil {
				t.Fatal(err)
			}
			snap, _, err := h.open(context.Background())
			if CodeOf(err) != test.want {
				t.Errorf("%+v: got %v, want %q", test.at, err, test.want)
			}
			if err == nil {
				snap.Close()
				if mark, err := h.Bookmark(context.Background()); err != nil || mark != h.BookmarkAt(Position{4, 8}) {
					t.Errorf("%+v: got the bookmark %s, %v", test.at, mark, err)
				}
			}
		}
	})
}

// A statement that brings another account's row fails, with nothing (invariant 2).
func TestAnotherAccountsRowIsAnIncident(t *testing.T) {
	t.Parallel()
	s := openTest(t, Options{})
	h, b := s.testHandle(t, "a"), s.testHandle(t, "b")
	ctx := context.Background()
	for _, h := range []*Handle{h, b} {
		if _, err := h.Commit(ctx, &Write{Ops: []Op{createGroup("g1", "G")}}); err != nil {
			t.Fatal(err)
		}
	}
	snap, err := h.Snapshot(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Close()
	for text, scan := range map[string]func(scanner) error{ // as if somebody forgot the account in a statement
		rowOf + " FROM groups t WHERE ?1 <> '' ORDER BY account_id":        func(row scanner) error { _, err := snap.scan(row, snap.shard.engine.tables()["groups"]); return err },
		selectChange + " FROM change t WHERE ?1 <> '' ORDER BY account_id": func(row scanner) error { _, err := snap.scanChange(row); return err },
	} {
		err := snap.each(ctx, func(b *builder) { b.WriteString(text) }, scan)
		if !errors.Is(err, ErrIncident) || CodeOf(err) != Internal {
			t.Errorf("%s: got %v", text, err)
		}
	}
}

const endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n WHERE ?1 <> ''"

// A request that is given up stops its statement at once, and takes neither
// its snapshot nor the connection with it.
func TestCancelledStatementStops(t *testing.T) {
	t.Parallel()
	s := openTest(t, Options{})
	h := s.testHandle(t, "a")
	if _, err := h.Commit(context.Background(), &Write{Ops: []Op{createGroup("g1", "G")}}); err != nil {
		t.Fatal(err)
	}
	var worst time.Duration
	for range 12 { // more than there are readers
		snap, err := h.Snapshot(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		var at time.Time
		timer := time.AfterFunc(10*time.Millisecond, func() { at = time.Now(); cancel() })
		err = snap.each(ctx, func(b *builder) { b.WriteString(endless) }, func(scanner) error { return nil })
		if took := time.Since(at); took > worst {
			worst = took
		}
		timer.Stop()
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		if rows, err := snap.Get(context.Background(), "groups", []string{"g1"}); err != nil || len(rows) != 1 {
			t.Errorf("the snapshot is spoilt: %v, %v", rows, err)
		}
		snap.Close()
	}
	t.Log("it stopped within", worst)
	if worst > 100*time.Millisecond {
		t.Errorf("a statement went on for %s", worst)
	}
}

// A shard whose migrations were not applied is refused, and says so.
func TestSchemaThatLagsIsRefused(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	spec := Spec{ID: "1", Engine: "sqlite", DSN: filepath.Join(t.TempDir(), "shard.db")}
	if _, err := Open(ctx, spec, Options{Keys: testKeys}); err == nil {
		t.Error("a shard that does not exist was opened")
	}
	s, err := Open(ctx, spec, Options{Keys: testKeys, Create: true})
	if err != nil {
		t.Fatal(err)
	}
	s.exec(t, "DELETE FROM bun_migrations WHERE id = (SELECT max(id) FROM bun_migrations)")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(ctx, spec, Options{Keys: testKeys}); err == nil {
		t.Error("a shard that lags was opened")
	}
	if _, err := Open(ctx, Spec{ID: "1", Engine: "punch cards"}, Options{}); err == nil {
		t.Error("an engine that nobody has")
	}
}

// A pool opens a shard once, forgets failures, and leaves nothing open.
func TestPool(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	dir := t.TempDir()
	p := NewPool(Options{Keys: testKeys, Create: true})
	spec := Spec{ID: "1", Engine: "sqlite", DSN: filepath.Join(dir, "shard.db")}
	if _, err := p.Shard(ctx, Spec{ID: "1", Engine: "punch cards"}); err == nil {
		t.Error("an engine that nobody has")
	}
	if _, ok := p.Get("1"); ok {
		t.Error("a shard that could not be opened")
	}
	var wg sync.WaitGroup
	opened := make([]*Shard, 8)
	for i := range opened {
		wg.Go(func() {
			var err error
			if opened[i], err = p.Shard(ctx, spec); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, s := range opened {
		if s != opened[0] {
			t.Error("a shard was opened twice")
		}
	}
	for i := range 8 { // closed while others are being opened
		wg.Go(func() {
			spec := Spec{ID: fmt.Sprint(2 + i%4), Engine: "sqlite", DSN: filepath.Join(dir, fmt.Sprint(2+i%4))}
			if s, err := p.Shard(ctx, spec); err != nil {
				wantCode(t, err, Unavailable)
			} else if s == nil {
				t.Error("neither a shard nor an error")
			}
		})
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	wg.Wait()
	_, err := p.Shard(ctx, spec)
	wantCode(t, err, Unavailable)
	if _, ok := p.Get("1"); ok {
		t.Error("a closed pool has a shard")
	}
}

// A write that panics fails, with the others of its group; the next one does not.
func TestPanicInTheCommitter(t *testing.T) {
	t.Parallel()
	h := openTest(t, Options{}).testHandle(t, "a")
	for range 3 {
		if _, err := h.Commit(context.Background(), &Write{Ops: []Op{createGroup("g1", "G"), {Kind: Created, Table: "nobody's"}}}); CodeOf(err) != Internal {
			t.Errorf("got %v", err)
		}
	}
	if out, err := h.Commit(context.Background(), &Write{Ops: []Op{createGroup("g1", "G")}}); err != nil || out.Position.Seq != 1 {
		t.Errorf("got %+v, %v", out, err)
	}
}
