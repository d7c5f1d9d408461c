package transport

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"gatehouse/shards"
)

const (
	subprotocol = "graphql-transport-ws"
	// initWithin is how long a client has from the handshake to connection_init.
	initWithin = 3 * time.Second
	// maxInit bounds a message of somebody who is not admitted yet, in bytes; as
	// net/http bounds the header of a request.
	maxInit = 32 << 10
	// pingEvery is how often a socket is pinged, and silenceFor after how long
	// without a word, an answer to a ping included, nobody is thought to be there.
	pingEvery  = 25 * time.Second
	silenceFor = 65 * time.Second
	// maxOperations is how many operations a socket has at once.
	maxOperations = 100
	// maxQueued is how many messages wait to be written. Operations wait beyond
	// that: they make no response that the client has no use for yet.
	maxQueued = 16
)

// The close codes of the protocol, and those of WebSockets that we use.
const (
	closeMalformed    = websocket.StatusCode(4400)
	closeUnauthorized = websocket.StatusCode(4401)
	closeForbidden    = websocket.StatusCode(4403)
	closeNoProtocol   = websocket.StatusCode(4406)
	closeInitTimeout  = websocket.StatusCode(4408)
	closeDuplicate    = websocket.StatusCode(4409)
	closeTooManyInits = websocket.StatusCode(4429)
	closeInternal     = websocket.StatusCode(4500)
	closeGoingAway    = websocket.StatusGoingAway
	closeTryLater     = websocket.StatusTryAgainLater
	closeGone         = websocket.StatusCode(0) // nobody is there to be told
)

// closing is why a socket ends. The reason never has anything of the request;
// cause is only for the log.
type closing struct {
	code   websocket.StatusCode
	reason string
	cause  error
}

func (c *closing) Error() string { return fmt.Sprintf("%d %s", c.code, c.reason) }

// socket is one connection that speaks graphql-transport-ws. One goroutine
// reads, one writes, and one works for each operation.
type socket struct {
	h     *handler
	conn  *websocket.Conn
	r     *http.Request
	out   chan []byte
	heard atomic.Int64 // when the client was last heard of, in Unix seconds

	// ending is closed when the socket is about to end, with why set.
	ending chan struct{}
	once   sync.Once
	why    *closing
	// stopWriting cuts off a write that would keep the socket from ending.
	stopWriting context.CancelFunc

	late       *time.Timer // for connection_init; nil once it came
	leave      func()      // gives the account's place for the socket back
	terms      terms       // of connection_init
	authority  atomic.Pointer[authority]
	seen       seen
	operations operations
}

// serveSocket upgrades the request to a socket and serves it until it ends.
func (h *handler) serveSocket(w http.ResponseWriter, r *http.Request) {
	x := exchangeFrom(r.Context())
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{subprotocol}, InsecureSkipVerify: true})
	if err != nil {
		x.failed(err)
		return
	}
	x.protocol = "websocket"
	conn.SetReadLimit(maxInit)
	s := &socket{h: h, conn: conn, r: r, out: make(chan []byte, maxQueued), ending: make(chan struct{}), leave: func() {}}
	s.heard.Store(time.Now().Unix())
	writes, stopWriting := context.WithCancel(context.Background())
	s.stopWriting = stopWriting
	ctx, cancel := context.WithCancel(r.Context())
	s.late = time.AfterFunc(initWithin, func() { s.end(closeInitTimeout, "Connection initialisation timeout") })
	var writing sync.WaitGroup
	var broken error // what broke it off in the writing
	writing.Go(func() { broken = s.write(writes) })
	defer func() {
		s.end(closeGone, "")
		cancel()
		writing.Wait()
		stopWriting()
		s.operations.wait()
		s.leave()
		if s.late != nil {
			s.late.Stop()
		}
		if s.why.code != closeGone {
			x.code = s.why.Error()
		}
		x.failed(errors.Join(s.why.cause, broken))
	}()
	if conn.Subprotocol() != subprotocol {
		s.end(closeNoProtocol, "Subprotocol not acceptable")
		return
	}
	for {
		kind, text, err := conn.Read(context.Background())
		if err != nil {
			return // it is gone, or we have closed it
		}
		s.heard.Store(time.Now().Unix())
		if kind != websocket.MessageText {
			err = errMessage
		} else {
			err = s.take(ctx, text)
		}
		if err != nil {
			s.fail(err)
			return
		}
	}
}

