package shards

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"gatehouse/shards/pgtest"
)

// served reads a group and says where: on which node, at which position, and
// whether the group was there.
func (h *Handle) served(t testing.TB, id string) (node string, at Position, there bool, err error) {
	t.Helper()
	ctx := context.Background()
	s, err := h.Snapshot(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	rows, err := s.Get(ctx, "groups", []string{id})
	if err != nil {
		return "", Position{}, false, err
	}
	at, err = s.Position(ctx)
	return s.Node(), at, len(rows) == 1, err
}

// eventually waits until done.
func eventually(t testing.TB, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("never: ", what)
		}
	}
}

func (s *Shard) write(t testing.TB, h *Handle, id string) Position {
	t.Helper()
	out, err := h.Commit(context.Background(), &Write{Ops: []Op{createGroup(id, id)}})
	if err != nil {
		t.Fatal(err)
	}
	return out.Position
}

// With replay paused a replica still answers, with what it has; who brings a
// bookmark that it has not reached is served by the primary.
func TestReplicasServeWhatTheyHave(t *testing.T) {
	t.Parallel()
	c := pgtest.Start(t, 1)
	s := openPostgresTest(t, c, c.Database(t), Options{}, nil)
	h := s.testHandle(t, "a")
	first := s.write(t, h, "g1")
	c.CaughtUp(t)
	expect := func(name string, h *Handle, id, node string, at Position, there bool) {
		t.Helper()
		gotNode, gotAt, gotThere, err := h.served(t, id)
		if err != nil || gotNode != node || gotAt != at || gotThere != there {
			t.Errorf("%s: %s at %+v has it %t, %v; want %s at %+v %t", name, gotNode, gotAt, gotThere, err, node, at, there)
		}
	}
	expect("after the write", h, "g1", "replica-1", first, true)
	expect("anybody", s.again("a"), "g1", "replica-1", first, true)
	strong := s.again("a")
	strong.Strong()
	expect("strong", strong, "g1", "primary", first, true)

	c.Replicas[0].Pause(t)
	second := s.write(t, h, "g2")
	start := time.Now()
	expect("its writer, paused", h, "g2", "primary", second, true)
	if took := time.Since(start); took < replicaPatience/2 {
		t.Errorf("the replica was waited for only %s", took)
	}
	bookmarked := s.again("a")
	if err := bookmarked.Require(s.opts.Keys.Bookmark("a", second)); err != nil {
		t.Fatal(err)
	}
	expect("a bookmark, paused", bookmarked, "g2", "primary", second, true)
	expect("no bookmark, paused", s.again("a"), "g2", "replica-1", first, false)
	old := s.again("a")
	if err := old.Require(s.opts.Keys.Bookmark("a", first)); err != nil {
		t.Fatal(err)
	}
	expect("an older bookmark, paused", old, "g1", "replica-1", first, true)
	// An account that the replica has not heard of is on the primary.
	b := s.testHandle(t, "b")
	if node, at, _, err := b.served(t, "g1"); err != nil || node != "primary" || at.Seq != 0 {
		t.Errorf("a new account: %s at %+v, %v", node, at, err)
	}
	ahead := s.again("a")
	if err := ahead.Require(s.opts.Keys.Bookmark("a", Position{1, 9})); err != nil {
		t.Fatal(err)
	}
	_, _, _, err := ahead.served(t, "g1")
	wantCode(t, err, BookmarkAhead)

	c.Replicas[0].Resume(t)
	c.CaughtUp(t)
	expect("its writer, resumed", h, "g2", "replica-1", second, true)
}

