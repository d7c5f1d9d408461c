package shardtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"gatehouse/shards"
)

// tables in the order in which records may refer to each other.
var tables = []string{"groups", "users", "clients", "leads", "documents"}

// folds checks that the log is the state: the numbers have no gaps, and the
// patches of each record, merged in order, are its body (invariant 3).
func (w *world) folds(h *shards.Handle) {
	w.t.Helper()
	ctx := context.Background()
	s, head, err := open(ctx, h)
	if err != nil {
		w.t.Fatal(err)
	}
	defer s.Close()
	changes, err := s.Changes(ctx, 0, head.Seq, nil, 1<<30)
	if err != nil {
		w.t.Fatal(err)
	}
	type record struct {
		version            int64
		body               []byte
		created, updatedAt string
	}
	state := map[[2]string]*record{}
	var last shards.Change
	for _, c := range changes {
		if c.Seq != last.Seq && c.Seq != last.Seq+1 || c.At < last.At {
			w.t.Fatalf("write %d of %s comes behind %d of %s", c.Seq, c.At, last.Seq, last.At)
		}
		last = *c
		key := [2]string{c.Table, c.RecordID}
		r := state[key]
		if (r == nil) != (c.Kind == shards.Created) || c.Kind == shards.Created && c.Version != 1 || r != nil && c.Version != r.version+1 {
			w.t.Fatalf("%s of %v to version %d, which is %+v", c.Kind, key, c.Version, r)
		}
		if c.Kind == shards.Deleted {
			if c.Patch != nil {
				w.t.Errorf("a deletion with the patch %s", c.Patch)
			}
			delete(state, key)
			continue
		}
		if r == nil {
			r = &record{created: c.At}
			state[key] = r
		}
		r.version, r.updatedAt = c.Version, c.At
		if r.body, err = shards.Merge(r.body, c.Patch); err != nil {
			w.t.Fatal(err)
		}
	}
	if last.Seq != head.Seq {
		w.t.Fatalf("the log ends at %d, the head is %d", last.Seq, head.Seq)
	}
	n := 0
	for _, table := range tables {
		all, err := s.List(ctx, shards.Page{Table: s.Table(table), Order: shards.Order{Column: "created_at"}})
		if err != nil {
			w.t.Fatal(err)
		}
		for _, row := range all[""] {
			n++
			r := state[[2]string{table, row.ID}]
			if r == nil {
				w.t.Fatalf("%s %s is not in the log", table, row.ID)
			}
			// Memberships are in the log, but not in the body.
			body, err := shards.Merge(r.body, []byte(`{"members":null}`))
			if err != nil {
				w.t.Fatal(err)
			}
			if rest, err := shards.Diff(body, row.Body); err != nil || string(rest) != "{}" {
				w.t.Errorf("%s %s: the log gives %s, the record is %s", table, row.ID, body, row.Body)
			}
			if row.Version != r.version || row.CreatedAt != r.created || row.UpdatedAt != r.updatedAt {
				w.t.Errorf("%s %s: the log gives %+v, the record is %+v", table, row.ID, r, row)
			}
			w.foldsMembers(s, table, row.ID, r.body)
		}
	}
	if n != len(state) {
		w.t.Errorf("%d records, the log gives %d", n, len(state))
	}
}

func (w *world) foldsMembers(s *shards.Snapshot, table, id string, body []byte) {
	w.t.Helper()
	if table != "groups" {
		return
	}
	in, err := s.List(context.Background(), shards.Page{
		Table: s.Table("users"), Through: &members, Parents: []string{id}, Order: shards.Order{Column: "created_at"}})
	if err != nil {
		w.t.Fatal(err)
	}
	logged := memberIDs(body)
	all, err := s.List(context.Background(), shards.Page{Table: s.Table("users"), Order: shards.Order{Column: "created_at"}})
	if err != nil {
		w.t.Fatal(err)
	}
	var present []*shards.Row // a user who was deleted has left without a word
	for _, u := range all[""] {
		if logged[u.ID] {
			present = append(present, u)
		}
	}
	if got, want := ids(in[id]), ids(present); got != want {
		w.t.Errorf("group %s: members %q, the log gives %q", id, got, want)
	}
}