// fail ends the socket because of any error.
func (s *socket) fail(err error) {
	var c *closing
	if errors.As(err, &c) {
		s.endWith(c)
		return
	}
	refused := refusalOf(err)
	c = &closing{code: closeForbidden, reason: refused.message, cause: refused.cause}
	switch refused.code {
	case shards.Unavailable, shards.RateLimited:
		c.code = closeTryLater
	case shards.Internal:
		c.code = closeInternal
	case shards.BadRequest, shards.BookmarkInvalid:
		c.code = closeMalformed
	}
	s.endWith(c)
}

func (s *socket) end(code websocket.StatusCode, reason string) {
	s.endWith(&closing{code: code, reason: reason})
}

// endWith says why the socket ends; the first one counts. The writer closes it.
func (s *socket) endWith(c *closing) {
	s.once.Do(func() {
		s.why = c
		close(s.ending)
		time.AfterFunc(time.Second, s.stopWriting)
	})
}

// send queues a message; false once the socket ends, or ctx.
func (s *socket) send(ctx context.Context, text []byte) bool {
	if ctx.Err() != nil {
		return false
	}
	select {
	case s.out <- text:
		return true
	case <-s.ending:
	case <-ctx.Done():
	}
	return false
}

// write writes what is queued until the socket ends, and closes it then. Between
// messages it looks after the socket. A panic is this socket's end, and nobody
// else's (invariant 5).
func (s *socket) write(ctx context.Context) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v\n%s", v, debug.Stack())
		}
		s.end(closeGone, "")
		_ = s.conn.CloseNow()
	}()
	tick := time.NewTicker(confirmEvery)
	defer tick.Stop()
	for pinged := time.Now(); ; {
		var text []byte
		select {
		case text = <-s.out:
		case now := <-tick.C:
			if text = s.lookAfter(ctx, now.Sub(pinged) >= pingEvery); text != nil {
				pinged = now
			}
		case <-s.h.streams.stopping:
			s.end(closeGoingAway, "the gateway is stopping; connect again")
		case <-s.ending:
			if s.why.code != closeGone {
				_ = s.conn.Close(s.why.code, cut(s.why.reason, 100))
			}
			return nil
		}
		if text == nil {
			continue
		}
		if err := s.writeOne(ctx, text); err != nil {
			return err
		}
	}
}

// writeOne fails where the client does not read. It can't be told why: what it
// has not read is in the way.
func (s *socket) writeOne(ctx context.Context, text []byte) error {
	ctx, cancel := context.WithTimeout(ctx, writeWithin)
	defer cancel()
	err := s.conn.Write(ctx, websocket.MessageText, text)
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		err = fmt.Errorf("the client did not read for %v", writeWithin)
	}
	return err
}

// lookAfter ends the socket if its caller may not be served any more or nobody
// has been heard of for long; it returns a message to send, if one is due.
func (s *socket) lookAfter(ctx context.Context, ping bool) []byte {
	if a := s.authority.Load(); a != nil {
		if err := a.confirm(ctx); err != nil {
			s.fail(err)
			return nil
		}
	}
	if time.Since(time.Unix(s.heard.Load(), 0)) >= silenceFor {
		s.endWith(&closing{cause: errors.New("the client has fallen silent")})
		return nil
	}
	if ping {
		return []byte(`{"type":"ping"}`)
	}
	return nil
}
