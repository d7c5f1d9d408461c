package guard

import (
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"gatehouse/graph"
	"gatehouse/transport/guard/guardtest"
)

// mostCPU is what may be spent on a document before it is admitted or refused.
const mostCPU = 25 * time.Millisecond

// cpu returns what f takes of one processor, whoever else wants it.
func cpu(t testing.TB, f func()) time.Duration {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	now := func() time.Duration {
		var at unix.Timespec
		if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &at); err != nil {
			t.Fatal(err)
		}
		return time.Duration(at.Nano())
	}
	start := now()
	f()
	return now() - start
}

// spent returns what a document takes that is new to the guard. A collection of
// garbage that falls into it is not the document's, so whoever takes too long
// has two more tries.
func spent(t testing.TB, g *Guard, text string) (least time.Duration) {
	t.Helper()
	least = time.Hour
	for range 3 {
		if least = min(least, cpu(t, func() { g.prepare(text) })); least < mostCPU {
			break
		}
	}
	return least
}

// Invariant 1: no document costs more than 25 ms before it is admitted, whatever it says.
func TestDocumentsCostLittle(t *testing.T) {
	t.Parallel()
	g := New(graph.NewExecutableSchema(graph.Config{}).Schema(), Options{})
	for name, text := range guardtest.Documents() {
		d := spent(t, g, text)
		t.Logf("%6.2f ms, %6d bytes: %s", d.Seconds()*1000, len(text), name)
		if d > mostCPU {
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
		if d := spent(t, g, text); d > mostCPU {
			t.Errorf("%v for %d bytes", d, len(text))
		}
	})
}