// A replica may show a commit before the primary does, which here waits for a
// standby that never comes, until that is given up.
func TestAPrimaryShowsWhatAReplicaHasShown(t *testing.T) {
	t.Parallel()
	c := pgtest.Start(t, 1)
	s := openPostgresTest(t, c, c.Database(t), Options{}, nil)
	h := s.testHandle(t, "a")
	first := s.write(t, h, "g1")
	c.CaughtUp(t)
	standby := func(name string) {
		t.Helper()
		c.Primary.Exec(t, "ALTER SYSTEM SET synchronous_standby_names = '"+name+"'")
		c.Primary.Exec(t, "SELECT pg_reload_conf()")
	}
	defer standby("")
	standby("nobody")
	type outcome struct {
		at  Position
		err error
	}
	written, seen := make(chan outcome, 1), make(chan outcome, 1)
	// The setting reaches one process of the server after the other; until it
	// has, writes go through.
	id := ""
	for n, through := 0, true; through; n++ {
		if id = fmt.Sprint("g2-", n); n == 100 {
			t.Fatal("no write waits for a standby")
		}
		go func() {
			out, err := s.again("a").Commit(context.Background(), &Write{Ops: []Op{createGroup(id, id)}})
			written <- outcome{out.Position, err}
		}()
		select {
		case out := <-written:
			if out.err != nil {
				t.Fatal(out.err)
			}
			first = out.at
		case <-time.After(300 * time.Millisecond):
			through = false
		}
	}
	reader := s.again("a")
	eventually(t, "the replica shows the write", func() bool {
		node, at, there, err := reader.served(t, id)
		return err == nil && node == "replica-1" && first.Before(at) && there
	})
	reader.Strong()
	go func() {
		snap, err := reader.Snapshot(context.Background())
		if err != nil {
			seen <- outcome{err: err}
			return
		}
		defer snap.Close()
		at, err := snap.Position(context.Background())
		seen <- outcome{at, err}
	}()
	select {
	case early := <-seen:
		t.Fatalf("the primary shows %+v before it has it", early)
	case <-time.After(primaryPatience / 10):
	}
	standby("")
	read, write := <-seen, <-written
	if read.err != nil || write.err != nil || read.at != write.at || !first.Before(read.at) {
		t.Errorf("read %+v, written %+v", read, write)
	}
}

// A replica that has not applied a migration yet is left to catch up.
func TestAReplicaBehindAMigrationIsLeftOut(t *testing.T) {
	t.Parallel()
	c := pgtest.Start(t, 1)
	db := c.Database(t)
	c.Replicas[0].Pause(t)
	s := openPostgresTest(t, c, db, Options{}, nil) // which migrates it
	h := s.testHandle(t, "a")
	first := s.write(t, h, "g1")
	for range 20 {
		if node, at, there, err := s.again("a").served(t, "g1"); err != nil || node != "primary" || at != first || !there {
			t.Fatalf("%s at %+v has it %t, %v", node, at, there, err)
		}
	}
	c.Replicas[0].Resume(t)
	eventually(t, "the replica reads again", func() bool {
		node, _, _, err := s.again("a").served(t, "g1")
		return err == nil && node == "replica-1"
	})
}

// A replica that reaches the position while it is waited for serves.
func TestALaggingReplicaIsWaitedFor(t *testing.T) {
	t.Parallel()
	c := pgtest.Start(t, 1)
	s := openPostgresTest(t, c, c.Database(t), Options{}, nil)
	h := s.testHandle(t, "a")
	replica := c.Replicas[0]
	serves := func(id string, want Position) bool {
		node, at, there, err := h.served(t, id)
		if err != nil || !there || at.Before(want) {
			t.Errorf("%s was read at %+v on %s: %t, %v", id, at, node, there, err)
		}
		return node == "replica-1"
	}
	first := s.write(t, h, "g")
	eventually(t, "the replica reads", func() bool { return serves("g", first) })
	n := 0
	eventually(t, "it is waited for", func() bool { // a busy machine may be late now and then
		n++
		id := fmt.Sprint("g", n)
		replica.Pause(t)
		want := s.write(t, h, id)
		served := make(chan bool, 1)
		go func() { served <- serves(id, want) }()
		select {
		case early := <-served: // from the primary
			served <- early
		case <-time.After(replicaPatience / 10):
		}
		replica.Resume(t)
		return <-served
	})
}

