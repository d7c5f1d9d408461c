package transport

import (
	"bytes"
	"context"
	"net/http"
	"sync"
	"time"

	"gatehouse/tenancy"
)

// silentFor is after how many seconds without an event a comment is sent, so
// that nothing on the way takes the stream for dead.
const silentFor = 12

// writeEvents writes an operation's responses as Server-Sent Events, in
// graphql-sse's mode of distinct connections: each an event next, with its
// bookmark as the id, and complete at the end. An error means that nothing was
// written yet.
func (h *handler) writeEvents(w http.ResponseWriter, r *http.Request, request *tenancy.Request, o *operation) error {
	leave, err := h.streams.enter(request.Caller.Account)
	if err != nil {
		return err
	}
	defer leave()
	exchangeFrom(r.Context()).protocol = "sse"
	s := &eventStream{w: w, control: http.NewResponseController(w)}
	s.begin(bookmark(r.Context(), request))

	// One goroutine waits for responses, this one writes. Nothing is queued: the
	// next response is made when the last one is on its way.
	ctx, cancel := context.WithCancel(r.Context())
	events := make(chan payload)
	var made sync.WaitGroup
	made.Go(func() {
		defer close(events)
		responses(ctx, request, o, func(p payload) bool {
			select {
			case events <- p:
				return p.failed == nil
			case <-ctx.Done():
				return false
			}
		})
	})
	refused := s.write(ctx, events, o.subscription, h.authorityOf(request.Caller, r.Host), h.streams.stopping)
	cancel()
	o.cancel()
	made.Wait() // what it noted is complete now, and what it took is given back once
	o.end()
	if refused != nil {
		refusal := refusalOf(refused)
		refusal.cost = costOf(request)
		exchangeFrom(ctx).refused(refusal)
		s.event("next", "", refusal.payload("").text)
		s.event("complete", "", nil)
	}
	return nil
}

// eventStream is a response that goes on. An error of a write is remembered, and
// everything after it does nothing.
type eventStream struct {
	w       http.ResponseWriter
	control *http.ResponseController
	err     error
}

func (s *eventStream) begin(bookmark string) {
	// The server's own deadlines are for requests with an end.
	_ = s.control.SetReadDeadline(time.Time{})
	header := s.w.Header()
	(&parts{bookmark: bookmark}).describe(fieldsOf(s.w))
	header.Set("Content-Type", eventType+"; charset=utf-8")
	header.Set("X-Accel-Buffering", "no") // proxies that read it pass each event on
	header.Set("X-Content-Type-Options", "nosniff")
	s.w.WriteHeader(http.StatusOK)
	s.send([]byte(":\n\n"))
}

// write writes events until there are no more, and returns why the caller may
// not be told any more of them.
func (s *eventStream) write(ctx context.Context, events <-chan payload, numbered bool, a *authority, stopping <-chan struct{}) error {
	tick := time.NewTicker(confirmEvery)
	defer tick.Stop()
	silent := 0
	for s.err == nil {
		select {
		case p, more := <-events:
			if !more {
				s.event("complete", "", nil)
				return nil
			}
			id := p.bookmark
			if !numbered {
				id = ""
			}
			s.event("next", id, p.text)
			silent = 0
		case <-tick.C:
			if err := a.confirm(ctx); err != nil {
				return err
			}
			if silent++; silent == silentFor {
				s.send([]byte(":\n\n"))
				silent = 0
			}
		case <-stopping: // without complete, so that the client comes again and goes on
			return nil
		case <-ctx.Done():
			return nil
		}
	}
	return nil
}

// event writes an event. A line break in data, which JSON allows between its
// tokens, goes on in a line of its own.
func (s *eventStream) event(name, id string, data []byte) {
	if bytes.ContainsAny(data, "\r\n") {
		data = bytes.ReplaceAll(bytes.ReplaceAll(data, []byte("\r"), []byte("\n")), []byte("\n"), []byte("\ndata: "))
	}
	text := make([]byte, 0, len(data)+len(id)+40)
	if id != "" {
		text = append(append(append(text, "id: "...), id...), '\n')
	}
	text = append(append(append(text, "event: "...), name...), "\ndata: "...)
	text = append(append(text, data...), "\n\n"...)
	s.send(text)
}

func (s *eventStream) send(text []byte) {
	if s.err != nil {
		return
	}
	_ = s.control.SetWriteDeadline(time.Now().Add(writeWithin))
	if _, s.err = s.w.Write(text); s.err == nil {
		s.err = s.control.Flush()
	}
}
