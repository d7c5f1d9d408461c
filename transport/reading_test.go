package transport

import (
	"context"
	"net/http"
	"net/http/httptest"
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
	known, first := Connected(t.Context(), nil), Connected(t.Context(), nil)
	firstOfConnection(known)
	for i, test := range []struct {
		server     *http.Server
		connection context.Context
		bound      bool
	}{
		{nil, known, true},
		{&http.Server{}, known, true},
		{&http.Server{ReadTimeout: limit + time.Millisecond}, known, true},
		{&http.Server{ReadTimeout: limit}, known, false},
		{&http.Server{ReadTimeout: limit / 2}, known, false},
		{&http.Server{ReadHeaderTimeout: limit / 2}, known, true},
		{&http.Server{ReadTimeout: limit}, t.Context(), true}, // nobody says which request it is
		{&http.Server{ReadTimeout: limit}, first, true},
		{&http.Server{ReadTimeout: limit}, first, false},
	} {
		x := &exchange{Context: context.WithValue(test.connection, http.ServerContextKey, test.server), began: time.Now()}
		c := &boundedConn{ResponseRecorder: httptest.NewRecorder()}
		boundReading(x.limit.begin(x, x.began.Add(limit)), c)
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
