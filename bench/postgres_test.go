package main

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"gatehouse/shards"
	"gatehouse/shards/pgtest"
)

var (
	postgres = pgtest.Shared{}
	figures  = flag.Bool("figures", false, "measure on PostgreSQL for minutes, and print the table")
)

// TestMain is also the load generator of TestOnPostgres, which is this program again.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "load" {
		main()
		return
	}
	os.Exit(postgres.Main(m))
}

// TestOnPostgres compares the same operations on PostgreSQL: gatehouse beside a
// handler by hand that uses pgx as its manual shows it.
func TestOnPostgres(t *testing.T) {
	n := 2
	if *figures {
		n = accounts
	}
	c, err := newContest(t.Context(), onPostgres(t), n, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := c.close(); err != nil {
			t.Error(err)
		}
	}()
	random := rand.New(rand.NewPCG(1, 2))
	for _, op := range operations {
		for range 10 {
			c.alike(t, op, random, ours, byHand)
		}
	}
	if *figures {
		var table strings.Builder
		if err := c.compare(options{rounds: 3, duration: time.Second, concurrency: []int{1, 32}}, &table, os.Stderr); err != nil {
			t.Fatal(err)
		}
		t.Log("\n" + table.String())
	}
}

func onPostgres(t *testing.T) ground {
	t.Helper()
	cluster := postgres.Cluster(t)
	db := cluster.Database(t)
	spec := shards.Spec{ID: shardID, Engine: "postgres", DSN: db.App(cluster.Primary), OwnerDSN: db.Owner(cluster.Primary)}
	return ground{t.TempDir(), spec, []string{byHand}, func(ctx context.Context, name string) (store, error) {
		copied := pgtest.Database{Name: db.Name + "_copy"}
		cluster.Primary.Exec(t, fmt.Sprintf("CREATE DATABASE %s TEMPLATE %s OWNER %s", copied.Name, db.Name, pgtest.Owner))
		t.Cleanup(func() { cluster.Primary.Exec(t, "DROP DATABASE "+copied.Name+" WITH (FORCE)") })
		s := &server{}
		for _, p := range []struct {
			pool **pgxpool.Pool
			size int
		}{{&s.reads, 16}, {&s.writes, 8}} { // as many as gatehouse has
			var err error
			if *p.pool, err = pgxpool.New(ctx, fmt.Sprintf("%s?pool_max_conns=%d", copied.App(cluster.Primary), p.size)); err != nil {
				return nil, err
			}
		}
		return s, nil
	}}
}

// server is the store on PostgreSQL: transactions as pgx begins and ends them,
// whose statements follow each other.
type server struct{ reads, writes *pgxpool.Pool }

func (s *server) close() error {
	s.reads.Close()
	s.writes.Close()
	return nil
}

func (s *server) read(ctx context.Context, account string, f func(session) error) error {
	return pgx.BeginTxFunc(ctx, s.reads, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		return within(ctx, tx, account, f)
	})
}

func (s *server) write(account string, f func(context.Context, session) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return pgx.BeginFunc(ctx, s.writes, func(tx pgx.Tx) error {
		return within(ctx, tx, account, func(s session) error { return f(ctx, s) })
	})
}

func within(ctx context.Context, tx pgx.Tx, account string, f func(session) error) error {
	if _, err := tx.Exec(ctx, "SELECT set_config('app.account_id', $1, true)", account); err != nil {
		return err
	}
	return f(transaction{tx})
}

// dialect turns the statements by hand into PostgreSQL's.
var dialect = strings.NewReplacer(
	"?", "$",
	" INDEXED BY clients_created_at", "", " INDEXED BY leads_stage", "", " INDEXED BY groups_created_at", "",
	"IN (SELECT value FROM json_each(?2))", "= ANY (ARRAY(SELECT json_array_elements_text($2::json)))",
	stageLeads, ofParents("leads c WHERE c.account_id = $1 AND c.stage = p.value AND c.value >= $3 ORDER BY c.created_at DESC, c.id DESC LIMIT $4"),
	groupClients, ofParents("clients c WHERE c.account_id = $1 AND c.group_id = p.value AND c.created_at >= $3 ORDER BY c.created_at DESC, c.id DESC LIMIT $4"),
	userGroups, ofParents("memberships m JOIN groups c ON c.account_id = m.account_id AND c.id = m.group_id"+
		" WHERE m.account_id = $1 AND m.user_id = p.value ORDER BY c.created_at DESC, c.id DESC"),
)

// ofParents selects the records of each parent in a list.
func ofParents(records string) string {
	return "SELECT t.account_id, t.id, t.version, t.created_at, t.updated_at, t.body, p.value FROM json_array_elements_text($2::json) WITH ORDINALITY p(value, key)" +
		" CROSS JOIN LATERAL (SELECT c.* FROM " + records + ") t ORDER BY p.key, t.created_at DESC, t.id DESC"
}

type transaction struct{ pgx.Tx }

func (t transaction) each(ctx context.Context, f func(scanner) error, text string, args ...any) error {
	rows, err := t.Query(ctx, dialect.Replace(text), args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := f(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

func (t transaction) exec(ctx context.Context, text string, args ...any) (int64, error) {
	tag, err := t.Exec(ctx, dialect.Replace(text), args...)
	return tag.RowsAffected(), err
}