// A read that goes on on a replica keeps it from nothing, and is not ended, since
// the primary knows of it and keeps what it needs. Without hot_standby_feedback
// the replica would stand still for half a minute, and then end the read.
func TestALongReadDoesNotStopAReplica(t *testing.T) {
	t.Parallel()
	c := pgtest.Start(t, 1)
	s := openPostgresTest(t, c, c.Database(t), Options{}, nil)
	h := s.testHandle(t, "a")
	first := s.write(t, h, "g0")
	c.CaughtUp(t)
	ctx := context.Background()
	read, at, err := s.again("a").open(ctx)
	if err != nil || read.Node() != "replica-1" {
		t.Fatal(read.Node(), err)
	}
	defer read.Close()
	eventually(t, "the primary knows of the read", func() bool {
		return c.Primary.Value(t, "SELECT count(*) FROM pg_replication_slots WHERE xmin IS NOT NULL") == "1"
	})
	var last Position
	for i := range 300 { // so that versions of the head are removed
		last = s.write(t, h, fmt.Sprint("g", i+1))
	}
	c.CaughtUp(t)
	if node, got, there, err := s.again("a").served(t, "g300"); err != nil || node != "replica-1" || got != last || !there {
		t.Errorf("%s is at %+v: %t, %v", node, got, there, err)
	}
	rows, err := read.Get(ctx, "groups", []string{"g0", "g1"})
	if err != nil || len(rows) != 1 || at != first {
		t.Errorf("the read at %+v has %d records, %v", at, len(rows), err)
	}
}

// Whoever runs a replica without hot_standby_feedback is told, once.
func TestAReplicaWithoutFeedbackIsToldOf(t *testing.T) {
	t.Parallel()
	c := pgtest.Start(t, 1)
	db := c.Database(t)
	warnings := func() int {
		t.Helper()
		var log bytes.Buffer
		opts := Options{Log: slog.New(slog.NewTextHandler(&log, nil))}
		primary, err := openNode("primary", db.App(c.Primary), opts)
		if err != nil {
			t.Fatal(err)
		}
		replica, err := openNode("replica-1", db.App(c.Replicas[0]), opts)
		if err != nil {
			t.Fatal(err)
		}
		e := &postgresEngine{primary: primary, replicas: []*node{replica}}
		defer e.closeNodes()
		w := &watch{engine: e, maxLag: maxLag}
		w.look(context.Background())
		w.look(context.Background())
		return strings.Count(log.String(), "hot_standby_feedback")
	}
	if n := warnings(); n != 0 {
		t.Errorf("%d warnings of a replica that is as it should be", n)
	}
	for _, setting := range []struct{ name, value, shown string }{
		{"hot_standby_feedback", "off", "off"}, {"hot_standby_feedback", "on", "on"}, {"wal_receiver_status_interval", "0", "0"},
	} {
		r := c.Replicas[0]
		r.Exec(t, "ALTER SYSTEM SET "+setting.name+" = "+setting.value)
		r.Exec(t, "SELECT pg_reload_conf()")
		eventually(t, setting.name, func() bool { return r.Value(t, "SELECT current_setting('"+setting.name+"')") == setting.shown })
		want := 1
		if setting.value == "on" {
			want = 0
		}
		if n := warnings(); n != want {
			t.Errorf("%s = %s: %d warnings, want %d", setting.name, setting.value, n, want)
		}
	}
}

// A replica that is too far behind is left out, and comes back by itself.
func TestAStaleReplicaIsLeftOut(t *testing.T) {
	t.Parallel()
	c := pgtest.Start(t, 2)
	s := openPostgresTest(t, c, c.Database(t), Options{MaxLag: time.Second}, nil)
	h := s.testHandle(t, "a")
	s.write(t, h, "g0")
	c.CaughtUp(t)
	c.Replicas[0].Pause(t)
	s.write(t, h, "g1")
	n := 1
	onFirst := func() bool {
		n++
		s.write(t, h, fmt.Sprint("g", n)) // so that the primary's log goes on
		for range 2 {                     // once on each replica
			node, _, _, err := s.again("a").served(t, "g1")
			if err != nil {
				t.Fatal(err)
			}
			if node == "replica-1" {
				return true
			}
		}
		return false
	}
	eventually(t, "it is left out", func() bool { return !onFirst() })
	c.Replicas[0].Resume(t)
	eventually(t, "it comes back", onFirst)
}
