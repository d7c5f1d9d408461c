package shardtest

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"

	"gatehouse/shards"
)

// walk collects a list page by page.
func walk(s *shards.Snapshot, p shards.Page) (string, error) {
	var all []*shards.Row
	for {
		pages, err := s.List(context.Background(), p)
		if err != nil {
			return "", err
		}
		rows := pages[strings.Join(p.Parents, "")]
		if p.Backward {
			all = append(slices.Clone(rows), all...)
		} else {
			all = append(all, rows...)
		}
		if len(rows) < p.Limit {
			return ids(all), nil
		}
		if p.Backward {
			m := rows[0].Mark(p.Order)
			p.Before = &m
		} else {
			m := rows[len(rows)-1].Mark(p.Order)
			p.After = &m
		}
	}
}

// everyOrder calls f with every order of a table, forward and backward.
func everyOrder(s *shards.Snapshot, table string, f func(shards.Page)) {
	for _, column := range orders[table] {
		for _, desc := range []bool{false, true} {
			for _, backward := range []bool{false, true} {
				f(shards.Page{Table: s.Table(table), Order: shards.Order{Column: column, Desc: desc}, Backward: backward})
			}
		}
	}
}

func pagesMakeUpTheList(w *world) {
	h := w.handle("a")
	b := w.handle("b")
	w.targets(b, "neighbour's")
	known := w.populate(h, rand.New(rand.NewPCG(1, 1)))
	s := w.snapshot(h)
	for _, table := range tables {
		everyOrder(s, table, func(p shards.Page) {
			want := recordIDs(sorted(known[table], p.Order))
			for _, p.Limit = range []int{1, 2, 3, 4, 5, 6, 7, 23, 24} {
				if got, err := walk(s, p); err != nil || got != want {
					w.t.Fatalf("%s %+v backward %t by %d: %v\n got %s\nwant %s", table, p.Order, p.Backward, p.Limit, err, got, want)
				}
			}
			if n, err := s.Count(context.Background(), p); err != nil || n[""] != int64(len(known[table])) {
				w.t.Errorf("%s: %v, %v", table, n, err)
			}
		})
	}
}

func groupedPages(w *world) {
	ctx := context.Background()
	h := w.handle("a")
	known := w.populate(h, rand.New(rand.NewPCG(2, 2)))
	s := w.snapshot(h)
	check := func(p shards.Page, in func(r record, parent string) bool) {
		w.t.Helper()
		whole, all := p, p.Parents
		single := map[string]string{}
		for _, parent := range all {
			var want []record
			for _, r := range sorted(known[p.Table.Name], p.Order) {
				if in(r, parent) {
					want = append(want, r)
				}
			}
			p.Parents, p.Limit = []string{parent}, 3
			got, err := walk(s, p)
			if err != nil || got != recordIDs(want) {
				w.t.Fatalf("%s of %s %+v backward %t: %v\n got %s\nwant %s", p.Table.Name, parent, p.Order, p.Backward, err, got, recordIDs(want))
			}
			single[parent] = got
		}
		for _, whole.Limit = range []int{0, 1, 2, 7} {
			lists, err := s.List(ctx, whole)
			if err != nil {
				w.t.Fatal(err)
			}
			for _, parent := range all {
				want := strings.Fields(single[parent])
				if n := whole.Limit; n > 0 && len(want) > n {
					if want = want[:n]; p.Backward {
						want = strings.Fields(single[parent])
						want = want[len(want)-n:]
					}
				}
				if got := ids(lists[parent]); got != strings.Join(want, " ") {
					w.t.Fatalf("%s of %s among others: got %q, want %q", p.Table.Name, parent, got, want)
				}
			}
		}
		counts, err := s.Count(ctx, whole)
		if err != nil {
			w.t.Fatal(err)
		}
		for _, parent := range all {
			if got, want := counts[parent], len(strings.Fields(single[parent])); got != int64(want) {
				w.t.Errorf("%s of %s: counted %d, want %d", p.Table.Name, parent, got, want)
			}
		}
	}
	some := map[string][]string{
		"group_id": {"g002", "nobody", "g000"}, "parent_id": {"g002", "g000", "nobody"}, "owner_id": {"u003", "u001", "g000"},
		"client_id": {"c004", "c000"}, "author_id": {"u000", "nobody", "u001"}, "stage": {"WON", "LEFT", "NEW"},
	}
	for _, table := range tables {
		for _, by := range parents[table] {
			everyOrder(s, table, func(p shards.Page) {
				p.By, p.Parents = by, some[by]
				check(p, func(r record, parent string) bool { return r.cols[by] == parent })
			})
		}
	}
	everyOrder(s, "users", func(p shards.Page) {
		p.Through, p.Parents = &members, []string{"g005", "g000", "nobody", "g001"}
		check(p, func(r record, parent string) bool { return r.cols["members"].(map[string]bool)[parent] })
	})
	everyOrder(s, "groups", func(p shards.Page) {
		back := shards.Link{Table: members.Table, Parent: members.Child, Child: members.Parent}
		p.Through, p.Parents = &back, []string{"u005", "u000", "nobody", "u001"}
		check(p, func(r record, parent string) bool {
			for _, u := range known["users"] {
				if u.id == parent {
					return u.cols["members"].(map[string]bool)[r.id]
				}
			}
			return false
		})
	})
	for _, p := range []shards.Page{{Table: s.Table("clients"), By: "group_id", Order: shards.Order{Column: "created_at"}}} {
		lists, err := s.List(ctx, p)
		counts, err2 := s.Count(ctx, p)
		if len(lists) != 0 || len(counts) != 0 || err != nil || err2 != nil {
			w.t.Errorf("of no parents: %v %v, %v %v", lists, counts, err, err2)
		}
	}
}
