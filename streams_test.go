package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// live is a subscription to changes of an account, over one connection.
type live struct {
	t testing.TB
	// next returns the next event, and an error where the connection is over.
	next func() (bookmark string, names []string, err error)
	drop func()
}

const subscription = `subscription($after: Bookmark) { changes(after: $after) { bookmark changes { patch } } }`

// changed is an event as the client has it.
type changed struct {
	Data struct {
		Changes struct {
			Bookmark string
			Changes  []struct{ Patch struct{ Name string } }
		}
	}
	Errors []struct{ Message string }
}

func (c changed) tell() (string, []string, error) {
	if len(c.Errors) > 0 {
		return "", nil, errors.New(c.Errors[0].Message)
	}
	var names []string
	for _, one := range c.Data.Changes.Changes {
		names = append(names, one.Patch.Name)
	}
	return c.Data.Changes.Bookmark, names, nil
}

// bySocket subscribes over a WebSocket; after is "" for from now on.
func (s *server) bySocket(t testing.TB, credential, after string) (*live, *websocket.Conn) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	conn, _, err := websocket.Dial(ctx, s.url+"/graphql", &websocket.DialOptions{Subprotocols: []string{"graphql-transport-ws"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.CloseNow() })
	say := func(m any) {
		text, _ := json.Marshal(m)
		if err := conn.Write(ctx, websocket.MessageText, text); err != nil {
			t.Error(err)
		}
	}
	say(map[string]any{"type": "connection_init", "payload": map[string]any{"authorization": "Bearer " + credential}})
	if _, text, err := conn.Read(ctx); err != nil || string(text) != `{"type":"connection_ack"}` {
		t.Fatal(string(text), err)
	}
	variables := map[string]any{}
	if after != "" {
		variables["after"] = after
	}
	say(map[string]any{"id": "1", "type": "subscribe", "payload": map[string]any{"query": subscription, "variables": variables}})
	return &live{t: t, drop: func() { _ = conn.CloseNow() }, next: func() (string, []string, error) {
		for {
			_, text, err := conn.Read(ctx)
			if err != nil {
				return "", nil, err
			}
			var m struct {
				Type    string
				Payload json.RawMessage
			}
			var c changed
			if err := json.Unmarshal(text, &m); err != nil {
				return "", nil, err
			}
			if m.Type == "ping" {
				say(map[string]any{"type": "pong"})
				continue
			}
			if m.Type != "next" || json.Unmarshal(m.Payload, &c) != nil {
				return "", nil, errors.New(string(text))
			}
			return c.tell()
		}
	}}, conn
}

// byEvents subscribes over Server-Sent Events, as a browser does that comes again.
func (s *server) byEvents(t testing.TB, credential, after string) *live {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	body, _ := json.Marshal(map[string]any{"query": subscription})
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+"/graphql", strings.NewReader(string(body)))
	if err != nil {
		t.Fatal(err)
	}
	r.Header = http.Header{"Authorization": {"Bearer " + credential}, "Content-Type": {"application/json"}, "Accept": {"text/event-stream"}}
	if after != "" {
		r.Header.Set("Last-Event-ID", after)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	if response.StatusCode != http.StatusOK {
		t.Fatal(response.Status)
	}
	lines := bufio.NewScanner(response.Body)
	lines.Buffer(nil, 1<<20)
	return &live{t: t, drop: func() { cancel(); response.Body.Close() }, next: func() (string, []string, error) {
		id := ""
		for lines.Scan() {
			name, value, _ := strings.Cut(lines.Text(), ": ")
			switch name {
			case "id":
				id = value
			case "data":
				var c changed
				if err := json.Unmarshal([]byte(value), &c); err != nil {
					return "", nil, err
				}
				bookmark, names, err := c.tell()
				if err == nil && bookmark != id {
					err = fmt.Errorf("the event %s has the id %s", bookmark, id)
				}
				return bookmark, names, err
			}
		}
		return "", nil, errors.Join(lines.Err(), errors.New("the stream has ended"))
	}}
}

