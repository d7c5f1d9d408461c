package transport

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// boundedConn notes the read deadlines of a connection.
type boundedConn struct {
	*httptest.ResponseRecorder
	deadlines []time.Time
}

func (c *boundedConn) SetReadDeadline(at time.Time) error {
	c.deadlines = append(c.deadlines, at)
	return nil
}

// A server that bounds reading as tightly as the request is to be needs no second
// deadline; any other one does.
func TestReadingIsBoundedOnce(t *testing.T) {
	t.Parallel()
	const limit = 5 * time.Second
	of := func(server *http.Server) *connection {
		return connectionFrom(Connected(context.WithValue(t.Context(), http.ServerContextKey, server), nil))
	}
	known := func(server *http.Server) *connection {
		c := of(server)
		c.first()
		return c
	}
	first := of(&http.Server{ReadTimeout: limit})
	for i, test := range []struct {
		connection *connection
		bound      bool
	}{
		{nil, true}, // nobody says which request it is
		{connectionFrom(Connected(t.Context(), nil)), true},
		{known(&http.Server{}), true},
		{known(&http.Server{ReadTimeout: limit + time.Millisecond}), true},
		{known(&http.Server{ReadTimeout: limit}), false},
		{known(&http.Server{ReadTimeout: limit / 2}), false},
		{known(&http.Server{ReadHeaderTimeout: limit / 2}), true},
		{first, true},
		{first, false},
	} {
		x := &exchange{connection: test.connection, began: time.Now()}
		c := &boundedConn{ResponseRecorder: httptest.NewRecorder()}
		boundReading(c, x, x.began.Add(limit))
		if bound := len(c.deadlines) == 1; bound != test.bound {
			t.Errorf("case %d: deadlines %v", i, c.deadlines)
		}
		for _, at := range c.deadlines {
			if !at.Equal(x.began.Add(limit)) {
				t.Errorf("bounded at %v, not at %v", at, x.began.Add(limit))
			}
		}
	}
}

// A connection's requests get what each asks for, whatever the last one asked for.
func TestAWishIsOfOneRequest(t *testing.T) {
	t.Parallel()
	c := &connection{}
	headers := [][]string{
		nil, {responseType}, {responseType}, {jsonType}, {eventType}, {eventType}, {"text/html"}, {"text/html"}, {jsonType}, {responseType, eventType},
		{jsonType}, {responseType + ", " + strings.Repeat("x/y, ", maxWish) + eventType}, {responseType}, nil,
	}
	for range 2 {
		for i, accept := range headers {
			wanted, acceptable := negotiate(accept)
			if got, ok := c.negotiate(accept); got != wanted || ok != acceptable {
				t.Errorf("header %d: %+v, %t and not %+v, %t", i, got, ok, wanted, acceptable)
			}
		}
	}
	if last := c.wish.Load(); last == nil || last.accept != responseType {
		t.Errorf("it keeps %+v", last)
	}
}

// Only a connection that has one response at a time, written by one goroutine, gathers.
func TestWhatGathers(t *testing.T) {
	t.Parallel()
	g := &gatherer{}
	plain, secure := connectionFrom(Connected(t.Context(), g)), connectionFrom(Connected(t.Context(), tls.Server(g, &tls.Config{})))
	var unknown *connection
	own := struct {
		http.ResponseWriter
		http.Hijacker
	}{}
	for i, test := range []struct {
		connection *connection
		w          http.ResponseWriter
		major      int
		gathers    bool
	}{
		{plain, own, 1, true},
		{plain, &recorder{ResponseWriter: &recorder{ResponseWriter: own}}, 1, true},
		{plain, &recorder{ResponseWriter: httptest.NewRecorder()}, 1, false},
		{plain, own, 2, false},
		{secure, own, 1, false},
		{secure, own, 2, false},
		{unknown, own, 1, false},
		{connectionFrom(Connected(t.Context(), &net.TCPConn{})), own, 1, false},
	} {
		if got := test.connection.gathererOf(test.w, &http.Request{ProtoMajor: test.major}); (got == g) != test.gathers || got != nil && got != g {
			t.Errorf("case %d: %t", i, !test.gathers)
		}
	}
}
