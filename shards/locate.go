package shards

import (
	"context"
	"net"

	"github.com/jackc/pgx/v5"
)

// locate finds out with each new connection to a node whether its server is on this
// machine: then the server's work is done by the processors that serve requests.
// A name may come to mean another machine.
func (n *node) locate(ctx context.Context, conn *pgx.Conn) error {
	// Nobody has asked for this connection in particular, and so nobody gives it up.
	ctx, cancel := context.WithTimeout(ctx, conn.Config().ConnectTimeout)
	defer cancel()
	var seen ends
	err := conn.QueryRow(ctx, `SELECT coalesce(host(inet_client_addr()), ''), coalesce(inet_client_port(), 0),
		coalesce(host(inet_server_addr()), ''), coalesce(inet_server_port(), 0)`, pgx.QueryExecModeExec).
		Scan(&seen.client, &seen.clientPort, &seen.server, &seen.serverPort)
	if err != nil {
		return err
	}
	c := conn.PgConn().Conn()
	n.here.Store(seen.onThisMachine(c.LocalAddr(), c.RemoteAddr()))
	return nil
}

// ends are the two ends of a connection as the server sees them: empty and 0 on a
// Unix socket.
type ends struct {
	client, server         string
	clientPort, serverPort int
}

// onThisMachine reports whether the server is on the machine of its client, which
// sees the ends of its connection at these addresses. It may be one to a proxy: only
// where both see the same there is none in between.
func (e ends) onThisMachine(client, server net.Addr) bool {
	local, tcp := client.(*net.TCPAddr)
	if !tcp { // a Unix socket
		return e == ends{}
	}
	remote, tcp := server.(*net.TCPAddr)
	return tcp && local.IP.Equal(remote.IP) &&
		local.IP.Equal(net.ParseIP(e.client)) && local.Port == e.clientPort &&
		remote.IP.Equal(net.ParseIP(e.server)) && remote.Port == e.serverPort
}