// TestFollowersMissNothingAcrossConnections: while many write, followers lose
// their connection again and again and the gateway is restarted once. Whatever
// was acknowledged arrives, once and in order.
func TestFollowersMissNothingAcrossConnections(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	begin := func() *server { return start(t, nil, "dev", "--data", data, "--listen", "127.0.0.1:0") }
	s := begin()
	key := createKey(t, data, "initech", "--scope", "changes:read", "--scope", "groups:*")
	first := strings.Split(s.send(t, key, `{ changes { bookmark } }`), `"bookmark":"`)[1]
	first = first[:strings.Index(first, `"`)]
	for more := true; more; { // to the end of what the demo has
		answer := s.send(t, key, fmt.Sprintf(`{ changes(after: "%s") { bookmark hasMore } }`, first))
		first = strings.Split(answer, `"bookmark":"`)[1]
		first, more = first[:strings.Index(first, `"`)], strings.Contains(answer, `"hasMore":true`)
	}

	const writers, each = 3, 60
	write := func(s *server, from, to int) {
		var all sync.WaitGroup
		for n := range writers {
			all.Go(func() {
				for i := from; i < to; i++ {
					answer := s.send(t, key, fmt.Sprintf(`mutation { createGroup(input: {name: "live %d %d"}) { group { id } errors { code } } }`, n, i))
					if !strings.Contains(answer, `"errors":[]`) {
						t.Errorf("got %s", answer)
					}
				}
			})
		}
		all.Wait()
	}
	follow := func(s *server, name string, at string, until int, seen *[]string) string {
		for tries := 0; len(*seen) < until; tries++ {
			var l *live
			if tries%2 == 0 {
				l, _ = s.bySocket(t, key, at)
			} else {
				l = s.byEvents(t, key, at)
			}
			for range 7 {
				bookmark, names, err := l.next()
				if err != nil {
					t.Errorf("%s, after %d: %v", name, len(*seen), err)
					return at
				}
				at, *seen = bookmark, append(*seen, names...)
				if len(*seen) >= until {
					break
				}
			}
			l.drop()
		}
		return at
	}
	var seen [3][]string
	at := [3]string{first, first, first}
	half := func(from, to int) {
		var all sync.WaitGroup
		for i := range seen {
			all.Go(func() { at[i] = follow(s, fmt.Sprint("follower ", i), at[i], writers*to, &seen[i]) })
		}
		write(s, from, to)
		all.Wait()
	}
	half(0, each/2)
	_, conn := s.bySocket(t, key, "")
	if code := s.stop(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if _, _, err := conn.Read(t.Context()); websocket.CloseStatus(err) != websocket.StatusGoingAway {
		t.Errorf("the socket is told: %v", err)
	}
	s = begin()
	half(each/2, each)
	if t.Failed() {
		return
	}
	for i := range seen {
		if !slices.Equal(seen[i], seen[0]) {
			t.Errorf("follower %d has another order than the first", i)
		}
		for n := range writers {
			next := 0
			for _, name := range seen[i] {
				if name == fmt.Sprintf("live %d %d", n, next) {
					next++
				}
			}
			if next != each || len(seen[i]) != writers*each {
				t.Errorf("follower %d has %d of %d writes of writer %d, and %d in all", i, next, each, n, len(seen[i]))
			}
		}
	}
}

// TestDeferOverEachProtocol: in parts where there can be parts, and never lost.
func TestDeferOverEachProtocol(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	s := start(t, nil, "dev", "--data", data, "--listen", "127.0.0.1:0")
	token := strings.TrimSpace(ok(t, "token", "acme", "--data", data))
	const query = `{ clients(first: 2) { nodes { id ... @defer(label: "more") { name group { name } } } } }`
	type response struct {
		Data        map[string]any
		Incremental []struct {
			Data  map[string]any
			Path  []any
			Label string
		}
		HasNext *bool
	}
	var whole response
	if err := json.Unmarshal([]byte(s.send(t, token, query)), &whole); err != nil || whole.HasNext != nil {
		t.Fatal(whole, err)
	}
	names := func(nodes any) (out []string) {
		for _, n := range nodes.(map[string]any)["nodes"].([]any) {
			name, _ := n.(map[string]any)["name"].(string)
			out = append(out, name)
		}
		return out
	}
	want := names(whole.Data["clients"])
	if len(want) != 2 || want[0] == "" || want[1] == "" {
		t.Fatalf("over HTTP the deferred names are lost: %v", want)
	}
	check := func(protocol string, parts []response) {
		t.Helper()
		if len(parts) != 2 || !*parts[0].HasNext || *parts[1].HasNext || len(parts[1].Incremental) != 2 {
			t.Fatalf("%s: got %+v", protocol, parts)
		}
		for i, name := range names(parts[0].Data["clients"]) {
			one := parts[1].Incremental[i]
			if name != "" || one.Data["name"] != want[i] || fmt.Sprint(one.Path) != fmt.Sprintf("[clients nodes %d]", i) || one.Label != "more" {
				t.Errorf("%s: got %+v", protocol, parts)
			}
		}
	}

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	body, _ := json.Marshal(map[string]any{"query": query})
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+"/graphql", strings.NewReader(string(body)))
	if err != nil {
		t.Fatal(err)
	}
	r.Header = http.Header{"Authorization": {"Bearer " + token}, "Content-Type": {"application/json"}, "Accept": {"application/json, text/event-stream"}}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var parts []response
	for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
		if text, ok := strings.CutPrefix(lines.Text(), "data: {"); ok {
			var one response
			if err := json.Unmarshal([]byte("{"+text), &one); err != nil {
				t.Fatal(err)
			}
			parts = append(parts, one)
		}
	}
	check("events", parts)

	again := r.Clone(ctx)
	again.Body = io.NopCloser(strings.NewReader(string(body)))
	again.Header.Set("Accept", "multipart/mixed;deferSpec=20220824,application/json") // as Apollo's client asks
	if answer, err = http.DefaultClient.Do(again); err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	kind, parameters, err := mime.ParseMediaType(answer.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/mixed" || parameters["deferspec"] != "20220824" || answer.Header.Get("Bookmark") == "" {
		t.Fatal(answer.Header, err)
	}
	parts = nil
	for reader := multipart.NewReader(answer.Body, parameters["boundary"]); ; {
		part, err := reader.NextPart()
		if err == io.EOF {
			break
		}
		var one response
		if err != nil || part.Header.Get("Content-Type") != "application/json; charset=utf-8" || json.NewDecoder(part).Decode(&one) != nil {
			t.Fatal(part, err)
		}
		parts = append(parts, one)
	}
	check("multipart", parts)

	_, conn := s.bySocket(t, token, "")
	text, _ := json.Marshal(map[string]any{"id": "2", "type": "subscribe", "payload": map[string]any{"query": query}})
	if err := conn.Write(ctx, websocket.MessageText, text); err != nil {
		t.Fatal(err)
	}
	parts = nil
	for {
		_, text, err := conn.Read(ctx)
		if err != nil {
			t.Fatal(err)
		}
		var m struct {
			Type    string
			Payload response
		}
		if err := json.Unmarshal(text, &m); err != nil {
			t.Fatal(err)
		}
		if m.Type == "complete" {
			break
		}
		parts = append(parts, m.Payload)
	}
	check("socket", parts)
}
