package shardtest

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"gatehouse/shards"
)

// record is what a test knows of a row: the value of each column by which it
// may be found or ordered; nil where there is none.
type record struct {
	id   string
	cols map[string]any
}

// orders are those of each table; every one must hold in both directions.
var orders = map[string][]string{
	"groups":    {"created_at", "updated_at", "name_fold"},
	"users":     {"created_at", "updated_at", "name_fold"},
	"clients":   {"created_at", "updated_at", "name_fold"},
	"leads":     {"created_at", "updated_at", "name_fold", "value"},
	"documents": {"created_at", "updated_at", "title_fold"},
}

// parents are the columns by which lists are grouped, and the table of the parents.
var parents = map[string][]string{
	"groups":    {"parent_id"},
	"clients":   {"group_id", "owner_id"},
	"leads":     {"group_id", "owner_id", "client_id", "stage"},
	"documents": {"client_id", "author_id"},
}

// names have ties, and differ in ways that only folding sees or does not see.
var names = []string{
	"Éclair", "éclair", "E\u0301CLAIR", "Eclair", "eclair", "Straße", "STRASSE", "strasse", "strabe", "İstanbul", "istanbul",
	"Istanbul", "ıstanbul", "i\u0307stanbul", "ΣΊΣΥΦΟΣ", "σίσυφος", "Ångström", "\u212bngström", "Zoë", "ZOË", "zoe", "a", "A", "aa", "AB",
	"_", "%", "100%", " ", "日本", "\U0001F600", "ﬀ", "ff",
}

