package main

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"runtime"
	"time"
)

func randomOf(seed, stream uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, stream)) }

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

// sink is a response of which only the status is wanted, or, with a copy, the text.
type sink struct {
	header http.Header
	status int
	copy   io.Writer
}

func (s *sink) Header() http.Header { return s.header }

func (s *sink) WriteHeader(status int) { s.status = status }

func (s *sink) Write(b []byte) (int, error) {
	if s.status == 0 {
		s.status = http.StatusOK
	}
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

func (p *participant) ask(op *operation, a *account, body []byte) ([]byte, error) {
	return ask(p.handler, "/"+op.name, a, body)
}

// remember has an operation's answers put into the read cache.
func (p *participant) remember(op *operation) error {
	if !p.hits {
		return nil
	}
	for _, a := range p.site.Data.Accounts {
		for n := range repeats {
			if _, err := p.ask(op, a, op.bodies(p.site.Data, p.envelope).repeated(a, n)); err != nil {
				return err
			}
		}
	}
	return nil
}

// requests returns n requests of an operation, spread over accounts and records.
func (p *participant) requests(op *operation, n int) []*http.Request {
	p.asked++
	r, bodies := randomOf(7, p.asked), op.bodies(p.site.Data, p.envelope)
	out := make([]*http.Request, n)
	for i := range out {
		a := bodies.account(r)
		out[i] = newRequest("/"+op.name, a, bodies.of(a, r, p.hits))
	}
	return out
}

// footprint is what one request allocates, whoever does it on its behalf.
type footprint struct{ Objects, Bytes float64 }

// counted is how many requests are counted.
const counted = 200

// count serves requests one after the other, without a network.
func (p *participant) count(op *operation) (footprint, error) {
	s := &sink{header: make(http.Header, 16)}
	serve := func(requests []*http.Request) error {
		for _, r := range requests {
			clear(s.header)
			s.status = 0
			if p.handler.ServeHTTP(s, r); s.status != http.StatusOK {
				return fmt.Errorf("%s answered %d in process", p.name, s.status)
			}
		}
		return nil
	}
	if err := serve(p.requests(op, counted/4)); err != nil { // statements, documents and tokens are known afterwards
		return footprint{}, err
	}
	requests := p.requests(op, counted)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	err := serve(requests)
	runtime.ReadMemStats(&after)
	return footprint{
		Objects: float64(after.Mallocs-before.Mallocs) / counted,
		Bytes:   float64(after.TotalAlloc-before.TotalAlloc) / counted,
	}, err
}
