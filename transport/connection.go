package transport

import (
	"context"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

// connection is what the edge knows of one. It is safe for concurrent use: in HTTP/2
// its requests are.
type connection struct {
	gatherer *gatherer     // nil where it can't gather
	reading  time.Duration // the server's ReadTimeout
	used     atomic.Bool   // by a request before
	wish     atomic.Pointer[wish]
}

type connectionKey struct{}

// Connected is for a server's ConnContext: it has responses gathered where the
// listener is of NewListener and there is no TLS, and spares the later requests of a
// connection a deadline that the server has set.
func Connected(ctx context.Context, c net.Conn) context.Context {
	known := &connection{}
	known.gatherer, _ = c.(*gatherer) // a tls.Conn is none
	if server, ok := ctx.Value(http.ServerContextKey).(*http.Server); ok {
		known.reading = server.ReadTimeout
	}
	return context.WithValue(ctx, connectionKey{}, known)
}

// connectionFrom returns the context's connection, nil where nobody knows it.
func connectionFrom(ctx context.Context) *connection {
	c, _ := ctx.Value(connectionKey{}).(*connection)
	return c
}

// first reports whether a request may be the first of its connection that is asked
// about, and takes note of it.
func (c *connection) first() bool { return c == nil || !c.used.Swap(true) }

// gathererOf returns what can gather the response that w writes to a request of the
// connection; nil where nothing can, the connection has other responses at the same
// time, or w is not net/http's own, in whatever wraps it: then another goroutine may
// write it, as that of http.TimeoutHandler does.
func (c *connection) gathererOf(w http.ResponseWriter, r *http.Request) *gatherer {
	if c == nil || c.gatherer == nil || r.ProtoMajor != 1 {
		return nil
	}
	for {
		wrapper, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			break
		}
		w = wrapper.Unwrap()
	}
	if _, ok := w.(http.Hijacker); !ok {
		return nil
	}
	return c.gatherer
}

// wish is an Accept header and what negotiate makes of it.
type wish struct {
	accept     string
	wanted     accepted
	acceptable bool
}

// maxWish bounds the Accept header that a connection keeps, in bytes.
const maxWish = 256

// negotiate is negotiate for a request of the connection: nearly always it wants
// what the last one did.
func (c *connection) negotiate(accept []string) (accepted, bool) {
	if c == nil || len(accept) != 1 {
		return negotiate(accept)
	}
	if last := c.wish.Load(); last != nil && last.accept == accept[0] {
		return last.wanted, last.acceptable
	}
	wanted, acceptable := negotiate(accept)
	if len(accept[0]) <= maxWish {
		// A copy: the header is a piece of a longer text, with the credential in it.
		c.wish.Store(&wish{strings.Clone(accept[0]), wanted, acceptable})
	}
	return wanted, acceptable
}
