package shards

import (
	"context"
	"testing"
)

// What a write costs on SQLite is mostly the trees that it touches, since each
// has a page that is copied into the WAL and from there into the file. In a shard
// with little in it a tree is one page.
func TestWritesTouchFewTrees(t *testing.T) {
	t.Parallel()
	s := openTest(t, Options{})
	h := s.testHandle(t, "a")
	size := func() int64 {
		w, err := s.checkpointer().checkpoint("NOOP")
		if err != nil {
			t.Fatal(err)
		}
		return w.size / pageSize
	}
	for _, test := range []struct {
		name  string
		op    Op
		trees int64
	}{
		{"a group for others to refer to", Op{Kind: Created, Table: "groups", ID: "g1", Body: []byte(`{"name":"North"}`)}, 9},
		// The table, seven indexes, the changes and their index, the head.
		{"a client without an external id", Op{Kind: Created, Table: "clients", ID: "c1",
			Body: []byte(`{"name":"Ada","status":"ACTIVE","email":"a@example.com","groupId":"g1"}`)}, 11},
		{"one without an address either", Op{Kind: Created, Table: "clients", ID: "c2", Body: []byte(`{"name":"Ben","status":"ACTIVE"}`)}, 10},
		{"one with both", Op{Kind: Created, Table: "clients", ID: "c3",
			Body: []byte(`{"name":"Cem","status":"ACTIVE","email":"c@example.com","externalId":"X-1"}`)}, 13},
		// The table, the time of the update, the changes and their index, the head:
		// SQLite leaves alone the index over a generated column that stays as it was,
		// but not that over a folded one that is set.
		{"a telephone number", Op{Kind: Updated, Table: "clients", ID: "c3", Version: 1, Patch: []byte(`{"phone":"1"}`),
			Body: []byte(`{"name":"Cem","status":"ACTIVE","email":"c@example.com","externalId":"X-1","phone":"1"}`)}, 5},
		{"another name", Op{Kind: Updated, Table: "clients", ID: "c3", Version: 2, Patch: []byte(`{"name":"Cen"}`),
			Body: []byte(`{"name":"Cen","status":"ACTIVE","email":"c@example.com","externalId":"X-1","phone":"1"}`)}, 6},
	} {
		if test.op.Kind == Created {
			test.op.Patch = test.op.Body
		}
		before := size()
		if _, err := h.Commit(context.Background(), &Write{Ops: []Op{test.op}}); err != nil {
			t.Fatal(test.name, err)
		}
		if got := size() - before; got != test.trees {
			t.Errorf("%s: %d pages are written, want %d", test.name, got, test.trees)
		}
	}
}
