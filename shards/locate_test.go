package shards

import (
	"bytes"
	"context"
	"net"
	"testing"
	"time"

	"gatehouse/shards/pgtest"
)

func TestWhereAServerIs(t *testing.T) {
	t.Parallel()
	tcp := func(address string) net.Addr {
		a, err := net.ResolveTCPAddr("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	socket := &net.UnixAddr{Name: "/run/.s.PGSQL.5432", Net: "unix"}
	for name, test := range map[string]struct {
		client, server net.Addr
		seen           ends
		want           bool
	}{
		"on the loopback":                      {tcp("127.0.0.1:9"), tcp("127.0.0.1:5432"), ends{"127.0.0.1", "127.0.0.1", 9, 5432}, true},
		"on that of IPv6":                      {tcp("[::1]:9"), tcp("[::1]:5432"), ends{"::1", "::1", 9, 5432}, true},
		"at this machine's address":            {tcp("10.0.0.1:9"), tcp("10.0.0.1:5432"), ends{"10.0.0.1", "10.0.0.1", 9, 5432}, true},
		"at its socket":                        {socket, socket, ends{}, true},
		"elsewhere":                            {tcp("10.0.0.1:9"), tcp("10.0.0.2:5432"), ends{"10.0.0.1", "10.0.0.2", 9, 5432}, false},
		"behind a proxy here":                  {tcp("127.0.0.1:9"), tcp("127.0.0.1:6432"), ends{"10.0.0.1", "10.0.0.2", 8, 5432}, false},
		"behind a tunnel":                      {tcp("127.0.0.1:9"), tcp("127.0.0.1:5432"), ends{"127.0.0.1", "127.0.0.1", 8, 5432}, false},
		"behind the socket of a proxy":         {socket, socket, ends{"10.0.0.1", "10.0.0.2", 8, 5432}, false},
		"behind one there, which has a socket": {tcp("10.0.0.1:9"), tcp("10.0.0.2:6432"), ends{}, false},
	} {
		if got := test.seen.onThisMachine(test.client, test.server); got != test.want {
			t.Errorf("%s: here %t", name, got)
		}
	}
}

// TestAServerOfThisMachineIsFound: and behind a proxy it may be anywhere.
func TestAServerOfThisMachineIsFound(t *testing.T) {
	t.Parallel()
	c := Cluster.Cluster(t)
	db := c.Database(t)
	if s := openPostgresTest(t, c, db, Options{}, onePrimary); !s.engine.here() {
		t.Error("the server is not found to be here")
	}
	p := pgtest.NewProxy(t, c.Primary)
	s := openPostgresTest(t, c, db, Options{}, func(spec *Spec) {
		spec.DSN, spec.Replicas = p.DSN(t, spec.DSN), nil
	})
	if s.engine.here() {
		t.Error("a server behind a proxy counts as one that is here")
	}
	out, err := s.testHandle(t, "a").Commit(context.Background(), &Write{Ops: []Op{createGroup("g1", "G")}})
	if err != nil || out.Spent != 0 {
		t.Errorf("%v was spent there, %v", out.Spent, err)
	}
}

// TestASilentServerIsGivenUp: one that lets a connection in and then says nothing
// keeps no place of the pool.
func TestASilentServerIsGivenUp(t *testing.T) {
	t.Parallel()
	c := Cluster.Cluster(t)
	p := pgtest.NewProxy(t, c.Primary)
	s := openPostgresTest(t, c, c.Database(t), Options{}, func(spec *Spec) {
		spec.DSN, spec.Replicas = p.DSN(t, spec.DSN), nil
	})
	h := s.testHandle(t, "a")
	over := make(chan struct{})
	defer close(over)
	silent := func(sent []byte) bool {
		if bytes.Contains(sent, []byte("inet_server_addr")) {
			<-over
		}
		return false
	}
	p.Cut.Store(&silent)
	s.engine.(*postgresEngine).primary.pool.Reset()
	ctx, cancel := context.WithTimeout(t.Context(), 10*connectTimeout)
	defer cancel()
	wantCode(t, get(ctx, h, "groups"), Unavailable)
}

// TestALockIsNotPaidFor: what a server here waits for is no work.
func TestALockIsNotPaidFor(t *testing.T) {
	t.Parallel()
	c := Cluster.Cluster(t)
	s := openPostgresTest(t, c, c.Database(t), Options{}, onePrimary)
	h := s.testHandle(t, "a")
	lock := s.asOwner(t, "a", "SELECT FROM head WHERE account_id = $1 FOR UPDATE")
	unlocked := make(chan error)
	time.AfterFunc(100*time.Millisecond, func() { unlocked <- lock.Rollback(context.Background()) })
	out, err := h.Commit(t.Context(), &Write{Ops: []Op{createGroup("g1", "G")}})
	if err := <-unlocked; err != nil {
		t.Error(err)
	}
	if err != nil || out.Spent > changeEffort {
		t.Errorf("%v was spent, %v", out.Spent, err)
	}
}
