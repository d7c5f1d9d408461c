package pgtest

import (
	"context"
	"os"
	"testing"

	"github.com/jackc/pgx/v5"
)

var shared = Shared{Replicas: 1}

func TestMain(m *testing.M) { os.Exit(shared.Main(m)) }

func TestReplicasFollowThePrimary(t *testing.T) {
	t.Parallel()
	c := shared.Cluster(t)
	db := c.Database(t)
	if got := c.Replicas[0].Value(t, "SELECT pg_is_in_recovery()"); got != "true" {
		t.Errorf("the replica is none: %s", got)
	}
	if got := c.Replicas[0].Value(t, "SELECT count(*) FROM pg_database WHERE datname = '"+db.Name+"'"); got != "1" {
		t.Errorf("the replica has the database %s times", got)
	}
}

func TestEachNodeComesBack(t *testing.T) {
	t.Parallel()
	c := Start(t, 2)
	c.Primary.Exec(t, "CREATE TABLE t (n int)")
	for _, n := range []*Node{c.Primary, c.Replicas[0]} {
		n.Stop(t)
		n.Start(t)
		n.Kill(t)
		n.Start(t)
	}
	c.Primary.Exec(t, "INSERT INTO t VALUES (1)")
	c.CaughtUp(t)

	stale, fresh := c.Replicas[0], c.Replicas[1]
	stale.Pause(t)
	c.Primary.Exec(t, "INSERT INTO t VALUES (2)")
	fresh.await(t, "SELECT count(*) = 2 FROM t")
	if got := stale.Value(t, "SELECT count(*) FROM t"); got != "1" {
		t.Errorf("the paused replica has %s rows", got)
	}
	stale.Resume(t)
	c.CaughtUp(t)
	if got := stale.Value(t, "SELECT count(*) FROM t"); got != "2" {
		t.Errorf("the resumed replica has %s rows", got)
	}
}

func TestABouncerPoolsTransactions(t *testing.T) {
	t.Parallel()
	c := shared.Cluster(t)
	db := c.Database(t)
	b := c.Primary.Bouncer(t)
	ctx := context.Background()
	open := func() *pgx.Conn {
		conn, err := pgx.Connect(ctx, db.App(b))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close(ctx) })
		return conn
	}
	server := func(conn *pgx.Conn) (pid int) {
		if err := conn.QueryRow(ctx, "SELECT pg_backend_pid()", pgx.QueryExecModeExec).Scan(&pid); err != nil {
			t.Fatal(err)
		}
		return pid
	}
	if one, other := server(open()), server(open()); one != other {
		t.Errorf("two clients, one after the other, have the connections %d and %d", one, other)
	}
}
