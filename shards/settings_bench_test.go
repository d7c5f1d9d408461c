package shards

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// The benchmarks of this file compare a setting with what it could be instead.
// Both run in turn, for a quarter of a second each, b.N times: -benchtime=8x.

// figures of one turn, by unit.
type figures map[string]float64

// inTurn runs the contestants in turn and reports, for each unit, the median of
// the first one's figure, and of the ratios of it to those of the others.
func inTurn(b *testing.B, names []string, turn func(name string) figures) {
	all := map[string][]figures{}
	for _, name := range names { // warms up
		turn(name)
	}
	for range b.N {
		for _, name := range names {
			all[name] = append(all[name], turn(name))
		}
	}
	b.ReportMetric(0, "ns/op") // says nothing here
	first := all[names[0]]
	for unit := range first[0] {
		var values []float64
		for _, f := range first {
			values = append(values, f[unit])
		}
		b.ReportMetric(median(values), unit)
		for _, name := range names[1:] {
			var ratios []float64
			for i, f := range all[name] {
				ratios = append(ratios, first[i][unit]/f[unit])
			}
			b.ReportMetric(median(ratios), unit+"/"+name)
		}
	}
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}

const oneTurn = 250 * time.Millisecond

// BenchmarkCheckpointer guards: beside readers that never pause the WAL stays
// short and more is written than where SQLite sees to it within commits, and
// where nobody reads nothing is lost.
func BenchmarkCheckpointer(b *testing.B) {
	for _, test := range []struct{ writers, readers int }{{1, 2}, {32, 2}, {32, 0}} {
		b.Run(fmt.Sprintf("%d writers, %d readers", test.writers, test.readers), func(b *testing.B) {
			shards, n := map[string]*Shard{}, atomic.Int64{}
			for _, name := range []string{"ours", "SQLite's"} {
				s := openTest(b, Options{})
				h := s.testHandle(b, "a")
				for i := range 2000 {
					write(b, h, i)
				}
				shards[name] = s
			}
			n.Store(2000)
			theirs := shards["SQLite's"]
			theirs.checkpointer().limit = 1 << 60
			if err := theirs.committer().conn.control(context.Background(), "PRAGMA wal_autocheckpoint=1000"); err != nil {
				b.Fatal(err)
			}
			inTurn(b, []string{"ours", "SQLite's"}, func(name string) figures {
				s := shards[name]
				reads, stop := s.readWithoutPause(b, "a", test.readers)
				var all sync.WaitGroup
				times := make([][]float64, test.writers)
				start := time.Now()
				for i := range test.writers {
					all.Go(func() {
						h := s.again("a")
						for time.Since(start) < oneTurn {
							began := time.Now()
							write(b, h, int(n.Add(1)))
							times[i] = append(times[i], float64(time.Since(began))/1e6)
						}
					})
				}
				all.Wait()
				took := time.Since(start).Seconds()
				stop()
				waited := slices.Concat(times...)
				slices.Sort(waited)
				return figures{
					"writes/s": float64(len(waited)) / took, "reads/s": float64(reads.Load()) / took,
					"p99-ms": waited[len(waited)*99/100], "max-ms": waited[len(waited)-1], "WAL-MiB": float64(s.fileSize(b, "-wal")) / (1 << 20),
				}
			})
		})
	}
}
