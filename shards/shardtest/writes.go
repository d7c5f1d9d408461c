package shardtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"gatehouse/shards"
)

func writeIsReadBack(w *world) {
	h := w.handle("a")
	op := create("clients", "c1", fields{"name": "Ünal <b>", "tags": []string{"x"}, "customFields": fields{"n": 9007199254740993}})
	out := w.commit(h, op)
	if want := (shards.Position{Epoch: 1, Seq: 1}); out.Position != want || out.At != "2026-03-01T09:00:00.000Z" {
		w.t.Errorf("got %+v at %s, want %+v", out.Position, out.At, want)
	}
	r := w.row(h, "clients", "c1")
	if string(r.Body) != string(op.Body) || r.Version != 1 || r.CreatedAt != out.At || r.UpdatedAt != out.At {
		w.t.Errorf("got %+v %s", r, r.Body)
	}
	var all map[string]any
	if err := r.Decode(&all); err != nil || all["name"] != "Ünal <b>" || all["id"] != "c1" || all["createdAt"] != out.At {
		w.t.Errorf("got %v, %v", all, err)
	}
	if r := w.row(h, "clients", "c2"); r != nil {
		w.t.Errorf("a record that nobody wrote: %+v", r)
	}
}

func versionsGrowByOne(w *world) {
	h := w.handle("a")
	created := w.commit(h, create("groups", "g1", nil))
	for v := int64(2); v < 5; v++ {
		w.now.add(time.Minute)
		out := w.commit(h, update(w.row(h, "groups", "g1"), fields{"description": v}))
		r := w.row(h, "groups", "g1")
		if r.Version != v || r.CreatedAt != created.At || r.UpdatedAt != out.At || out.Position.Seq != v {
			w.t.Errorf("got %+v after %+v, want version %d", r, out, v)
		}
	}
	w.commit(h, remove("groups", "g1", 4))
	if r := w.row(h, "groups", "g1"); r != nil {
		w.t.Errorf("a deleted record: %+v", r)
	}
	w.commit(h, create("groups", "g1", nil)) // an id that is free again
}

func movedVersionConflicts(w *world) {
	h := w.handle("a")
	w.commit(h, create("groups", "g1", nil), create("groups", "g2", nil))
	old := w.row(h, "groups", "g1")
	w.commit(h, update(old, fields{"name": "Mine"}))
	conflict := shards.Refusal{Reason: shards.Conflict}
	w.refused(h, conflict, update(old, fields{"name": "Yours"}))
	w.refused(h, conflict, remove("groups", "g1", 1))
	w.refused(h, conflict, remove("groups", "g9", 1))
	gone := *old
	gone.ID = "g9"
	w.refused(h, conflict, update(&gone, nil))
	w.refused(h, shards.Refusal{Op: 1, Reason: shards.Conflict}, update(w.row(h, "groups", "g2"), fields{"name": "X"}), remove("groups", "g1", 7))
	w.refused(h, shards.Refusal{Reason: shards.Taken, Field: "id"}, create("groups", "g1", fields{"name": "Other"}))
	if r := w.row(h, "groups", "g2"); r.Version != 1 {
		w.t.Errorf("half of a write: %+v", r)
	}
}

