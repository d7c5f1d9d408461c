package shards

import (
	"context"
	"fmt"
	"testing"

	"modernc.org/sqlite"
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
	begin, _ := c.stmts.Peek("BEGIN IMMEDIATE")
	askVariously(t, h)
	if n := c.stmts.Len(); n != maxStatements {
		t.Errorf("%d statements are kept, want %d", n, maxStatements)
	}
	if now, _ := c.stmts.Peek("BEGIN IMMEDIATE"); now == nil || now != begin {
		t.Error("what each read needs was prepared again")
	}
	used := func() int {
		n, _, err := c.driver.(sqlite.DBStatus).Status(sqlite.DBStatusStmtUsed, false)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	before := used()
	if _, err := c.prepare("SELECT 1"); err != nil {
		t.Fatal(err)
	}
	if after := used(); after >= before { // a small one has taken the place of a large one
		t.Errorf("the one that made room is not closed: statements take %d bytes, before %d", after, before)
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

// Records are planned once for a connection, however many are asked for: where
// the planner sees their number, a plan for it looks cheaper than the one for
// any, and making it takes longer than reading the records.
func TestRecordsArePlannedOnce(t *testing.T) {
	t.Parallel()
	c := Cluster.Cluster(t)
	db := c.Database(t)
	s := openPostgresTest(t, c, db, Options{}, func(spec *Spec) {
		onePrimary(spec)
		spec.DSN += "?pool_max_conns=1"
	})
	h := s.testHandle(t, "a")
	w := &Write{}
	for i := range 500 { // a table of a few pages is read at any plan
		body := fmt.Appendf(nil, `{"name":"%d","status":"ACTIVE"}`, i)
		w.Ops = append(w.Ops, Op{Kind: Created, Table: "groups", ID: fmt.Sprint("g", i), Body: body, Patch: body},
			Op{Kind: Created, Table: "clients", ID: fmt.Sprint("c", i), Body: body, Patch: body})
	}
	if _, err := h.Commit(t.Context(), w); err != nil {
		t.Fatal(err)
	}
	exec(t, db.Owner(c.Primary), "ANALYZE")
	const reads = 20
	for n := range reads {
		snap, err := h.Snapshot(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ids := []string{"c1", "g2", "g3"}[:1+n%3]
		if _, err := snap.GetAll(t.Context(), Wanted{Table: "groups", IDs: ids}, Wanted{Table: "clients", IDs: ids, With: []string{"groupId", "ownerId"}}); err != nil {
			t.Fatal(err)
		}
		snap.Close()
	}
	conn, err := s.engine.(*postgresEngine).primary.pool.Acquire(t.Context()) // the only one
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	rows, err := conn.Query(t.Context(), "SELECT statement, generic_plans, custom_plans FROM pg_prepared_statements WHERE statement LIKE 'SELECT t.account_id%'")
	if err != nil {
		t.Fatal(err)
	}
	const tries = 5 // as many as PostgreSQL compares with
	n := 0
	err = eachRow(rows, func(row scanner) error {
		var text string
		var once, anew int64
		if err := row.Scan(&text, &once, &anew); err != nil {
			return err
		}
		if n++; once != reads-tries || anew != tries {
			t.Errorf("planned %d times anew, %d times not: %s", anew, once, text)
		}
		return nil
	})
	if err != nil || n != 4 {
		t.Errorf("%d statements, %v", n, err)
	}
}
