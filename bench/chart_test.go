package main

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestChart draws a bar for each operation that was measured, beside the best
// that is by hand.
func TestChart(t *testing.T) {
	t.Parallel()
	r := newReport("sqlite")
	add := func(op, contestant string, concurrency int, perSecond float64) {
		r.add(cell{operationNamed(op), contestant, concurrency}, sample{perSecond: perSecond, p99: time.Millisecond})
	}
	add("client", static, 32, 4000)
	add("client", byHand, 32, 2000)
	add("client", ours, 32, 1500)
	add("client", cached, 32, 3000)
	add("create", byHand, 32, 1000)
	add("create", grouping, 32, 3000)
	add("create", ours, 32, 2700)
	add("queue", byHand, 16, 100)
	add("queue", ours, 16, 1234567)
	path := filepath.Join(t.TempDir(), "chart.svg")
	if err := r.draw(path); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	bars := 0
	for d := xml.NewDecoder(strings.NewReader(string(text))); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if e, ok := token.(xml.StartElement); ok && e.Name.Local == "rect" {
			bars++
		}
	}
	if bars != 4 {
		t.Errorf("%d bars, want 4:\n%s", bars, text)
	}
	for _, want := range []string{"0.75 · 1,500/s", "0.75 · 3,000/s", "0.90 · 2,700/s", "all of one account, 16 at once", "1,234,567/s"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %q in the chart:\n%s", want, text)
		}
	}
}
