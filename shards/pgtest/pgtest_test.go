package pgtest

import (
	"context"
	"os"
	"runtime"
	"testing"
	"time"

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

// TestAServerOutlivesTheThreadThatAskedForIt: a goroutine that ends with its
// thread takes no server along.
func TestAServerOutlivesTheThreadThatAskedForIt(t *testing.T) {
	t.Parallel()
	shared.Cluster(t) // or it is skipped
	var c *Cluster
	var err error
	asked := make(chan struct{})
	go func() {
		defer close(asked)
		runtime.LockOSThread()
		c, err = start(0)
	}()
	if <-asked; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.stop)
	select {
	case <-c.Primary.ended:
		t.Errorf("the server has ended:\n%s", c.Primary.logTail())
	case <-time.After(time.Second):
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
