package main

import (
	"fmt"
	"html"
	"math"
	"os"
	"slices"
	"strings"
)

// chartAt is how many ask at once in the chart, where that was measured.
const chartAt = 32

// Measures of the chart, in pixels.
const (
	chartWidth = 760
	chartLeft  = 330 // of the bars
	chartRight = 650
	chartRow   = 26
	chartTop   = 64
)

// draw writes a chart: a bar for each operation, as long as gatehouse's
// requests per second are by its limit, which is what is best by hand.
func (r *report) draw(path string) error {
	type bar struct {
		title, value string
		ratio        float64
	}
	var bars []bar
	longest := 1.0
	for _, op := range operations {
		for _, name := range []string{ours, cached} {
			c := cell{op, name, chartAt}
			if r.samples[c] == nil && !slices.Contains(op.concurrency, chartAt) {
				c.concurrency = op.concurrency[0]
			}
			limit, ratio := r.chartLimit(c)
			if limit == "" {
				continue
			}
			title := short(op.title)
			if c.concurrency != chartAt {
				title += fmt.Sprintf(", %d at once", c.concurrency)
			}
			if name == cached {
				title = "– from the read cache, beside a static answer"
			}
			bars = append(bars, bar{title, fmt.Sprintf("%.2f · %s/s", ratio, thousands(r.median(c, perSecond))), ratio})
			longest = max(longest, ratio)
		}
	}
	longest = math.Ceil(longest*4) / 4
	at := func(ratio float64) float64 { return chartLeft + (chartRight-chartLeft)*ratio/longest }
	height := chartTop + chartRow*len(bars) + 16
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%[1]d" height="%d" font-family="sans-serif" font-size="12">
<style>text{fill:#1f2328}.quiet{fill:#656d76}.bar{fill:#2f81f7}.limit{stroke:#656d76;stroke-dasharray:3 3}
@media (prefers-color-scheme:dark){text{fill:#e6edf3}.quiet{fill:#8d96a0}.limit{stroke:#8d96a0}}</style>
<text x="8" y="20" font-weight="bold">Requests per second on %s, as a share of what the best handler by hand serves</text>
<text x="8" y="38" class="quiet">%d at once unless said otherwise; %s</text>
`, chartWidth, height, engineTitles[r.engine], chartAt, html.EscapeString(machine()))
	for i, one := range bars {
		y := chartTop + chartRow*i
		fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="end">%s</text>`, chartLeft-10, y+15, html.EscapeString(one.title))
		fmt.Fprintf(&b, `<rect class="bar" x="%d" y="%d" width="%.0f" height="14" rx="2"/>`, chartLeft, y+4, at(one.ratio)-chartLeft)
		fmt.Fprintf(&b, `<text x="%.0f" y="%d">%s</text>`+"\n", at(max(one.ratio, 1))+8, y+15, one.value)
	}
	fmt.Fprintf(&b, `<path class="limit" d="M%.0f %dV%d"/>`, at(1), chartTop-2, height-12)
	fmt.Fprintf(&b, `<text class="quiet" x="%.0f" y="%d" text-anchor="middle">1</text>`+"\n</svg>\n", at(1), chartTop-8)
	return os.WriteFile(path, []byte(b.String()), 0o644)
}

// chartLimit returns the contestant that a cell is compared with, the best of
// them, and the ratio; "" where there is none.
func (r *report) chartLimit(c cell) (best string, ratio float64) {
	most := 0.0
	for _, name := range limitsOf(c.contestant) {
		limit := c
		limit.contestant = name
		if n := r.median(limit, perSecond); n > most {
			if q, ok := r.ratio(c, limit, perSecond); ok {
				most, best, ratio = n, name, q
			}
		}
	}
	return best, ratio
}

// short returns a title's first part, which is enough in the chart.
func short(title string) string {
	title, _, _ = strings.Cut(title, ", their")
	title, _, _ = strings.Cut(title, ", or")
	return title
}

// thousands prints a whole number in groups of three digits.
func thousands(n float64) string {
	digits := []byte(fmt.Sprintf("%.0f", n))
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = slices.Insert(digits, i, ',')
	}
	return string(digits)
}
