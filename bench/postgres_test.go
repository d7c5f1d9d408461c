package main

import (
	"context"
	"crypto/rand"
	"flag"
	"os"
	"strings"
	"testing"

	"gatehouse/shards/pgtest"
)

var (
	postgres = pgtest.Shared{}
	figures  = flag.String("figures", "", "measure on PostgreSQL for minutes, with these flags of the command, and print the table")
)

// TestMain is also the processes that TestOnPostgres starts, which are this program again.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && (os.Args[1] == "load" || os.Args[1] == "serve") {
		main()
		return
	}
	os.Exit(postgres.Main(m))
}

// TestOnPostgres compares the same operations on PostgreSQL, where gatehouse's
// statements differ from those by hand and the answers do not.
func TestOnPostgres(t *testing.T) {
	g := onPostgres(t)
	if *figures != "" {
		measure(t, g)
		return
	}
	all := gather(t, g, small, nil)
	random := randomOf(1, 2)
	for _, op := range operations {
		for range 5 {
			alike(t, op, random, all[ours], all[byHand])
		}
	}
	// No history has no bookmark to compare.
	alone, create := all[noHistory], operationNamed("create")
	for range 10 {
		bodies := create.bodies(alone.site.Data, alone.envelope)
		a := bodies.account(random)
		if _, err := alone.ask(create, a, bodies.next(a, random)); err != nil {
			t.Fatal(err)
		}
	}
}

// measure prints the table. Unlike other tests it wants the server to force what
// is committed to the disk.
func measure(t *testing.T, g databases) {
	o, err := parse(strings.Fields(*figures))
	if err != nil {
		t.Fatal(err)
	}
	node := postgres.Cluster(t).Primary
	for _, setting := range []string{"fsync = on", "max_wal_size = '4GB'"} {
		node.Exec(t, "ALTER SYSTEM SET "+setting)
	}
	node.Exec(t, "SELECT pg_reload_conf()")
	r, err := compare(t.Context(), g, o, os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	var table strings.Builder
	r.print(&table)
	t.Log("\n" + table.String())
	if o.chart != "" {
		if err := r.draw(o.chart); err != nil {
			t.Fatal(err)
		}
	}
}

func onPostgres(t *testing.T) databases {
	t.Helper()
	node := postgres.Cluster(t).Primary
	of := func(role string) func(string) string {
		return func(database string) string { return node.DSN(role, database) }
	}
	d := databases{
		dir: t.TempDir(), admin: of("postgres"), app: of(pgtest.App), owner: of(pgtest.Owner), role: pgtest.Owner,
		prefix: "bench_" + strings.ToLower(rand.Text()) + "_",
	}
	if err := d.create(t.Context(), "seeded", "template0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, name := range append([]string{"seeded"}, names()...) {
			if err := d.drop(context.Background(), name); err != nil {
				t.Error(err)
			}
		}
	})
	return d
}

func names() (out []string) {
	for _, c := range contestants {
		out = append(out, c.name)
	}
	return out
}