func uniqueValuesAreTaken(w *world) {
	h := w.handle("a")
	w.commit(h, create("clients", "c0", nil))
	for table := range least {
		f := fields{"externalId": "X-1"}
		if table == "documents" {
			f["clientId"] = "c0"
		}
		w.commit(h, create(table, "r1", f))
		w.refused(h, shards.Refusal{Reason: shards.Taken, Field: "externalId"}, create(table, "r2", f))
		f["externalId"] = "x-1" // externalId is compared byte by byte
		w.commit(h, create(table, "r2", f))
		w.refused(h, shards.Refusal{Reason: shards.Taken, Field: "externalId"}, update(w.row(h, table, "r2"), fields{"externalId": "X-1"}))
		f["externalId"] = nil // and absent ones are all different
		w.commit(h, create(table, "r3", f), create(table, "r4", f))
	}
	w.commit(h, create("groups", "g1", fields{"name": "Team"}))
	w.refused(h, shards.Refusal{Reason: shards.Taken, Field: "name"}, create("groups", "g2", fields{"name": "Team"}))
	w.commit(h, create("groups", "g2", fields{"name": "TEAM"}))
	for i, pair := range [][2]string{
		{"ann@example.com", "ANN@Example.COM"},
		{"émile@example.com", "ÉMILE@example.com"},
		{"émile.z@example.com", "E\u0301MILE.Z@example.com"},
		{"straße@example.com", "STRASSE@example.com"},
		{"ΣΊΣΥΦΟΣ@example.com", "σίσυφος@example.com"},
		{"i\u0307@example.com", "İ@example.com"},
	} {
		w.commit(h, create("users", name("u", i), fields{"email": pair[0]}))
		w.refused(h, shards.Refusal{Reason: shards.Taken, Field: "email"}, create("users", "u9", fields{"email": pair[1]}))
	}
	w.commit(h, update(w.row(h, "users", "u000"), fields{"email": "ANN@example.com"})) // its own
	b := w.handle("b")
	w.commit(b, create("groups", "g1", fields{"name": "Team", "externalId": "X-1"})) // a neighbour may have them all
}

// references are those that a record may have: table, field, table referred to.
var references = [][3]string{
	{"groups", "parentId", "groups"},
	{"clients", "groupId", "groups"}, {"clients", "ownerId", "users"},
	{"leads", "groupId", "groups"}, {"leads", "ownerId", "users"}, {"leads", "clientId", "clients"},
	{"documents", "clientId", "clients"}, {"documents", "authorId", "users"},
}

// targets makes one record of each table that is referred to, all with the same id.
func (w *world) targets(h *shards.Handle, id string) {
	w.t.Helper()
	for _, table := range []string{"groups", "users", "clients"} {
		w.commit(h, create(table, id, nil))
	}
}

func referencesStayInTheAccount(w *world) {
	a, b := w.handle("a"), w.handle("b")
	w.targets(a, "mine")
	w.targets(b, "theirs")
	for _, ref := range references {
		table, field := ref[0], ref[1]
		for _, id := range []string{"theirs", "nobody's", ""} {
			f := fields{field: id}
			if table == "documents" && field != "clientId" {
				f["clientId"] = "mine"
			}
			w.refused(a, shards.Refusal{Reason: shards.NotFound, Field: field}, create(table, "r", f))
		}
		f := fields{"clientId": "mine", field: "mine"}
		if table != "documents" && field != "clientId" {
			delete(f, "clientId")
		}
		w.commit(a, create(table, "r", f))
		w.refused(a, shards.Refusal{Reason: shards.NotFound, Field: field}, update(w.row(a, table, "r"), fields{field: "theirs"}))
		w.commit(a, remove(table, "r", 1))
	}
	g := w.row(a, "groups", "mine")
	w.refused(a, shards.Refusal{Reason: shards.NotFound, Field: "userId"}, member(g, "theirs", true))
	w.commit(a, create("groups", "p", nil), create("groups", "q", fields{"parentId": "p"})) // what the same write makes
	w.commit(a, create("groups", "self", fields{"parentId": "self"}))
	w.commit(a, remove("groups", "self", 1))
}

func referredIsInUse(w *world) {
	h := w.handle("a")
	for i, ref := range references {
		target := name("t", i)
		w.targets(h, target)
		f := fields{"clientId": target, ref[1]: target}
		if ref[0] != "documents" && ref[1] != "clientId" {
			delete(f, "clientId")
		}
		w.commit(h, create(ref[0], name("r", i), f))
		w.refused(h, shards.Refusal{Reason: shards.InUse}, remove(ref[2], target, 1))
		w.commit(h, remove(ref[0], name("r", i), 1), remove(ref[2], target, 1))
	}
}

