package main

import (
	"net/http"
	"testing"
)

// The claims are in allocations, which are the same on every machine; the times
// beside those by hand are for reading.

// BenchmarkClientByID guards: one client with its group and its owner takes
// under 900 allocations, three times those by hand, statements included.
func BenchmarkClientByID(b *testing.B) { benchmark(b, "client") }

// BenchmarkPage guards: a page costs per client, under 320 allocations for its
// eight fields and two edges, and never more per client on a larger page.
func BenchmarkPage(b *testing.B) { benchmark(b, "page") }

// BenchmarkPipeline guards: a lead costs what a client on a page does, and the
// five stages nothing beside: under 13,000 allocations for 50 leads.
func BenchmarkPipeline(b *testing.B) { benchmark(b, "pipeline") }

// BenchmarkGroups guards: three levels of lists cost by their records too: under
// 12,000 allocations for 10 groups, 100 clients, their owners and those's groups.
func BenchmarkGroups(b *testing.B) { benchmark(b, "groups") }

// BenchmarkCreateClient guards: validation, history and answer of a create take
// under 900 allocations; the sync to disk is what takes the time.
func BenchmarkCreateClient(b *testing.B) { benchmark(b, "create") }

// BenchmarkUpdateClient guards: an update adds the reading and the merging of
// the record to that, under 1,200 allocations in all.
func BenchmarkUpdateClient(b *testing.B) { benchmark(b, "update") }

// benchmark measures an operation in process, by each handler.
func benchmark(b *testing.B, name string) {
	c, err := newContest(b.Context(), files(b.TempDir()), accounts, nil)
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