func memberIDs(body []byte) map[string]bool {
	var b struct{ Members map[string]any }
	if err := json.Unmarshal(body, &b); err != nil {
		panic(err)
	}
	out := map[string]bool{}
	for id := range b.Members {
		out[id] = true
	}
	return out
}

// historyHasNoGaps writes from all sides, gives up at random, and looks while
// it goes on and afterwards.
func historyHasNoGaps(w *world) {
	const writers = 32
	accounts := map[string]*shards.Handle{"a": w.handle("a"), "b": w.handle("b"), "c": w.handle("c")}
	var acked, givenUp sync.Map // id -> position
	var wg, followers sync.WaitGroup
	var done atomic.Bool
	write := func(account string, n int) {
		rnd := rand.New(rand.NewPCG(uint64(n), 7))
		h := w.again(account)
		for i := range 12 {
			id := fmt.Sprintf("g%02d_%02d", n, i)
			ops := []shards.Op{create("groups", id, nil), create("users", "u"+id, nil)}
			if i > 0 { // and what everybody works on
				s, err := h.Snapshot(context.Background())
				if err != nil {
					w.t.Error(err)
					return
				}
				rows, err := s.List(context.Background(), shards.Page{Table: s.Table("groups"), Order: shards.Order{Column: "created_at", Desc: rnd.IntN(2) == 0}, Limit: 9})
				s.Close()
				if err != nil {
					w.t.Error(err)
					return
				}
				for _, r := range rows[""][:min(2, len(rows[""]))] {
					switch rnd.IntN(4) {
					case 0:
						ops = append(ops, update(r, fields{"description": id, "customFields": fields{id: i}}))
					case 1:
						ops = append(ops, update(r, fields{"description": nil}))
					case 2:
						ops = append(ops, member(r, "u"+id, true))
					case 3:
						ops = append(ops, remove("groups", r.ID, r.Version))
					}
				}
			}
			ctx, cancel := context.WithCancel(context.Background())
			if rnd.IntN(3) == 0 {
				ctx, cancel = context.WithTimeout(ctx, time.Duration(rnd.IntN(3000))*time.Microsecond)
			}
			w.now.add(time.Millisecond)
			out, err := h.Commit(ctx, &shards.Write{Actor: tester, Ops: ops, Partial: rnd.IntN(2) == 0})
			cancel()
			var refusal *shards.Refusal
			switch {
			case err == nil:
				acked.Store(account+id, out.Position)
			case errors.Is(err, context.DeadlineExceeded), errors.As(err, &refusal) && refusal.Reason == shards.Conflict:
				givenUp.Store(account+id, true)
			default:
				w.t.Errorf("got %v", err)
			}
		}
	}
	for n := range writers {
		wg.Go(func() { write("a", n) })
	}
	for n := range 4 {
		wg.Go(func() { write("b", n) })
		wg.Go(func() { write("c", n) })
	}
	followers.Go(func() { // what a follower sees is never short of anything
		for seen := int64(0); !done.Load(); {
			s, head, err := open(context.Background(), accounts["a"])
			if err != nil {
				w.t.Error(err)
				return
			}
			changes, err := s.Changes(context.Background(), seen, head.Seq, nil, 1<<30)
			s.Close()
			if err != nil {
				w.t.Error(err)
				return
			}
			for _, c := range changes {
				if c.Seq != seen && c.Seq != seen+1 {
					w.t.Errorf("%d comes behind %d", c.Seq, seen)
				}
				seen = c.Seq
			}
			if seen != head.Seq {
				w.t.Errorf("the log ends at %d, the head is %d", seen, head.Seq)
			}
		}
	})
	wg.Wait()
	done.Store(true)
	followers.Wait()
	for account, h := range accounts {
		w.folds(h)
		s := w.snapshot(h)
		changes, err := s.Changes(context.Background(), 0, 1<<30, []string{"users"}, 1<<30)
		if err != nil {
			w.t.Fatal(err)
		}
		at := map[string]int64{}
		for _, c := range changes {
			at[account+c.RecordID[1:]] = c.Seq
		}
		acked.Range(func(id, position any) bool {
			if id.(string)[:1] == account && at[id.(string)] != position.(shards.Position).Seq {
				w.t.Errorf("%s was acknowledged at %+v, the log has it at %d", id, position, at[id.(string)])
			}
			return true
		})
		givenUp.Range(func(id, _ any) bool {
			if seq, ok := at[id.(string)]; ok {
				w.t.Errorf("%s was given up, but written at %d", id, seq)
			}
			return true
		})
		s.Close()
	}
}