func membershipsCascade(w *world) {
	h := w.handle("a")
	ctx := context.Background()
	w.commit(h, create("groups", "g1", nil), create("groups", "g2", nil), create("users", "u1", nil), create("users", "u2", nil))
	for _, g := range []string{"g1", "g2"} {
		for _, u := range []string{"u1", "u2"} {
			w.commit(h, member(w.row(h, "groups", g), u, true))
		}
	}
	conflict := shards.Refusal{Reason: shards.Conflict}
	w.refused(h, conflict, member(w.row(h, "groups", "g1"), "u1", true)) // is one already
	w.commit(h, member(w.row(h, "groups", "g1"), "u1", false))
	w.refused(h, conflict, member(w.row(h, "groups", "g1"), "u1", false)) // is none any more
	w.commit(h, member(w.row(h, "groups", "g1"), "u1", true))
	w.commit(h, remove("users", "u1", 1))
	w.commit(h, remove("groups", "g2", w.row(h, "groups", "g2").Version))
	s := w.snapshot(h)
	for pair, want := range map[[2]string]bool{{"g1", "u1"}: false, {"g1", "u2"}: true, {"g2", "u1"}: false, {"g2", "u2"}: false} {
		if is, err := s.Linked(ctx, members, pair[0], pair[1]); err != nil || is != want {
			w.t.Errorf("%v: got %t, %v, want %t", pair, is, err, want)
		}
	}
}

func partialWrite(w *world) {
	h := w.handle("a")
	w.commit(h, create("groups", "g1", fields{"name": "Taken"}), create("users", "u1", nil))
	w.commit(h, create("clients", "c1", fields{"groupId": "g1"}))
	out, err := h.Commit(context.Background(), &shards.Write{Partial: true, Ops: []shards.Op{
		create("groups", "g2", fields{"name": "Taken"}),
		create("groups", "g3", nil),
		create("clients", "c2", fields{"groupId": "nobody's"}),
		remove("groups", "g1", 1),
		create("groups", "g3", fields{"name": "Twice"}),
		create("clients", "c3", fields{"groupId": "g3"}), // what an op before it made
		create("clients", "c4", fields{"groupId": "g2"}), // what an op before it failed to make
	}})
	if err != nil {
		w.t.Fatal(err)
	}
	want := []shards.Refusal{
		{Op: 0, Reason: shards.Taken, Field: "name"}, {Op: 2, Reason: shards.NotFound, Field: "groupId"},
		{Op: 3, Reason: shards.InUse}, {Op: 4, Reason: shards.Taken, Field: "id"}, {Op: 6, Reason: shards.NotFound, Field: "groupId"},
	}
	if !slices.Equal(out.Refused, want) || out.Position.Seq != 3 || w.head(h) != out.Position {
		w.t.Errorf("got %+v, want %+v", out, want)
	}
	changes, err := w.snapshot(h).Changes(context.Background(), 2, 9, nil, 100)
	if err != nil || len(changes) != 2 || changes[0].RecordID != "g3" || changes[1].RecordID != "c3" {
		w.t.Errorf("got %+v, %v", changes, err)
	}
	w.folds(h)

	// Nothing but refusals is no write.
	all := []shards.Op{create("groups", "g4", fields{"name": "Taken"})}
	if out, err = h.Commit(context.Background(), &shards.Write{Partial: true, Ops: all}); err != nil || len(out.Refused) != 1 || out.Position.Seq != 3 {
		w.t.Errorf("got %+v, %v", out, err)
	}
	// A version that moved undoes it all.
	_, err = h.Commit(context.Background(), &shards.Write{Partial: true, Ops: []shards.Op{create("groups", "g5", nil), remove("groups", "g1", 9)}})
	var refusal *shards.Refusal
	if !errors.As(err, &refusal) || *refusal != (shards.Refusal{Op: 1, Reason: shards.Conflict}) || w.head(h).Seq != 3 || w.row(h, "groups", "g5") != nil {
		w.t.Errorf("got %v", err)
	}
}

