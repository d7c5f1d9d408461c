package transport_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"gatehouse/shards"
	"gatehouse/transport"
)

func TestSocketCloseCodes(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(c *transport.Config) { c.MaxBody = 2000 })
	subscribe := func(id string) string {
		return `{"id":"` + id + `","type":"subscribe","payload":{"query":"subscription{wait}"}}`
	}
	for _, c := range []struct {
		name string
		say  []string
		code int
	}{
		{"nothing said", nil, 4408},
		{"not JSON", []string{"hello"}, 4400},
		{"no object", []string{`["connection_init"]`}, 4400},
		{"no type", []string{`{"id":"1"}`}, 4400},
		{"unknown type", []string{`{"type":"start"}`}, 4400},
		{"the legacy protocol", []string{initA, `{"type":"start","id":"1","payload":{"query":"{hello}"}}`}, 4400},
		{"a type that is a number", []string{`{"type":1}`}, 4400},
		{"ours", []string{initA, `{"type":"connection_ack"}`}, 4400},
		{"a member twice", []string{`{"type":"ping","type":"connection_init"}`}, 4400},
		{"odd spelling", []string{`{"Type":"ping","type":"ping"}`}, 4400},
		{"trailing text", []string{initA + `{}`}, 4400},
		{"half a character", []string{`{"type":"ping","payload":{"x":"\ud800"}}`}, 4400},
		{"not UTF-8", []string{"{\"type\":\"ping\",\"payload\":{\"x\":\"\xff\"}}"}, 4400},
		{"too deep", []string{`{"type":"ping","payload":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`}, 4400},
		{"an empty id", []string{initA, `{"id":"","type":"subscribe","payload":{"query":"{hello}"}}`}, 4400},
		{"no id", []string{initA, `{"type":"subscribe","payload":{"query":"{hello}"}}`}, 4400},
		{"a long id", []string{initA, subscribe(strings.Repeat("x", 256))}, 4400},
		{"an id that is a number", []string{initA, `{"id":1,"type":"subscribe","payload":{"query":"{hello}"}}`}, 4400},
		{"no payload", []string{initA, `{"id":"1","type":"subscribe"}`}, 4400},
		{"no query", []string{initA, `{"id":"1","type":"subscribe","payload":{}}`}, 4400},
		{"a query twice", []string{initA, `{"id":"1","type":"subscribe","payload":{"query":"{hello}","query":"{hello}"}}`}, 4400},
		{"odd query", []string{initA, `{"id":"1","type":"subscribe","payload":{"Query":"{hello}"}}`}, 4400},
		{"complete without id", []string{initA, `{"type":"complete"}`}, 4400},
		{"init that is no object", []string{`{"type":"connection_init","payload":"x"}`}, 4400},
		{"two credentials", []string{`{"type":"connection_init","payload":{"authorization":"Bearer a","Authorization":"Bearer a"}}`}, 4400},
		{"a credential that is a list", []string{`{"type":"connection_init","payload":{"authorization":["Bearer a"]}}`}, 4400},
		{"odd consistency", []string{`{"type":"connection_init","payload":{"authorization":"Bearer a","consistency":"perhaps"}}`}, 4400},
		{"a bookmark of nobody", []string{`{"type":"connection_init","payload":{"authorization":"Bearer a","bookmark":"` + secret + `"}}`}, 4400},
		{"subscribe before init", []string{subscribe("1")}, 4401},
		{"init without credential", []string{`{"type":"connection_init"}`}, 4403},
		{"init with null", []string{`{"type":"connection_init","payload":null}`}, 4403},
		{"another credential", []string{`{"type":"connection_init","payload":{"authorization":"Bearer ` + secret + `"}}`}, 4403},
		{"init twice", []string{initA, initA}, 4429},
		{"an id twice", []string{initA, subscribe("1"), subscribe("1")}, 4409},
		// By little: a server that closes with much unread resets the connection, at
		// times before the code is read.
		{"too long before init", []string{`{"type":"ping","payload":{"x":"` + strings.Repeat("x", 32<<10) + `"}}`}, 1009},
		{"too long", []string{initA, `{"type":"ping","payload":{"x":"` + strings.Repeat("x", 2000) + `"}}`}, 1009},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			one := *s
			one.t = t
			socket := one.dial()
			for _, text := range c.say {
				socket.say(text)
			}
			if code, reason := socket.closed(); code != c.code || strings.Contains(reason, secret) || reason == "" {
				t.Errorf("got %d %q, want %d", code, reason, c.code)
			}
		})
	}
	t.Run("binary", func(t *testing.T) {
		t.Parallel()
		socket := s.dial()
		if err := socket.conn.Write(socket.ctx, websocket.MessageBinary, []byte(initA)); err != nil {
			t.Fatal(err)
		}
		if code, _ := socket.closed(); code != 4400 {
			t.Errorf("got %d", code)
		}
	})
	for _, subprotocol := range []string{"", "graphql-ws", "chat"} {
		t.Run("subprotocol "+subprotocol, func(t *testing.T) {
			t.Parallel()
			socket, response := s.tryDial(subprotocol)
			if socket == nil {
				t.Fatal(response)
			}
			if code, _ := socket.closed(); code != 4406 {
				t.Errorf("got %d", code)
			}
		})
	}
}

