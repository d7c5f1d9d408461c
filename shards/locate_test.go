package shards

import (
	"context"
	"net"
	"testing"

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
		address        string // "" is a server that was reached by its socket
		port           int
		want           bool
	}{
		"on the loopback":                      {tcp("127.0.0.1:9"), tcp("127.0.0.1:5432"), "127.0.0.1", 5432, true},
		"on that of IPv6":                      {tcp("[::1]:9"), tcp("[::1]:5432"), "::1", 5432, true},
		"at this machine's address":            {tcp("10.0.0.1:9"), tcp("10.0.0.1:5432"), "10.0.0.1", 5432, true},
		"at its socket":                        {socket, socket, "", 0, true},
		"elsewhere":                            {tcp("10.0.0.1:9"), tcp("10.0.0.2:5432"), "10.0.0.2", 5432, false},
		"behind a proxy here":                  {tcp("127.0.0.1:9"), tcp("127.0.0.1:6432"), "10.0.0.2", 5432, false},
		"behind one before a server like it":   {tcp("127.0.0.1:9"), tcp("127.0.0.1:6432"), "127.0.0.1", 5432, false},
		"behind the socket of a proxy":         {socket, socket, "10.0.0.2", 5432, false},
		"behind one there, which has a socket": {tcp("10.0.0.1:9"), tcp("10.0.0.2:6432"), "", 0, false},
	} {
		var address *string
		var port *int
		if test.address != "" {
			address, port = &test.address, &test.port
		}
		if got := onThisMachine(test.client, test.server, address, port); got != test.want {
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
