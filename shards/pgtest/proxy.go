package pgtest

import (
	"bytes"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Proxy stands between a gateway and a server, counts round trips, and can cut
// the wire. It is safe for concurrent use.
type Proxy struct {
	// Trips counts the round trips of all connections.
	Trips atomic.Int64
	// Cut, where set, is shown what goes to the server; once it says true, the
	// server gets it, and the connection ends before its answer.
	Cut atomic.Pointer[func([]byte) bool]

	listener net.Listener
	to       string
	mu       sync.Mutex
	conns    []net.Conn
}

// Settle lets what nobody waits for come to its end: nothing tells when.
func (p *Proxy) Settle() { time.Sleep(20 * time.Millisecond) }

// cancelRequest begins the only message of a connection that cancels what
// another one does.
var cancelRequest = []byte{0, 0, 0, 16, 4, 210, 22, 46}

// NewProxy returns a proxy in front of a node, until the test ends.
func NewProxy(t testing.TB, n *Node) *Proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{listener: l, to: n.Address()}
	t.Cleanup(func() { l.Close(); p.drop() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			p.serve(c)
		}
	}()
	return p
}

// DSN returns dsn with the proxy in place of its server.
func (p *Proxy) DSN(t testing.TB, dsn string) string {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	u.Host = p.listener.Addr().String()
	return u.String()
}

// drop ends all connections.
func (p *Proxy) drop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		c.Close()
	}
	p.conns = nil
}

func (p *Proxy) serve(client net.Conn) {
	server, err := net.Dial("tcp", p.to)
	if err != nil {
		client.Close()
		return
	}
	p.mu.Lock()
	p.conns = append(p.conns, client, server)
	p.mu.Unlock()
	var asked atomic.Bool // a trip begins with what the client says after the server has spoken
	go func() {
		defer client.Close()
		defer server.Close()
		buf := make([]byte, 64<<10)
		for {
			n, err := server.Read(buf)
			if err != nil {
				return
			}
			asked.Store(false)
			// What comes for a client that is gone is read all the same: the end
			// of a connection with unread data takes what the server has not read.
			_, _ = client.Write(buf[:n])
		}
	}()
	go func() {
		defer server.(*net.TCPConn).CloseWrite()
		buf := make([]byte, 64<<10)
		var sent []byte
		for {
			n, err := client.Read(buf)
			if err != nil {
				return
			}
			if !asked.Swap(true) {
				p.Trips.Add(1)
			}
			// A batch may come in pieces; Sync ends it.
			sent = append(sent, buf[:n]...)
			cut := p.Cut.Load()
			if cut != nil && bytes.HasPrefix(sent, cancelRequest) {
				return // of a client that was cut off: the server does not hear of it
			}
			whole := bytes.HasSuffix(sent, []byte{'S', 0, 0, 0, 4})
			ends := whole && cut != nil && (*cut)(sent)
			if whole {
				sent = nil
			}
			if ends {
				client.Close()
			}
			if _, err := server.Write(buf[:n]); err != nil || ends {
				return
			}
		}
	}()
}
