package main

import (
	"context"
	"net/http"
	"testing"

	"gatehouse/shards"
)

// The claims are in allocations, which are the same on every machine; the times
// beside those by hand are for reading.

// BenchmarkClientByID guards: one client with its group and its owner takes
// under 500 allocations, half more than by hand, statements included.
func BenchmarkClientByID(b *testing.B) { benchmark(b, "client") }

// BenchmarkHit guards: the same client from the read cache takes under 12 allocations.
func BenchmarkHit(b *testing.B) { benchmark(b, "client", cached) }

// BenchmarkPage guards: a page costs per client, under 320 allocations for its
// eight fields and two edges, and never more per client on a larger page.
func BenchmarkPage(b *testing.B) { benchmark(b, "page") }

// BenchmarkPipeline guards: a lead costs what a client on a page does, and the
// five stages nothing beside: under 13,000 allocations for 50 leads.
func BenchmarkPipeline(b *testing.B) { benchmark(b, "pipeline") }

// BenchmarkGroups guards: lists within lists cost by their records too: under
// 12,000 allocations for 10 groups, 100 clients, their owners and those's groups.
func BenchmarkGroups(b *testing.B) { benchmark(b, "groups") }

// BenchmarkCreateClient guards: validation, history and answer of a create take
// under 500 allocations; the sync to disk is what takes the time.
func BenchmarkCreateClient(b *testing.B) { benchmark(b, "create") }

// BenchmarkUpdateClient guards: an update adds the reading and the merging of
// the record to that, under 600 allocations in all.
func BenchmarkUpdateClient(b *testing.B) { benchmark(b, "update") }

// BenchmarkUpsertClients guards: 250 writes in one cost less than a third each
// of what one by itself does.
func BenchmarkUpsertClients(b *testing.B) { benchmark(b, "upsert") }

// benchmark measures an operation in process, by each of some handlers; by hand and
// by gatehouse where none is named.
func benchmark(b *testing.B, name string, handlers ...string) {
	op := operationNamed(name)
	all := gather(b, files{b.TempDir()}, size{2, usual.clients, usual.leads}, nil)
	if handlers == nil {
		handlers = []string{byHand, ours}
	}
	for _, name := range handlers {
		b.Run(name, func(b *testing.B) {
			p, s := all[name], &sink{header: make(http.Header, 16)}
			if err := p.remember(op); err != nil {
				b.Fatal(err)
			}
			requests := p.requests(op, b.N) // made beforehand, and each but once: a write repeated writes nothing
			b.ReportAllocs()
			b.ResetTimer()
			for _, r := range requests {
				clear(s.header)
				s.status = 0
				if p.handler.ServeHTTP(s, r); s.status != http.StatusOK {
					b.Fatalf("answered %d", s.status)
				}
			}
		})
	}
}

// gather returns all contestants of a ground, in this process, by name.
func gather(t testing.TB, g ground, n size, trace func(shards.Statement)) map[string]*participant {
	t.Helper()
	sites, err := newSites(context.Background(), g, n, contestants, true)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]*participant{}
	for _, s := range sites {
		p, err := s.open(context.Background(), trace)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := p.close(); err != nil {
				t.Error(err)
			}
		})
		out[p.name] = p
	}
	return out
}
