package shards

import (
	"context"
	"testing"
)

// askVariously asks for pages by every combination of eight conditions, so for
// more statements than are kept.
func askVariously(t *testing.T, h *Handle) {
	t.Helper()
	ctx := context.Background()
	all := []Condition{
		{"name", Equal, "Ada"}, {"name", StartsWith, "a"}, {"status", Equal, "ACTIVE"}, {"status", In, []any{"ACTIVE", "CLOSED"}},
		{"email", IsNull, false}, {"group_id", Equal, "g1"}, {"owner_id", In, []any{"u1", "u2"}}, {"updated_at", Less, "2027-01-01T00:00:00.000Z"},
	}
	for n := range 1 << len(all) {
		s, err := h.Snapshot(ctx)
		if err != nil {
			t.Fatal(err)
		}
		p := Page{Table: s.Table("clients"), Order: Order{Column: "created_at", Desc: true}, Limit: 10}
		for i, c := range all {
			if n>>i&1 == 1 {
				p.Where = append(p.Where, c)
			}
		}
		_, err = s.List(ctx, p)
		s.Close()
		if err != nil {
			t.Fatal(err)
		}
	}
}

// However many statements there may be, a connection keeps few of them, and
// among these those that everybody needs.
func TestStatementsAreBounded(t *testing.T) {
	t.Parallel()
	s := openTest(t, Options{})
	e := s.engine.(*sqliteEngine)
	h := s.testHandle(t, "a")
	if _, err := h.Bookmark(t.Context()); err != nil {
		t.Fatal(err)
	}
	c := <-e.free
	e.free <- c
	begin, _ := c.stmts.Peek("BEGIN")
	askVariously(t, h)
	if n := c.stmts.Len(); n != maxStatements {
		t.Errorf("%d statements are kept, want %d", n, maxStatements)
	}
	if now, _ := c.stmts.Peek("BEGIN"); now == nil || now != begin {
		t.Error("what each read needs was prepared again")
	}
	_, oldest, _ := c.stmts.GetOldest()
	if _, err := c.prepare(t.Context(), "SELECT 1"); err != nil {
		t.Fatal(err)
	}
	if _, err := oldest.Exec(); err == nil {
		t.Error("the one that made room is not closed")
	}
}

// The server keeps them for each connection, with their plans.
func TestPostgresStatementsAreBounded(t *testing.T) {
	t.Parallel()
	c := Cluster.Cluster(t)
	s := openPostgresTest(t, c, c.Database(t), Options{}, func(spec *Spec) {
		onePrimary(spec)
		spec.DSN += "?pool_max_conns=1"
	})
	askVariously(t, s.testHandle(t, "a"))
	conn, err := s.engine.(*postgresEngine).primary.pool.Acquire(t.Context()) // the only one
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	var n int
	err = conn.QueryRow(t.Context(), "SELECT count(*) FROM pg_prepared_statements").Scan(&n)
	if err != nil || n < maxStatements || n > maxStatements+1 { // one is closed with the next use
		t.Errorf("%d statements are prepared, want %d (%v)", n, maxStatements, err)
	}
}