// populate fills an account with records of every table and returns what it
// knows of them.
func (w *world) populate(h *shards.Handle, rnd *rand.Rand) map[string][]record {
	w.t.Helper()
	ctx := context.Background()
	const n = 23
	pick := func(prefix string) any {
		switch i := rnd.IntN(6); i {
		case 5:
			return nil
		default:
			return name(prefix, i)
		}
	}
	known := map[string]fields{}
	for _, table := range tables {
		for i := range n {
			id := name(table[:1], i)
			f := fields{"name": names[rnd.IntN(len(names))]}
			if i%3 == 0 {
				f["externalId"] = fmt.Sprint("X ", i)
			}
			switch table {
			case "groups":
				f["name"] = names[i] // unique
				if i > 5 {
					f["parentId"] = pick("g")
				}
			case "users":
				f["email"], f["role"], f["active"] = id+"@Example.com", []string{"ADMIN", "MEMBER"}[rnd.IntN(2)], rnd.IntN(2) == 0
			case "clients":
				f["groupId"], f["ownerId"], f["status"] = pick("g"), pick("u"), []string{"ACTIVE", "LEFT"}[rnd.IntN(2)]
			case "leads":
				f["groupId"], f["ownerId"], f["clientId"] = pick("g"), pick("u"), pick("c")
				f["stage"] = []string{"NEW", "WON", "LOST"}[rnd.IntN(3)]
				f["value"] = []any{nil, int64(0), int64(-5), int64(1), int64(10), int64(9), int64(1<<53 - 1), int64(1 - 1<<53)}[rnd.IntN(8)]
				f["source"] = []any{nil, "Web", "WEB", "Übung"}[rnd.IntN(4)]
			case "documents":
				f["title"], f["clientId"], f["authorId"] = f["name"], name("c", rnd.IntN(5)), pick("u")
				delete(f, "name")
			}
			known[id] = f
			w.commit(h, create(table, id, f))
			if rnd.IntN(2) == 0 {
				w.now.add(time.Millisecond)
			}
		}
	}
	for range 40 { // so that updated_at has an order of its own
		table := tables[rnd.IntN(len(tables))]
		w.commit(h, update(w.row(h, table, name(table[:1], rnd.IntN(n))), nil))
		w.now.add(time.Duration(rnd.IntN(2)) * time.Millisecond)
	}
	for range 60 {
		g, u := name("g", rnd.IntN(6)), name("u", rnd.IntN(n))
		s, err := h.Snapshot(ctx)
		if err != nil {
			w.t.Fatal(err)
		}
		is, err := s.Linked(ctx, members, g, u)
		s.Close()
		if err != nil {
			w.t.Fatal(err)
		}
		if !is {
			w.commit(h, member(w.row(h, "groups", g), u, true))
		}
	}
	s, err := h.Snapshot(ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	defer s.Close()
	out := map[string][]record{}
	for _, table := range tables {
		for i := range n {
			id := name(table[:1], i)
			rows, err := s.Get(ctx, table, []string{id})
			if err != nil || len(rows) != 1 {
				w.t.Fatal(rows, err)
			}
			r := record{id: id, cols: map[string]any{"created_at": rows[0].CreatedAt, "updated_at": rows[0].UpdatedAt}}
			for field, v := range known[id] {
				r.cols[shards.Column(field)] = v
				if text, ok := v.(string); ok {
					r.cols[shards.Column(field)+"_fold"] = shards.Fold(text)
				}
			}
			if table == "users" {
				r.cols["members"] = map[string]bool{}
				for g := range 6 {
					if r.cols["members"].(map[string]bool)[name("g", g)], err = s.Linked(ctx, members, name("g", g), id); err != nil {
						w.t.Fatal(err)
					}
				}
			}
			out[table] = append(out[table], r)
		}
	}
	return out
}

// compare orders values as a shard must: none first, texts byte by byte.
func compare(a, b any) int {
	switch a := a.(type) {
	case nil:
		if b == nil {
			return 0
		}
		return -1
	case string:
		if b, ok := b.(string); ok {
			return strings.Compare(a, b)
		}
	case int64:
		if b, ok := b.(int64); ok {
			return cmp.Compare(a, b)
		}
	}
	return 1
}

func sorted(records []record, o shards.Order) []record {
	out := slices.Clone(records)
	slices.SortFunc(out, func(a, b record) int {
		c := cmp.Or(compare(a.cols[o.Column], b.cols[o.Column]), strings.Compare(a.id, b.id))
		if o.Desc {
			return -c
		}
		return c
	})
	return out
}

func recordIDs(records []record) string {
	var out []string
	for _, r := range records {
		out = append(out, r.id)
	}
	return strings.Join(out, " ")
}

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

// filterable says which tests each field takes.
var filterable = map[string]map[string]string{
	"groups":    {"name": "text", "externalId": "text", "parentId": "id", "createdAt": "time", "updatedAt": "time"},
	"users":     {"name": "text", "email": "text", "role": "word", "active": "bool", "createdAt": "time"},
	"clients":   {"name": "text", "status": "word", "groupId": "id", "ownerId": "id", "updatedAt": "time"},
	"leads":     {"name": "text", "source": "text", "stage": "word", "value": "int", "clientId": "id", "createdAt": "time"},
	"documents": {"title": "text", "externalId": "text", "clientId": "id", "authorId": "id", "createdAt": "time"},
}

var tests = map[string][]string{
	"text": {"eq", "in", "startsWith", "isNull"}, "id": {"eq", "in", "isNull"}, "word": {"eq", "in"}, "bool": {"eq"},
	"int": {"eq", "gt", "gte", "lt", "lte"}, "time": {"gt", "gte", "lt", "lte"},
}

// matches is what a filter means.
func matches(r record, field, op string, v any) bool {
	has := r.cols[shards.Column(field)]
	if op == "isNull" {
		return (has == nil) == v.(bool)
	}
	if has == nil {
		return false
	}
	switch op {
	case "eq":
		return has == v
	case "in":
		return slices.Contains(v.([]any), has)
	case "startsWith":
		return strings.HasPrefix(shards.Fold(has.(string)), shards.Fold(v.(string)))
	}
	c := compare(has, v)
	return op == "gt" && c > 0 || op == "gte" && c >= 0 || op == "lt" && c < 0 || op == "lte" && c <= 0
}

// randomPages asks for pages with random filters, orders, marks and limits, and
// compares them with what Go finds in a list.
func randomPages(w *world) {
	rnd := rand.New(rand.NewPCG(3, 3))
	h := w.handle("a")
	known := w.populate(h, rnd)
	s := w.snapshot(h)
	for range 1000 {
		table := tables[rnd.IntN(len(tables))]
		t := s.Table(table)
		any1 := func() record { return known[table][rnd.IntN(len(known[table]))] }
		where := map[string]any{}
		for field, kind := range filterable[table] {
			if rnd.IntN(4) > 0 {
				continue
			}
			ops := map[string]any{}
			for range 1 + rnd.IntN(2) {
				op := tests[kind][rnd.IntN(len(tests[kind]))]
				v := any1().cols[shards.Column(field)]
				switch op {
				case "isNull":
					v = rnd.IntN(2) == 0
				case "in":
					list := []any{"nobody"}
					for range rnd.IntN(4) {
						if v := any1().cols[shards.Column(field)]; v != nil {
							list = append(list, v)
						}
					}
					v = list[rnd.IntN(2):]
				case "startsWith":
					text, _ := v.(string)
					runes := []rune(text)
					v = string(runes[:rnd.IntN(len(runes)+1)])
					if rnd.IntN(2) == 0 {
						v = strings.ToUpper(v.(string))
					}
				}
				if v != nil {
					ops[op] = v
				}
			}
			if len(ops) > 0 {
				where[field] = ops
			}
		}
		p := shards.Page{Table: t, Limit: rnd.IntN(9), Backward: rnd.IntN(2) == 0}
		p.Order = shards.Order{Column: orders[table][rnd.IntN(len(orders[table]))], Desc: rnd.IntN(2) == 0}
		var err error
		if p.Where, err = t.Filter(where); err != nil {
			w.t.Fatal(err)
		}
		var matching []record
		all := sorted(known[table], p.Order)
		for _, r := range all {
			ok := true
			for field, ops := range where {
				for op, v := range ops.(map[string]any) {
					ok = ok && matches(r, field, op, v)
				}
			}
			if ok {
				matching = append(matching, r)
			}
		}
		n, err := s.Count(context.Background(), p)
		if err != nil || n[""] != int64(len(matching)) {
			w.t.Fatalf("%s %v: counted %d, want %d, %v", table, where, n[""], len(matching), err)
		}
		want := matching
		at := map[string]int{} // where each stands among all
		for i, r := range all {
			at[r.id] = i
		}
		if rnd.IntN(2) == 0 {
			r := any1()
			p.After = &shards.Mark{Value: r.cols[p.Order.Column], ID: r.id}
			want = slices.DeleteFunc(want, func(x record) bool { return at[x.id] <= at[r.id] })
		}
		if rnd.IntN(2) == 0 {
			r := any1()
			p.Before = &shards.Mark{Value: r.cols[p.Order.Column], ID: r.id}
			want = slices.DeleteFunc(want, func(x record) bool { return at[x.id] >= at[r.id] })
		}
		if p.Limit > 0 && len(want) > p.Limit {
			if p.Backward {
				want = want[len(want)-p.Limit:]
			} else {
				want = want[:p.Limit]
			}
		}
		lists, err := s.List(context.Background(), p)
		if got := ids(lists[""]); err != nil || got != recordIDs(want) {
			w.t.Fatalf("%s %v %+v after %+v before %+v limit %d backward %t: %v\n got %s\nwant %s",
				table, where, p.Order, p.After, p.Before, p.Limit, p.Backward, err, got, recordIDs(want))
		}
	}
}

func sums(w *world) {
	h := w.handle("a")
	known := w.populate(h, rand.New(rand.NewPCG(4, 4)))
	s := w.snapshot(h)
	for _, owner := range []string{"", "u001", "nobody"} {
		var where []shards.Condition
		want := map[string]shards.Sum{}
		for _, r := range known["leads"] {
			if owner != "" && r.cols["owner_id"] != owner {
				continue
			}
			stage := r.cols["stage"].(string)
			v, _ := r.cols["value"].(int64)
			want[stage] = shards.Sum{Count: want[stage].Count + 1, Total: want[stage].Total + v}
		}
		if owner != "" {
			where = []shards.Condition{{Column: "owner_id", Op: shards.Equal, Value: owner}}
		}
		for stage, sum := range want { // a total beyond the whole numbers of JSON is the largest of them
			sum.Total = max(-(1<<53 - 1), min(sum.Total, 1<<53-1))
			want[stage] = sum
		}
		got, err := s.Sums(context.Background(), "leads", "stage", "value", where)
		if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
			w.t.Errorf("of %q: got %v, %v, want %v", owner, got, err, want)
		}
	}
}
