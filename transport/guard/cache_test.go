package guard

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
)

func TestAFloodDoesNotPushOutWhatIsUsed(t *testing.T) {
	t.Parallel()
	c := newCache(1000)
	doc := &Document{}
	c.put("used", doc, 100)
	if got, ok := c.get("used"); !ok || got != doc {
		t.Fatal("it is not there")
	}
	for i := range 1000 {
		c.put(fmt.Sprint("flood ", i), doc, 100)
		if n := c.halves[0].bytes + c.halves[1].bytes; n > 1000 {
			t.Fatalf("%d bytes are kept", n)
		}
	}
	if _, ok := c.get("used"); !ok {
		t.Error("the flood pushed it out")
	}
	if len(c.by) != 6 {
		t.Errorf("%d documents are kept", len(c.by))
	}
	c.put("too large", doc, 2000)
	if _, ok := c.get("too large"); ok {
		t.Error("a document larger than the cache is kept")
	}
}

// What is kept is no more than it is said to be. No other test runs meanwhile:
// what the process allocates is counted.
func TestDocumentsAreCountedByTheirBytes(t *testing.T) {
	g := New(zoo(t), Options{})
	text := "{ cat { " + strings.Repeat("id name friend { id } ", 100) + "} }"
	_, bytes, faults := g.prepare(text)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	const runs = 50
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range runs {
		if _, err := g.parse(text); err != nil {
			t.Fatal(err)
		}
	}
	runtime.ReadMemStats(&after)
	if grown := int(after.TotalAlloc-before.TotalAlloc) / runs; bytes < grown*7/10 {
		t.Errorf("counted as %d bytes, but parsing it takes %d", bytes, grown)
	}
}
