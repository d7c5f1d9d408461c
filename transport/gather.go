package transport

import (
	"net"
	"net/http"
	"sync"
)

const (
	// maxGathered is how much of a response is held back to be sent at once, in bytes:
	// most pages. What is longer costs more than one more system call.
	maxGathered = 32 << 10
	// minGathered is from which length on that is worth it: net/http sends less at once
	// by itself.
	minGathered = 3 << 10
)

// NewListener returns a listener whose connections can gather a response, for a
// server whose ConnContext is Connected. net/http sends a response that is longer
// than its buffer of 4 KiB with two system calls, each of which may wake the client
// up. Connections that are not TCP stay as they are.
func NewListener(inner net.Listener) net.Listener {
	return &listener{Listener: inner, rooms: sync.Pool{New: func() any { return &room{} }}}
}

type listener struct {
	net.Listener
	rooms sync.Pool // of *room
}

// room is for what is held back.
type room struct {
	bytes [maxGathered]byte
	used  int
}

func (l *listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if tcp, ok := c.(*net.TCPConn); ok {
		return &gatherer{TCPConn: tcp, rooms: &l.rooms}, err
	}
	return c, err
}

// gatherer is a connection that holds back what is written while gather runs, which
// is for the one goroutine that answers a request: that leaves out TLS, which writes
// alerts from whichever goroutine reads or closes, and HTTP/2.
type gatherer struct {
	*net.TCPConn
	rooms *sync.Pool
	room  *room // nil where nothing is held back
}

// gather calls write, which writes a response to w, and sends it at once. After an
// error nobody knows how much of it the client has: whoever calls it has to see to it
// that nothing follows. Where write panics, what is held back is dropped.
func (g *gatherer) gather(w http.ResponseWriter, write func()) error {
	g.room = g.rooms.Get().(*room)
	g.room.used = 0
	defer func() {
		g.rooms.Put(g.room)
		g.room = nil
	}()
	write()
	_ = http.NewResponseController(w).Flush() // net/http's buffer, into the room
	return g.sendHeld()
}

// Write implements net.Conn. What is held back succeeds; that it could not be sent
// is an error of a later Write, and of gather.
func (g *gatherer) Write(b []byte) (int, error) {
	r := g.room
	if r == nil {
		return g.TCPConn.Write(b)
	}
	if len(b) <= len(r.bytes)-r.used {
		r.used += copy(r.bytes[r.used:], b)
		return len(b), nil
	}
	if err := g.sendHeld(); err != nil {
		return 0, err
	}
	return g.TCPConn.Write(b)
}

// sendHeld sends what is held back.
func (g *gatherer) sendHeld() error {
	held := g.room.bytes[:g.room.used]
	g.room.used = 0
	if len(held) == 0 {
		return nil
	}
	_, err := g.TCPConn.Write(held)
	return err
}
