package transport_test

import (
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
)

var abused = flag.Int("sockets", 400, "how many sockets TestAbusedSocketsLeaveNothing opens and abuses")

// abuses are what clients do to a socket that was just opened.
var abuses = []func(c *socket){
	func(c *socket) {},
	func(c *socket) { c.try("garbage") },
	func(c *socket) { c.try(`{"type":"connection_init","payload":"x"}`) },
	func(c *socket) { c.try(`{"type":"connection_init","payload":{"authorization":"Bearer nobody"}}`) },
	func(c *socket) { c.try(initA); c.try(initA) },
	func(c *socket) { c.try(`{"id":"1","type":"subscribe","payload":{"query":"{hello}"}}`) },
	func(c *socket) {
		c.try(initA)
		for i := range 120 {
			c.try(fmt.Sprintf(`{"id":"%d","type":"subscribe","payload":{"query":"subscription{wait}"}}`, i))
		}
	},
	func(c *socket) {
		c.try(initA)
		for range 5 {
			c.try(`{"id":"same","type":"subscribe","payload":{"query":"subscription{tick}"}}`)
		}
	},
	func(c *socket) { // does not read what it asks for
		c.try(initA)
		c.try(`{"id":"1","type":"subscribe","payload":{"query":"subscription{flood}"}}`)
		time.Sleep(20 * time.Millisecond)
	},
	func(c *socket) {
		c.try(initA)
		c.try(`{"id":"1","type":"subscribe","payload":{"query":"subscription{boom}"}}`)
	},
	func(c *socket) { c.try(initA); c.try(`{"id":"1","type":"subscribe","payload":{"query":"{slow}"}}`) },
	func(c *socket) { c.try(`{"type":"ping","payload":"` + strings.Repeat("x", 200_000) + `"}`) },
	func(c *socket) { // leaves in the middle of a message
		w, err := c.conn.Writer(c.ctx, websocket.MessageText)
		if err == nil {
			_, _ = io.WriteString(w, strings.Repeat("x", 10_000))
		}
	},
	func(c *socket) { // is polite
		c.try(initA)
		c.try(`{"id":"1","type":"subscribe","payload":{"query":"subscription{tick(to:3)}"}}`)
		_ = c.conn.Close(websocket.StatusNormalClosure, "")
	},
}

func (c *socket) try(text string) { _ = c.conn.Write(c.ctx, websocket.MessageText, []byte(text)) }

// TestAbusedSocketsLeaveNothing: whatever clients do to their sockets, nothing
// of them stays. It runs alone, because it counts what the process has.
func TestAbusedSocketsLeaveNothing(t *testing.T) {
	s := newServer(t, nil)
	s.query("{hello}")
	s.Client().CloseIdleConnections()
	settled := func() (goroutines, descriptors int) {
		files, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Skip("it counts descriptors in /proc")
		}
		return runtime.NumGoroutine(), len(files)
	}
	goroutines, descriptors := settled()
	// The shard may open connections to read meanwhile, of two descriptors each,
	// and has one already.
	descriptors += 2 * (max(4, runtime.GOMAXPROCS(0)) - 1)

	var all sync.WaitGroup
	turns := make(chan struct{}, 50)
	for i := range *abused {
		turns <- struct{}{}
		all.Go(func() {
			defer func() { <-turns }()
			if i%10 == 9 { // not even a handshake, or half of one
				conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
				if err == nil {
					_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"[:rand.IntN(40)])
					_ = conn.Close()
				}
				return
			}
			c := s.dial()
			abuses[i%len(abuses)](c)
			if i%3 == 0 {
				_, _, _ = c.conn.Read(c.ctx)
			}
			_ = c.conn.CloseNow()
		})
	}
	all.Wait()
	s.Client().CloseIdleConnections()
	deadline := time.Now().Add(time.Minute)
	for {
		g, d := settled()
		if g <= goroutines && d <= descriptors {
			t.Logf("after %d sockets: %d goroutines and %d descriptors, no more than before and those of the shard", *abused, g, d)
			break
		}
		if time.Now().After(deadline) {
			stacks := make([]byte, 1<<20)
			t.Fatalf("%d goroutines and %d descriptors were to be left, and there are %d and %d\n%s", goroutines, descriptors, g, d, stacks[:runtime.Stack(stacks, true)])
		}
		time.Sleep(20 * time.Millisecond)
	}
	if a := s.query("{hello}"); a.status != 200 {
		t.Errorf("got %d", a.status)
	}
}
