package transport_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"gatehouse/shards"
	"gatehouse/tenancy"
	"gatehouse/transport"
)

// socket is a client of graphql-transport-ws that says what it likes.
type socket struct {
	t    testing.TB
	ctx  context.Context
	conn *websocket.Conn
}

// dial opens a socket; headers are "Name: value".
func (s *server) dial(headers ...string) *socket {
	s.t.Helper()
	out, response := s.tryDial("graphql-transport-ws", headers...)
	if out == nil {
		s.t.Fatalf("the handshake is refused: %v", response)
	}
	return out
}

func (s *server) tryDial(subprotocol string, headers ...string) (*socket, *http.Response) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	s.t.Cleanup(cancel)
	options := &websocket.DialOptions{HTTPHeader: http.Header{}, HTTPClient: s.Client()}
	if subprotocol != "" {
		options.Subprotocols = []string{subprotocol}
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		options.HTTPHeader.Set(name, value)
	}
	conn, response, err := websocket.Dial(ctx, s.URL, options)
	if err != nil {
		return nil, response
	}
	conn.SetReadLimit(1 << 20)
	s.t.Cleanup(func() { _ = conn.CloseNow() })
	return &socket{s.t, ctx, conn}, response
}

// open opens a socket of account a and says connection_init.
func (s *server) open(headers ...string) *socket {
	s.t.Helper()
	c := s.dial(headers...)
	c.say(`{"type":"connection_init","payload":{"authorization":"Bearer a"}}`)
	c.want(`{"type":"connection_ack"}`)
	return c
}

func (c *socket) say(text string) {
	c.t.Helper()
	if err := c.conn.Write(c.ctx, websocket.MessageText, []byte(text)); err != nil {
		c.t.Fatalf("%.200s: %v", text, err)
	}
}

// subscribe begins an operation.
func (c *socket) subscribe(id, document string) {
	c.t.Helper()
	text, err := json.Marshal(map[string]any{"id": id, "type": "subscribe", "payload": map[string]string{"query": document}})
	if err != nil {
		c.t.Fatal(err)
	}
	c.say(string(text))
}

func (c *socket) hear() string {
	c.t.Helper()
	_, text, err := c.conn.Read(c.ctx)
	if err != nil {
		c.t.Fatal(err)
	}
	return string(text)
}

func (c *socket) want(want string) {
	c.t.Helper()
	if got := c.hear(); got != want {
		c.t.Fatalf("got %s, want %s", got, want)
	}
}

// closed returns the code and the reason with which the gateway has closed the
// socket, whatever it said before.
func (c *socket) closed() (int, string) {
	c.t.Helper()
	for {
		_, _, err := c.conn.Read(c.ctx)
		var e websocket.CloseError
		if errors.As(err, &e) {
			return int(e.Code), e.Reason
		}
		if err != nil {
			c.t.Fatalf("closed without a word: %v", err)
		}
	}
}

const initA = `{"type":"connection_init","payload":{"Authorization":"Bearer a"}}`

func TestSocketOperations(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil)
	at := func(seq int64) string { return s.keys.Bookmark("a", shards.Position{Epoch: 1, Seq: seq}) }
	c := s.open()
	c.say(`{"type":"ping"}`)
	c.want(`{"type":"pong"}`)
	c.say(`{"type":"pong","payload":{"x":1}}`)

	c.subscribe("q", "{hello}")
	c.want(`{"id":"q","type":"next","payload":{"data":{"hello":"\u003cworld\u003e \u0026 co"},"extensions":{"bookmark":"` + at(0) + `"}}}`)
	c.want(`{"id":"q","type":"complete"}`)
	c.subscribe("q", "subscription{tick(to:2)}") // the id is free again
	c.want(`{"id":"q","type":"next","payload":{"data":{"tick":1},"extensions":{"bookmark":"` + at(1) + `"}}}`)
	c.want(`{"id":"q","type":"next","payload":{"data":{"tick":2},"extensions":{"bookmark":"` + at(2) + `"}}}`)
	c.want(`{"id":"q","type":"complete"}`)

	// What can't be executed is an error; what was is an answer, whatever its fields say.
	for document, want := range map[string]string{
		"{": `"error","payload":[{"message":"Expected Name`, "{nothing}": `"error","payload":[{"message":"Cannot query field`,
		`{hello fail(code:"X")}`: `"next","payload":{"errors":[{"message":"as asked"`,
		"{boom}":                 `"error","payload":[{"message":"something went wrong`,
	} {
		c.subscribe("e", document)
		if got := c.hear(); !strings.HasPrefix(got, `{"id":"e","type":`+want) {
			t.Errorf("%s: got %s", document, got)
		}
		if strings.Contains(want, "next") {
			c.hear()
		}
	}

	// Completed by the client: nothing more comes of it.
	c.subscribe("s", "subscription{wait}")
	c.hear()
	c.say(`{"id":"s","type":"complete"}`)
	c.say(`{"id":"unknown","type":"complete"}`)
	c.subscribe("s", "{hello}")
	if got := c.hear(); !strings.Contains(got, "world") {
		t.Errorf("got %s", got)
	}
	if err := c.conn.Close(websocket.StatusNormalClosure, ""); err != nil {
		t.Error(err)
	}
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		lines := s.log.lines(t)
		if last := lines[len(lines)-1]; last["msg"] == "request" {
			if last["status"] != 101.0 || last["account"] != "a" || lines[0]["msg"] != "operation" || lines[0]["account"] != "a" {
				t.Errorf("got %v", lines)
			}
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the socket does not end")
		}
	}
}

