package main

import (
	"fmt"
	"io"
	"runtime"
	"slices"
	"time"
)

// cell is one thing that was measured, in each round.
type cell struct {
	op          *operation
	contestant  string
	concurrency int
}

// sample is one round's figures of a cell.
type sample struct {
	perSecond float64
	p99       time.Duration
	processor float64 // microseconds a request, of the server
}

type report struct {
	samples    map[cell][]sample
	footprints map[cell]footprint
	// order in which operations and concurrencies were measured.
	order []cell
}

func newReport() *report {
	return &report{samples: map[cell][]sample{}, footprints: map[cell]footprint{}}
}

func (r *report) add(c cell, got result, processor time.Duration) {
	if c.contestant == ours && len(r.samples[c]) == 0 {
		r.order = append(r.order, c)
	}
	n := float64(got.Requests)
	r.samples[c] = append(r.samples[c], sample{
		perSecond: n / got.Seconds, p99: got.P99, processor: float64(processor.Microseconds()) / n,
	})
}

// median over the rounds of what of extracts.
func (r *report) median(c cell, of func(sample) float64) float64 {
	var values []float64
	for _, s := range r.samples[c] {
		values = append(values, of(s))
	}
	return middle(values)
}

func middle(values []float64) float64 {
	slices.Sort(values)
	n := len(values)
	switch {
	case n == 0:
		return 0
	case n%2 == 1:
		return values[n/2]
	}
	return (values[n/2-1] + values[n/2]) / 2
}

// ratio is the median of each round's ratio of a to b: what disturbs a round
// disturbs both.
func (r *report) ratio(a, b cell, of func(sample) float64) float64 {
	var values []float64
	for i, s := range r.samples[a] {
		if i < len(r.samples[b]) {
			values = append(values, of(s)/of(r.samples[b][i]))
		}
	}
	return middle(values)
}

func perSecond(s sample) float64 { return s.perSecond }
func processor(s sample) float64 { return s.processor }
func p99(s sample) float64       { return float64(s.p99) / float64(time.Millisecond) }

func (r *report) print(w io.Writer) {
	fmt.Fprintf(w, "%d cores, %s, %s. Ratios are to by hand, from the cache to static.\n\n", runtime.GOMAXPROCS(0), runtime.Version(), time.Now().Format(time.DateOnly))
	fmt.Fprintln(w, "| operation | at once | | requests/s | ratio | p99 ms | ratio | CPU µs/request | ratio |")
	fmt.Fprintln(w, "|---|--:|---|--:|--:|--:|--:|--:|--:|")
	for _, c := range r.order {
		title, at := c.op.title, fmt.Sprint(c.concurrency)
		for _, name := range []string{static, byHand, grouping, ours, cached} {
			this := cell{c.op, name, c.concurrency}
			if r.samples[this] == nil {
				continue
			}
			against := func(of func(sample) float64) string {
				limit := byHand
				switch name {
				case static, byHand:
					return ""
				case cached:
					limit = static
				}
				return fmt.Sprintf("%.2f", r.ratio(this, cell{c.op, limit, c.concurrency}, of))
			}
			fmt.Fprintf(w, "| %s | %s | %s | %.0f | %s | %.2f | %s | %.0f | %s |\n", title, at, name,
				r.median(this, perSecond), against(perSecond), r.median(this, p99), against(p99), r.median(this, processor), against(processor))
			title, at = "", ""
		}
	}
	fmt.Fprintln(w, "\n| operation | | allocations/request | ratio | KB/request | ratio |")
	fmt.Fprintln(w, "|---|---|--:|--:|--:|--:|")
	for _, op := range operations {
		base, ok := r.footprints[cell{op, byHand, 0}]
		if !ok {
			continue
		}
		title := op.title
		for _, name := range []string{byHand, ours, cached} {
			f, ok := r.footprints[cell{op, name, 0}]
			if !ok {
				continue
			}
			objects, bytes := "", ""
			if name != byHand {
				objects, bytes = fmt.Sprintf("%.2f", f.objects/base.objects), fmt.Sprintf("%.2f", f.bytes/base.bytes)
			}
			fmt.Fprintf(w, "| %s | %s | %.0f | %s | %.1f | %s |\n", title, name, f.objects, objects, f.bytes/1000, bytes)
			title = ""
		}
	}
}