func allOrNothing(w *world) {
	h := w.handle("a")
	w.commit(h, create("groups", "g0", fields{"name": "Taken"}))
	w.refused(h, shards.Refusal{Op: 2, Reason: shards.Taken, Field: "name"},
		create("groups", "g1", nil), update(w.row(h, "groups", "g0"), fields{"name": "Free"}), create("groups", "g2", fields{"name": "Free"}))
	w.refused(h, shards.Refusal{Op: 1, Reason: shards.NotFound, Field: "userId"},
		create("groups", "g1", nil), member(w.row(h, "groups", "g0"), "nobody", true))
	// What the table itself refuses is our mistake, and writes nothing either.
	bad := create("groups", "g2", fields{"name": nil})
	if _, err := h.Commit(context.Background(), &shards.Write{Ops: []shards.Op{create("groups", "g1", nil), bad}}); shards.CodeOf(err) != shards.Internal {
		w.t.Errorf("got %v", err)
	}
	if w.head(h).Seq != 1 || w.row(h, "groups", "g1") != nil || w.row(h, "groups", "g0").Version != 1 {
		w.t.Error("half of a write was written")
	}
	if out, err := h.Commit(context.Background(), &shards.Write{}); err != nil || out.Position.Seq != 1 {
		w.t.Errorf("an empty write: got %+v, %v", out, err)
	}
	w.folds(h)
}

// neighbours: two accounts have the same ids for different records (invariant 1).
func absentConflicts(w *world) {
	h := w.handle("a")
	snap := w.snapshot(h)
	absent := shards.Page{
		Table: snap.Table("groups"), Order: shards.Order{Column: "created_at"},
		Where: []shards.Condition{{Column: "external_id", Op: shards.In, Value: []any{"X-1", "X-2"}}},
	}
	snap.Close()
	other := create("groups", "g1", fields{"name": "Other", "externalId": "X-9"})
	write := shards.Write{Absent: &absent, Partial: true, Ops: []shards.Op{other}}
	if _, err := w.handle("b").Commit(context.Background(), &shards.Write{Ops: []shards.Op{create("groups", "g1", fields{"externalId": "X-2"})}}); err != nil {
		w.t.Fatal(err)
	}
	if out, err := h.Commit(context.Background(), &write); err != nil || out.Position.Seq != 1 {
		w.t.Fatalf("absent: %+v, %v", out, err)
	}
	w.commit(h, create("groups", "g2", fields{"name": "X", "externalId": "X-2"}))
	write.Ops = []shards.Op{create("groups", "g3", fields{"name": "Left out"})}
	_, err := h.Commit(context.Background(), &write)
	var refusal *shards.Refusal
	if !errors.As(err, &refusal) || refusal.Reason != shards.Conflict {
		w.t.Errorf("present: %v", err)
	}
	if w.row(h, "groups", "g3") != nil || w.head(h).Seq != 2 {
		w.t.Error("a part of the write is there")
	}
}

func neighbours(w *world) {
	a, b := w.handle("a"), w.handle("b")
	empty := w.handle("empty")
	for i, h := range []*shards.Handle{a, b} {
		for n := range 5 + i {
			w.commit(h, create("groups", name("g", n), fields{"name": fmt.Sprint(i, n)}))
		}
	}
	w.commit(b, update(w.row(b, "groups", "g000"), fields{"name": "changed"}), remove("groups", "g001", 1))
	if r := w.row(a, "groups", "g000"); r.Text("name") != "0 0" || r.Version != 1 {
		w.t.Errorf("the neighbour's update arrived: %s", r.Body)
	}
	for h, want := range map[*shards.Handle]int{a: 5, b: 5, empty: 0} {
		s := w.snapshot(h)
		p := shards.Page{Table: s.Table("groups"), Order: shards.Order{Column: "created_at"}}
		rows, err := s.List(context.Background(), p)
		n, err2 := s.Count(context.Background(), p)
		if err != nil || err2 != nil || len(rows[""]) != want || n[""] != int64(want) {
			w.t.Errorf("got %v, %v, want %d rows", rows, n, want)
		}
		s.Close()
	}
	w.refused(a, shards.Refusal{Reason: shards.Conflict}, remove("groups", "g005", 1)) // only the neighbour has it
	w.folds(a)
	w.folds(b)
}
