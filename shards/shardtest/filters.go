package shardtest

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"gatehouse/shards"
)

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

// GraphQL takes a whole number for an ID.
func idOfDigits(w *world) {
	h := w.handle("a")
	w.commit(h, create("groups", "5", fields{"name": "Five"}))
	w.commit(h, create("groups", "g", fields{"name": "Below", "parentId": "5"}))
	s := w.snapshot(h)
	defer s.Close()
	p := shards.Page{Table: s.Table("groups"), Order: shards.Order{Column: "created_at"}}
	for _, test := range []map[string]any{
		{"eq": int64(5)}, {"eq": json.Number("5")}, {"in": []any{int64(5), "7"}}, {"in": []json.Number{"5"}}, {"in": int64(5)},
	} {
		var err error
		if p.Where, err = p.Table.Filter(map[string]any{"parentId": test}); err != nil {
			w.t.Fatal(err)
		}
		if n, err := s.Count(context.Background(), p); err != nil || n[""] != 1 {
			w.t.Errorf("%v: %v, %v", test, n, err)
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