func changesArePaged(w *world) {
	h, b := w.handle("a"), w.handle("b")
	ctx := context.Background()
	for i := range 10 {
		w.commit(b, create("groups", name("g", i), nil))
		w.commit(h, create("groups", name("g", i), nil), create("users", name("u", i), nil))
	}
	s := w.snapshot(h)
	for _, test := range []struct {
		after, to int64
		tables    []string
		limit     int
		want      string
	}{
		{0, 2, nil, 9, "1 g000 1 u000 2 g001 2 u001"},
		{0, 2, nil, 3, "1 g000 1 u000 2 g001"},
		{8, 99, nil, 9, "9 g008 9 u008 10 g009 10 u009"},
		{8, 10, []string{"users"}, 9, "9 u008 10 u009"},
		{8, 10, []string{"users", "groups"}, 9, "9 g008 9 u008 10 g009 10 u009"},
		{8, 10, []string{"leads"}, 9, ""},
		{8, 10, []string{}, 9, ""},
		{10, 10, nil, 9, ""},
	} {
		changes, err := s.Changes(ctx, test.after, test.to, test.tables, test.limit)
		if got := tell(changes); err != nil || got != test.want {
			w.t.Errorf("%+v: got %q, %v", test, got, err)
		}
	}
	c, err := s.Changes(ctx, 0, 1, nil, 1)
	if err != nil {
		w.t.Fatal(err)
	}
	c[0].Patch = nil
	want := shards.Change{Seq: 1, Kind: shards.Created, Table: "groups", RecordID: "g000", Version: 1, Actor: tester, RequestID: "r1", At: "2026-03-01T09:00:00.000Z"}
	if got := *c[0]; fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", want) {
		w.t.Errorf("got %+v, want %+v", got, want)
	}
}

func historyIsPaged(w *world) {
	h, b := w.handle("a"), w.handle("b")
	ctx := context.Background()
	for _, h := range []*shards.Handle{h, b} {
		w.commit(h, create("groups", "g1", nil), create("groups", "g2", nil))
	}
	w.commit(b, update(w.row(b, "groups", "g1"), nil))
	for range 5 {
		w.commit(h, update(w.row(h, "groups", "g1"), nil))
	}
	w.commit(h, remove("groups", "g2", 1))
	s := w.snapshot(h)
	for _, test := range []struct {
		before int64
		limit  int
		g1, g2 string
	}{
		{0, 2, "6 g1 5 g1", "7 g2 1 g2"},
		{6, 2, "5 g1 4 g1", "1 g2"},
		{2, 9, "1 g1", "1 g2"},
		{1, 9, "", ""},
		{0, 99, "6 g1 5 g1 4 g1 3 g1 2 g1 1 g1", "7 g2 1 g2"},
	} {
		got, err := s.History(ctx, []string{"g1", "g2", "g3"}, test.before, test.limit)
		if err != nil || tell(got["g1"]) != test.g1 || tell(got["g2"]) != test.g2 || len(got["g3"]) != 0 {
			w.t.Errorf("%+v: got %q %q, %v", test, tell(got["g1"]), tell(got["g2"]), err)
		}
	}
}

func tell(changes []*shards.Change) string {
	out := ""
	for _, c := range changes {
		out += fmt.Sprintf(" %d %s", c.Seq, c.RecordID)
	}
	if out == "" {
		return ""
	}
	return out[1:]
}
