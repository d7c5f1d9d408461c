package shards

import (
	"context"
	"fmt"
	"regexp"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
)

// seqScan is a step of a plan that reads a table from end to end; the heads of
// this test are on one page.
var seqScan = regexp.MustCompile(`Seq Scan on (?:[^h]|h[^e])\w*`)

// Among many accounts with many records, no statement reads a table to its end:
// PostgreSQL chooses the index, so it is asked.
func TestPostgresPlans(t *testing.T) {
	t.Parallel()
	c := Cluster.Cluster(t)
	db := c.Database(t)
	var mu sync.Mutex
	var statements []Statement
	s := openPostgresTest(t, c, db, Options{Trace: func(s Statement) {
		mu.Lock()
		defer mu.Unlock()
		statements = append(statements, s)
	}}, onePrimary)
	ctx := context.Background()
	for i := range 12 {
		account := fmt.Sprint("a", i)
		s.testHandle(t, account)
		exec(t, db.Owner(c.Primary), fmt.Sprintf(`
			SELECT set_config('app.account_id', '%[1]s', false);
			INSERT INTO groups (account_id, id, version, created_at, updated_at, body, name_fold)
			SELECT '%[1]s', 'g' || n, 1, '2026-01-01T00:00:00.000Z', '2026-01-01T00:00:00.000Z', json_build_object('name', 'Group ' || n, 'parentId', 'g0'), 'group ' || n FROM generate_series(0, 20) n;
			INSERT INTO users (account_id, id, version, created_at, updated_at, body, name_fold, email_fold)
			SELECT '%[1]s', 'u' || n, 1, '2026-01-01T00:00:00.000Z', '2026-01-01T00:00:00.000Z', json_build_object('name', 'User ' || n, 'email', 'u' || n, 'role', 'MEMBER', 'active', true), 'user ' || n, 'u' || n FROM generate_series(1, 100) n;
			INSERT INTO memberships (account_id, group_id, user_id) SELECT '%[1]s', 'g' || n %% 20, 'u' || n FROM generate_series(1, 100) n;
			INSERT INTO clients (account_id, id, version, created_at, updated_at, body, name_fold)
			SELECT '%[1]s', 'c' || n, 1, '2026-01-01T00:00:00.000Z', '2026-01-01T00:00:00.000Z', json_build_object('name', 'Client ' || n, 'status', 'ACTIVE', 'externalId', 'X-' || n, 'groupId', 'g' || n %% 20, 'ownerId', 'u' || (n %% 100 + 1), 'note', repeat('x', 300)), 'client ' || n FROM generate_series(1, 400) n;
			INSERT INTO leads (account_id, id, version, created_at, updated_at, body, name_fold)
			SELECT '%[1]s', 'l' || n, 1, '2026-01-01T00:00:00.000Z', '2026-01-01T00:00:00.000Z', json_build_object('name', 'Lead ' || n, 'stage', CASE n %% 3 WHEN 0 THEN 'NEW' WHEN 1 THEN 'WON' ELSE 'LOST' END, 'value', n, 'ownerId', 'u' || (n %% 100 + 1)), 'lead ' || n FROM generate_series(1, 400) n;
			INSERT INTO change (account_id, seq, n, kind, record_table, record_id, version, actor, request_id, at)
			SELECT '%[1]s', n, 0, 'UPDATED', 'clients', 'c' || n %% 50, n, '{}', '', '' FROM generate_series(1, 400) n;`, account))
	}
	exec(t, db.Owner(c.Primary), "ANALYZE")
	snap, err := s.again("a7").Snapshot(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Close()
	clients, leads := snap.Table("clients"), snap.Table("leads")
	first := func(page Page) Page { page.Limit = 50; return page }
	order := Order{Column: "created_at", Desc: true}
	in := []any{"X-1", "X-2"}
	for _, p := range []Page{
		first(Page{Table: clients, Order: order}),
		first(Page{Table: clients, Order: order, After: &Mark{"2026-01-01T00:00:00.000Z", "c200"}}),
		first(Page{Table: clients, Order: Order{Column: "name_fold"}, Backward: true}),
		first(Page{Table: leads, Order: Order{Column: "value"}}),
		first(Page{Table: leads, Order: Order{Column: "value", Desc: true}, After: &Mark{int64(200), "l200"}}),
		first(Page{Table: clients, Order: order, By: "group_id", Parents: []string{"g1", "g2", "g3"}}),
		first(Page{Table: leads, Order: order, By: "stage", Parents: []string{"NEW", "WON"}}),
		first(Page{Table: snap.Table("users"), Order: order, Through: &Link{"memberships", "group_id", "user_id"}, Parents: []string{"g1", "g2"}}),
		{Table: clients, Order: order, Where: []Condition{{"external_id", In, in}}},
		first(Page{Table: clients, Order: order, Where: []Condition{{"name", Equal, "Client 7"}}}),
		first(Page{Table: clients, Order: order, Where: []Condition{{"name", StartsWith, "Client 7"}}}),
		first(Page{Table: clients, Order: order, Where: []Condition{{"owner_id", Equal, "u7"}}}),
		first(Page{Table: clients, Order: order, Where: []Condition{{"email", Equal, "e7"}}}),
	} {
		if _, err := snap.List(ctx, p); err != nil {
			t.Fatal(err)
		}
		if _, err := snap.Count(ctx, p); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := snap.Get(ctx, "clients", []string{"c1", "c2", "c3"}); err != nil {
		t.Fatal(err)
	}
	if _, err := snap.Changes(ctx, 390, 400, nil, 10); err != nil {
		t.Fatal(err)
	}
	if _, err := snap.History(ctx, []string{"c1", "c2"}, 0, 5); err != nil {
		t.Fatal(err)
	}
	if _, err := snap.Sums(ctx, "leads", "stage", "value", nil); err != nil {
		t.Fatal(err)
	}
	conn := s.engine.(*postgresEngine).primary.pool
	seen := map[string]bool{}
	for _, st := range statements {
		if seen[st.SQL] || st.Args[0] != "a7" {
			continue
		}
		seen[st.SQL] = true
		plan := ""
		err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, setRead, "a7"); err != nil {
				return err
			}
			rows, err := tx.Query(ctx, "EXPLAIN "+st.SQL, st.Args...)
			if err != nil {
				return err
			}
			lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
			for _, l := range lines {
				plan += l + "\n"
			}
			return err
		})
		if err != nil {
			t.Fatal(st.SQL, err)
		}
		if seqScan.MatchString(plan) {
			t.Errorf("%s\n%v\n%s", st.SQL, st.Args, plan)
		}
	}
}
