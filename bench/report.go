package main

import (
	"fmt"
	"io"
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
	refused   int
	processor float64 // microseconds a request, of the server
	peak      int64   // bytes
}

type report struct {
	engine     string
	samples    map[cell][]sample
	footprints map[cell]footprint
	// order in which operations and concurrencies were measured.
	order []cell
}

func newReport(engine string) *report {
	return &report{engine: engine, samples: map[cell][]sample{}, footprints: map[cell]footprint{}}
}

func (r *report) add(c cell, s sample) {
	if !slices.ContainsFunc(r.order, func(one cell) bool { return one.op == c.op && one.concurrency == c.concurrency }) {
		r.order = append(r.order, c)
	}
	r.samples[c] = append(r.samples[c], s)
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
// disturbs both. False where b was not measured.
func (r *report) ratio(a, b cell, of func(sample) float64) (float64, bool) {
	var values []float64
	for i, s := range r.samples[a] {
		if i < len(r.samples[b]) {
			values = append(values, of(s)/of(r.samples[b][i]))
		}
	}
	return middle(values), len(values) > 0
}

func perSecond(s sample) float64 { return s.perSecond }
func processor(s sample) float64 { return s.processor }
func p99(s sample) float64       { return float64(s.p99) / float64(time.Millisecond) }
func mebibytes(s sample) float64 { return float64(s.peak) / (1 << 20) }
func refused(s sample) float64   { return float64(s.refused) }

// limitsOf returns what a contestant is compared with, best known first.
func limitsOf(name string) []string {
	switch name {
	case static, byHand:
		return nil
	case cached:
		return []string{static}
	case ours:
		return []string{byHand, grouping, noHistory}
	}
	return []string{byHand}
}

// against prints the ratios of a cell to what it is compared with.
func (r *report) against(c cell, of func(sample) float64) string {
	text := ""
	for _, name := range limitsOf(c.contestant) {
		limit := c
		limit.contestant = name
		if ratio, ok := r.ratio(c, limit, of); ok {
			if text != "" {
				text += "; "
			}
			text += fmt.Sprintf("%.2f", ratio)
		}
	}
	return text
}

func (r *report) print(w io.Writer) {
	fmt.Fprintf(w, "%s, %s\n\n", engineTitles[r.engine], machine())
	fmt.Fprintln(w, "| operation | at once | | requests/s | ratio | p99 ms | ratio | CPU µs/request | ratio | peak MiB |")
	fmt.Fprintln(w, "|---|--:|---|--:|--:|--:|--:|--:|--:|--:|")
	for _, c := range r.order {
		title, at := c.op.title, fmt.Sprint(c.concurrency)
		for _, one := range contestants {
			this := cell{c.op, one.name, c.concurrency}
			if r.samples[this] == nil {
				continue
			}
			note := ""
			if n := r.median(this, refused); n > 0 {
				note = fmt.Sprintf(" (%.0f refused)", n)
			}
			fmt.Fprintf(w, "| %s | %s | %s | %.0f%s | %s | %.2f | %s | %.0f | %s | %.0f |\n", title, at, one.name,
				r.median(this, perSecond), note, r.against(this, perSecond), r.median(this, p99), r.against(this, p99),
				r.median(this, processor), r.against(this, processor), r.median(this, mebibytes))
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
		for _, one := range contestants {
			f, ok := r.footprints[cell{op, one.name, 0}]
			if !ok {
				continue
			}
			objects, bytes := "", ""
			if one.name != byHand {
				objects, bytes = fmt.Sprintf("%.2f", f.Objects/base.Objects), fmt.Sprintf("%.2f", f.Bytes/base.Bytes)
			}
			fmt.Fprintf(w, "| %s | %s | %.0f | %s | %.1f | %s |\n", title, one.name, f.Objects, objects, f.Bytes/1000, bytes)
			title = ""
		}
	}
}

var engineTitles = map[string]string{"sqlite": "SQLite", "postgres": "PostgreSQL"}
