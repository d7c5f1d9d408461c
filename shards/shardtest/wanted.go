package shardtest

import (
	"context"
	"slices"
	"strings"
	"time"

	"gatehouse/shards"
)

// withWhatTheyReferTo: records come together with those that their fields refer
// to, each of the same account, and of nothing else.
func withWhatTheyReferTo(w *world) {
	ctx := context.Background()
	for _, account := range []string{"a", "b"} { // with the same ids
		w.commit(w.handle(account), create("groups", "top", fields{"name": "Top of " + account}))
		w.commit(w.handle(account), create("groups", "mid", fields{"name": "Mid of " + account, "parentId": "top"}))
		w.commit(w.handle(account), create("groups", "low", fields{"name": "Low of " + account, "parentId": "mid"}),
			create("users", "u", fields{"name": "User of " + account, "email": "u@example.com", "role": "MEMBER"}))
		w.commit(w.handle(account), create("clients", "c1", fields{"name": "One of " + account, "groupId": "low", "ownerId": "u"}),
			create("clients", "c2", fields{"name": "Two of " + account, "groupId": "low"}), create("clients", "c3", fields{"name": "Three of " + account}))
	}
	w.commit(w.handle("b"), create("clients", "c4", fields{"name": "Four of b", "groupId": "low", "ownerId": "u"}))
	both := []string{"groupId", "ownerId"}
	for _, test := range []struct {
		wanted []shards.Wanted
		want   string
	}{
		{[]shards.Wanted{{Table: "clients", IDs: []string{"c1"}, With: both}}, "Low, One, User"},
		{[]shards.Wanted{{Table: "clients", IDs: []string{"c2"}, With: both}}, "Low, Two"},
		{[]shards.Wanted{{Table: "clients", IDs: []string{"c3"}, With: both}}, "Three"},
		{[]shards.Wanted{{Table: "clients", IDs: []string{"c4", "none"}, With: both}}, ""},
		{[]shards.Wanted{{Table: "clients", With: both}}, ""},
		{[]shards.Wanted{{Table: "clients", IDs: []string{"c1", "c2", "c3", "c4"}, With: both}}, "Low, One, Three, Two, User"},
		{[]shards.Wanted{{Table: "groups", IDs: []string{"low"}, With: []string{"parentId"}}}, "Low, Mid"}, // and not the next
		{[]shards.Wanted{{Table: "clients", IDs: []string{"c1"}, With: []string{"ownerId"}}, {Table: "groups", IDs: []string{"top"}}}, "One, Top, User"},
	} {
		s, err := w.again("a").Snapshot(ctx)
		if err != nil {
			w.t.Fatal(err)
		}
		for range 2 { // it opens with them, and is open
			rows, err := s.GetAll(ctx, test.wanted...)
			if got := namesOf(rows, "a"); got != test.want || err != nil {
				w.t.Errorf("%+v: got %q, %v, want %q", test.wanted, got, err, test.want)
			}
		}
		s.Close()
	}
}

// namesOf returns the first words of the names of rows, sorted, each once. The
// account is the last one.
func namesOf(rows []*shards.Row, account string) string {
	var out []string
	for _, r := range rows {
		first, of, _ := strings.Cut(r.Text("name"), " of ")
		if of != account {
			first = r.Text("name")
		}
		out = append(out, first)
	}
	slices.Sort(out)
	return strings.Join(slices.Compact(out), ", ")
}

// nothingBehindTheLast: what ends a snapshot may travel with its last statements.
// It keeps its position and no connection, and is not read any more.
func nothingBehindTheLast(w *world) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	h := w.handle("a")
	w.commit(h, create("groups", "g1", nil))
	at := w.head(h)
	for i := range 50 { // more than there are connections, and none of them is closed before the end
		s, err := w.again("a").Snapshot(ctx)
		if err != nil {
			w.t.Fatal(err)
		}
		defer s.Close()
		if i%2 == 0 { // what opens it may be the last, or not
			if _, err := s.Get(ctx, "groups", []string{"none"}); err != nil {
				w.t.Fatal(err)
			}
		}
		s.Last()
		if rows, err := s.Get(ctx, "groups", []string{"g1"}); err != nil || len(rows) != 1 {
			w.t.Fatalf("got %v, %v", rows, err)
		}
		if got, err := s.Position(ctx); got != at || err != nil || s.Node() != "" {
			w.t.Errorf("it is at %+v, %v, on %q; want %+v", got, err, s.Node(), at)
		}
		if rows, err := s.Get(ctx, "groups", []string{"g1"}); err == nil {
			w.t.Errorf("behind the last: %v", rows)
		}
	}
	w.commit(h, create("groups", "g2", nil)) // nothing is open that would mind
	s, err := h.Snapshot(ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	defer s.Close()
	s.Last()
	if at, err := s.Position(ctx); err != nil || at.Seq != 2 { // the head alone
		w.t.Errorf("got %+v, %v", at, err)
	}
	if _, err := s.Get(ctx, "groups", []string{"g1"}); err == nil {
		w.t.Error("read behind the last")
	}
	ahead := w.again("a")
	if err := ahead.Require(h.BookmarkAt(shards.Position{Epoch: 1, Seq: 9})); err != nil {
		w.t.Fatal(err)
	}
	for range 2 { // a head that was refused is no position
		s, err := ahead.Snapshot(ctx)
		if err != nil {
			w.t.Fatal(err)
		}
		s.Last()
		_, err = s.Get(ctx, "groups", []string{"g1"})
		wantCode(w.t, err, shards.BookmarkAhead)
		if at, err := s.Position(ctx); err == nil {
			w.t.Errorf("it is at %+v", at)
		}
		s.Close()
	}
}
