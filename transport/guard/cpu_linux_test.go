package guard

import (
	"testing"

	"gatehouse/graph"
	"gatehouse/transport/guard/guardtest"
)

// Invariant 1: no document costs more than 25 ms before it is admitted, whatever it says.
func TestDocumentsCostLittle(t *testing.T) {
	t.Parallel()
	g := New(graph.NewExecutableSchema(graph.Config{}).Schema(), Options{})
	for name, text := range guardtest.Documents() {
		d := guardtest.CPU(t, func() { g.prepare(text) })
		t.Logf("%6.2f ms, %6d bytes: %s", d.Seconds()*1000, len(text), name)
		if d > guardtest.MostCPU {
			t.Errorf("%s: %v", name, d)
		}
	}
}

// FuzzDocument looks for a document that makes the guard panic, or that costs too much.
func FuzzDocument(f *testing.F) {
	for _, text := range guardtest.Documents() {
		if len(text) < 8<<10 { // the fuzzer spends its time on making long ones shorter
			f.Add(text)
		}
	}
	f.Add(`query($a: Int = 1 @x) { a(b: {c: [1, $a]}) @include(if: true) { ... on T { b } } }`)
	g := New(graph.NewExecutableSchema(graph.Config{}).Schema(), Options{})
	f.Fuzz(func(t *testing.T, text string) {
		if d := guardtest.CPU(t, func() { g.prepare(text) }); d > guardtest.MostCPU {
			t.Errorf("%v for %d bytes", d, len(text))
		}
	})
}
