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
