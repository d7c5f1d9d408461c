package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"runtime"
	"time"
)

// newRequest returns a request as the load generator sends it.
func newRequest(path string, a *account, body []byte) *http.Request {
	r, err := http.NewRequest(http.MethodPost, "http://127.0.0.1"+path, bytes.NewReader(body))
	if err != nil {
		panic(err) // its parts are constants
	}
	r.Header.Set("Authorization", "Bearer "+a.Token)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", accept)
	return r
}

// sink is a response of which only the status and the length are wanted, or,
// with a copy, the text.
type sink struct {
	header http.Header
	status int
	copy   io.Writer
	bytes  int
}

func (s *sink) Header() http.Header { return s.header }

func (s *sink) WriteHeader(status int) { s.status = status }

func (s *sink) Write(b []byte) (int, error) {
	if s.status == 0 {
		s.status = http.StatusOK
	}
	s.bytes += len(b)
	if s.copy != nil {
		return s.copy.Write(b)
	}
	return len(b), nil
}

// SetReadDeadline does what a connection would, without one.
func (s *sink) SetReadDeadline(time.Time) error { return nil }

// ask puts one question to a handler and returns its answer.
func ask(h http.Handler, path string, a *account, body []byte) ([]byte, error) {
	var text bytes.Buffer
	s := &sink{header: http.Header{}, copy: &text}
	h.ServeHTTP(s, newRequest(path, a, body))
	if s.status != http.StatusOK || !bytes.HasPrefix(text.Bytes(), answered) {
		return nil, fmt.Errorf("%s answered %d: %s", path, s.status, text.Bytes())
	}
	return text.Bytes(), nil
}

func decode(text []byte, into any) error {
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("%w in %s", err, text)
	}
	return nil
}

// requests returns n requests of an operation, spread over accounts and records.
func (c *contest) requests(one *contestant, op *operation, n int) []*http.Request {
	c.asked++
	r, bodies := rand.New(rand.NewPCG(7, c.asked)), op.bodies(one.envelope)
	out := make([]*http.Request, n)
	for i := range out {
		a := c.data.Accounts[r.IntN(len(c.data.Accounts))]
		body := bodies.next(a, r)
		if one.hits {
			body = bodies.repeated(a, r.IntN(repeats))
		}
		out[i] = newRequest("/"+op.name, a, body)
	}
	return out
}

// footprint is what one request allocates, whoever does it on its behalf.
type footprint struct{ objects, bytes float64 }

const footprintRequests = 2000

// measure serves requests one after the other, without a network.
func (c *contest) measure(one *contestant, op *operation) (footprint, error) {
	h := one.handler(op)
	s := &sink{header: make(http.Header, 16)}
	serve := func(requests []*http.Request) error {
		for _, r := range requests {
			clear(s.header)
			s.status = 0
			if h.ServeHTTP(s, r); s.status != http.StatusOK {
				return fmt.Errorf("%s answered %d in process", one.name, s.status)
			}
		}
		return nil
	}
	if err := serve(c.requests(one, op, 200)); err != nil { // statements, documents and tokens are known afterwards
		return footprint{}, err
	}
	requests := c.requests(one, op, footprintRequests)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	err := serve(requests)
	runtime.ReadMemStats(&after)
	return footprint{
		objects: float64(after.Mallocs-before.Mallocs) / footprintRequests,
		bytes:   float64(after.TotalAlloc-before.TotalAlloc) / footprintRequests,
	}, err
}
