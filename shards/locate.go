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
	var address *string // where the server sees itself; nil on a Unix socket
	var port *int
	err := conn.QueryRow(ctx, "SELECT host(inet_server_addr()), inet_server_port()", pgx.QueryExecModeExec).Scan(&address, &port)
	if err != nil {
		return err
	}
	c := conn.PgConn().Conn()
	n.here.Store(onThisMachine(c.LocalAddr(), c.RemoteAddr(), address, port))
	return nil
}

// onThisMachine reports whether a server is on the machine of its client. The
// connection may end at a proxy: only where the server sees itself right where the
// client sees it, there is none in between.
func onThisMachine(client, server net.Addr, address *string, port *int) bool {
	remote, ok := server.(*net.TCPAddr)
	if !ok {
		return address == nil
	}
	local, ok := client.(*net.TCPAddr)
	return ok && local.IP.Equal(remote.IP) && address != nil && remote.IP.Equal(net.ParseIP(*address)) && port != nil && *port == remote.Port
}