// A later operation of a socket sees what an earlier one was told, and what the
// client says beside it counts as in a request.
func TestSocketTerms(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil)
	c := s.dial("X-Request-Id: me")
	c.say(`{"type":"connection_init","payload":{"authorization":"Bearer a","bookmark":"` + s.keys.Bookmark("a", shards.Position{Epoch: 1}) + `","consistency":"strong"}}`)
	c.hear()
	answer := func(document, extensions string) string {
		t.Helper()
		c.say(`{"id":"1","type":"subscribe","payload":{"query":"` + document + `","extensions":` + extensions + `}}`)
		text := c.hear()
		if strings.Contains(text, `"next"`) {
			c.hear()
		}
		return text
	}
	if got := answer("{seen}", "null"); !strings.Contains(got, "id=me.1 key= consistency=strong") {
		t.Errorf("got %s", got)
	}
	if got := answer("{seen}", `{"consistency":"bookmark","idempotencyKey":"k"}`); !strings.Contains(got, "id=me.2 key=k consistency=bookmark") {
		t.Errorf("got %s", got)
	}
	answer("mutation{write}", "{}")
	written := s.keys.Bookmark("a", shards.Position{Epoch: 1, Seq: 1})
	if got := answer("{hello}", "{}"); !strings.Contains(got, written) {
		t.Errorf("a later operation is from before the write: %s", got)
	}
	for extensions, code := range map[string]string{
		`{"bookmark":"` + s.keys.Bookmark("a", shards.Position{Epoch: 1, Seq: 9}) + `"}`: "BOOKMARK_AHEAD", `{"bookmark":"` + secret + `"}`: "BOOKMARK_INVALID",
		`{"consistency":"perhaps"}`: "BAD_REQUEST", `{"idempotencyKey":""}`: "BAD_REQUEST",
	} {
		if got := answer("{head}", extensions); !strings.Contains(got, code) || strings.Contains(got, secret) {
			t.Errorf("%s: got %s", extensions, got)
		}
	}
	// What an event has told counts, too. The stub's are ahead of the account's head.
	c.subscribe("1", "subscription{tick(to:9)}")
	for range 10 {
		c.hear()
	}
	if got := answer("{head}", "{}"); !strings.Contains(got, "BOOKMARK_AHEAD") {
		t.Errorf("got %s: it was read from before what the socket has seen", got)
	}
	// A credential in the handshake does as well, but not two.
	other := s.dial("Authorization: Bearer b")
	other.say(`{"type":"connection_init"}`)
	other.want(`{"type":"connection_ack"}`)
	both := s.dial("Authorization: Bearer b")
	both.say(initA)
	if code, _ := both.closed(); code != 4400 {
		t.Errorf("got %d", code)
	}
}

func TestSocketHasSoManyOperations(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(c *transport.Config) {
		at := time.Date(2026, 11, 26, 1, 0, 0, 0, time.UTC)
		c.Admission.Budgets = tenancy.NewBudgets(tenancy.BudgetOptions{Now: func() time.Time { return at }})
	})
	c := s.open()
	for i := range 100 {
		c.subscribe(fmt.Sprint(i), "subscription{wait}")
	}
	for range 100 {
		c.hear()
	}
	c.subscribe("one more", "{hello}")
	if got := c.hear(); !strings.Contains(got, `"error"`) || !strings.Contains(got, "RATE_LIMITED") ||
		!strings.Contains(got, `"cost":{"requested":1,"actual":1,"throttle":{"limit":20000,"remaining":19899,"restoreRate":2000}}`) {
		t.Errorf("got %s", got)
	}
	c.say(`{"id":"7","type":"complete"}`)
	for { // once it has ended
		c.subscribe("one more", "{hello}")
		if got := c.hear(); strings.Contains(got, `"next"`) {
			break
		}
	}
}

func TestAccountHasSoManySockets(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(c *transport.Config) { c.Sockets = 2 })
	first := s.open()
	s.open()
	third := s.dial()
	third.say(initA)
	if code, reason := third.closed(); code != 1013 || !strings.Contains(reason, "too many") {
		t.Errorf("got %d %s", code, reason)
	}
	neighbour := s.dial()
	neighbour.say(strings.Replace(initA, "Bearer a", "Bearer b", 1))
	neighbour.want(`{"type":"connection_ack"}`)
	_ = first.conn.CloseNow()
	for deadline := time.Now().Add(30 * time.Second); ; {
		again := s.dial()
		again.say(initA)
		if _, text, err := again.conn.Read(again.ctx); err == nil {
			if string(text) != `{"type":"connection_ack"}` {
				t.Errorf("got %s", text)
			}
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("its place is not given back")
		}
	}
}

// Invariant 5.
func TestPanicIsOneOperationsFailure(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil)
	c := s.open()
	c.subscribe("wait", "subscription{wait}")
	c.hear()
	c.subscribe("boom", "subscription{boom}")
	c.hear()
	if got := c.hear(); !strings.HasPrefix(got, `{"id":"boom","type":"error"`) || !strings.Contains(got, "INTERNAL") || strings.Contains(got, secret) {
		t.Errorf("got %s", got)
	}
	c.subscribe("more", "{hello}")
	if got := c.hear(); !strings.Contains(got, "world") {
		t.Errorf("got %s", got)
	}
}