func TestSocketHandshakesThatAreRefused(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(c *transport.Config) { c.Origins = []string{"https://app.example.org"} })
	for origin, admitted := range map[string]bool{
		"": true, s.URL: true, "https://app.example.org": true, "http://app.example.org": false, "https://app.example.org.evil.example": false,
		"https://evil.example": false, "null": false,
	} {
		var headers []string
		if origin != "" {
			headers = append(headers, "Origin: "+origin)
		}
		socket, response := s.tryDial("graphql-transport-ws", headers...)
		if (socket != nil) != admitted || socket == nil && response.StatusCode != 403 {
			t.Errorf("%q: got %v", origin, response.Status)
		}
	}
	upgrade := []string{"Connection: keep-alive, Upgrade", "Upgrade: WebSocket", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==", "Sec-WebSocket-Version: 13"}
	for _, c := range []struct {
		method  string
		headers []string
		status  int
	}{
		{http.MethodPost, upgrade, 405},
		{http.MethodGet, append(upgrade[:3:3], "Sec-WebSocket-Version: 8"), 426},
		{http.MethodGet, append(upgrade[:2:2], upgrade[3]), 400},
		{http.MethodGet, append(upgrade[:2:2], upgrade[3], "Sec-WebSocket-Key: "+secret), 400},
	} {
		a := s.send(c.method, "/", "", append(c.headers, "Authorization: Bearer "+secret)...)
		if a.status != c.status || a.code() != "BAD_REQUEST" || strings.Contains(a.text, secret) {
			t.Errorf("%v: got %d %s", c, a.status, a.text)
		}
	}
}

func TestSocketEndsWithItsAuthority(t *testing.T) {
	t.Parallel()
	for code, want := range map[shards.Code]int{shards.Unauthenticated: 4403, shards.AccountSuspended: 4403, shards.Misdirected: 4403, shards.Internal: 4500} {
		var gone atomic.Bool
		s := newServer(t, confirmation(func(context.Context) error {
			if gone.Load() {
				return &shards.Error{Code: code, Message: "as asked"}
			}
			return nil
		}))
		idle, busy := s.open(), s.open()
		busy.subscribe("1", "subscription{wait}")
		busy.hear()
		gone.Store(true)
		for _, c := range []*socket{idle, busy} {
			if got, reason := c.closed(); got != want || reason == "" {
				t.Errorf("%s: got %d %s", code, got, reason)
			}
		}
	}
}

// Nothing new begins while the directory can't say who may be served, but what
// runs goes on for a moment.
func TestSocketWithoutDirectory(t *testing.T) {
	t.Parallel()
	var away atomic.Bool
	s := newServer(t, confirmation(func(context.Context) error {
		if away.Load() {
			return &shards.Error{Code: shards.Unavailable, Message: "not now", Err: errors.New(secret)}
		}
		return nil
	}))
	c := s.open()
	c.subscribe("wait", "subscription{wait}")
	c.hear()
	away.Store(true)
	c.subscribe("1", "{hello}")
	if got := c.hear(); !strings.HasPrefix(got, `{"id":"1","type":"error"`) || !strings.Contains(got, "UNAVAILABLE") || strings.Contains(got, secret) {
		t.Errorf("got %s", got)
	}
	away.Store(false)
	c.subscribe("2", "{hello}")
	if got := c.hear(); !strings.Contains(got, "world") {
		t.Errorf("got %s", got)
	}
	c.hear()
	away.Store(true)
	if code, _ := c.closed(); code != 1013 {
		t.Errorf("got %d", code)
	}
}

func TestSocketsAreToldThatTheGatewayStops(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil)
	var open []*socket
	for range 20 {
		c := s.open()
		c.subscribe("1", "subscription{wait}")
		c.hear()
		open = append(open, c)
	}
	stopped := make(chan error, 1)
	go func() { stopped <- s.handler.Shutdown(t.Context()) }()
	for _, c := range open {
		if code, _ := c.closed(); code != 1001 {
			t.Errorf("got %d", code)
		}
	}
	if err := <-stopped; err != nil {
		t.Fatal(err)
	}
	late := s.dial()
	late.say(initA)
	if code, _ := late.closed(); code != 1001 && code != 1013 {
		t.Errorf("got %d", code)
	}
}

// A client that does not read holds up nothing but itself, and not for long.
func TestStalledSocketIsDisconnected(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes as long as a write may; left out by -short")
	}
	s := newServer(t, nil)
	c := s.open()
	c.subscribe("1", "subscription{flood}")
	other := s.open()
	other.subscribe("1", "{hello}")
	other.hear()
	for deadline := time.Now().Add(40 * time.Second); !strings.Contains(s.log.String(), "did not read"); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the socket goes on although nobody reads: ", s.log.String())
		}
	}
}
