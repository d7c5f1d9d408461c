package main

import (
	"net/http"
	"testing"
)

// BenchmarkClientByID guards: to answer one client with its group and its owner
// takes no more statements than by hand, and what GraphQL adds stays below the
// cost of the statements, so that the time is under twice that by hand.
func BenchmarkClientByID(b *testing.B) { benchmark(b, "client") }

// BenchmarkPage guards: 50 clients cost three statements, and what each record
// adds is its decoding and its fields, nothing that grows with the page's square.
func BenchmarkPage(b *testing.B) { benchmark(b, "page") }

// BenchmarkPipeline guards: the sums and the leads of all five stages are one
// statement each, so that SQLite's share dwarfs that of GraphQL.
func BenchmarkPipeline(b *testing.B) { benchmark(b, "pipeline") }

// BenchmarkCreateClient guards: a create is one transaction with one sync, and
// what surrounds the sync costs less than the sync itself.
func BenchmarkCreateClient(b *testing.B) { benchmark(b, "create") }

// BenchmarkUpdateClient guards: an update adds one read to that and no second
// transaction.
func BenchmarkUpdateClient(b *testing.B) { benchmark(b, "update") }

// benchmark measures an operation in process, by each handler.
func benchmark(b *testing.B, name string) {
	c, err := newContest(b.Context(), b.TempDir(), accounts, nil)
	if err != nil {
		b.Fatal(err)
	}
	defer func() {
		if err := c.close(); err != nil {
			b.Error(err)
		}
	}()
	op := operationNamed(name)
	for _, name := range []string{byHand, ours} {
		b.Run(name, func(b *testing.B) {
			one := c.contestant(name)
			h, s := one.handler(op), &sink{header: make(http.Header, 16)}
			requests := c.requests(one, op, b.N) // made beforehand, and each but once: a write repeated writes nothing
			b.ReportAllocs()
			b.ResetTimer()
			for _, r := range requests {
				clear(s.header)
				s.status = 0
				if h.ServeHTTP(s, r); s.status != http.StatusOK {
					b.Fatalf("answered %d", s.status)
				}
			}
		})
	}
}
