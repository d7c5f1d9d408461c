package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"
)

// job is one measurement that the load generator makes.
type job struct {
	Address, Operation string
	Envelope           bool
	Hits               bool // ask what was asked before, and want it from the read cache
	Concurrency        int
	Duration           time.Duration
	Seed               uint64
}

// result of a job.
type result struct {
	Requests int // that were answered
	// Refused had no answer, since too many others waited.
	Refused int
	Seconds float64
	P99     time.Duration
}

// generate is the main of the load generator: this program again, as a process
// of its own, so that its memory and its work are not counted as a server's. It
// is told the data first, and then jobs.
func generate(in io.Reader, out io.Writer) error {
	return obey(in, out, func(d *dataset) (func(job) (result, error), func() error, error) {
		return func(j job) (result, error) { return j.run(d) }, func() error { return nil }, nil
	})
}

// run asks over as many connections as there are to be, each of which asks
// again as soon as it has its answer.
func (j job) run(d *dataset) (result, error) {
	op := operationNamed(j.Operation)
	if op == nil {
		return result{}, fmt.Errorf("no operation %q", j.Operation)
	}
	wires := make([]*wire, j.Concurrency)
	for i := range wires {
		var err error
		if wires[i], err = dial(j.Address); err != nil {
			return result{}, err
		}
		defer wires[i].conn.Close()
	}
	times := make([][]time.Duration, len(wires))
	refused := make([]int, len(wires))
	errs := make([]error, len(wires))
	var wait sync.WaitGroup
	start := time.Now()
	for i, w := range wires {
		wait.Go(func() {
			random, bodies := randomOf(j.Seed, uint64(i)), op.bodies(d, j.Envelope)
			for errs[i] == nil && time.Since(start) < j.Duration {
				a := bodies.account(random)
				body := bodies.of(a, random, j.Hits)
				asked := time.Now()
				errs[i] = w.post("/"+op.name, a.Token, body, j.Hits)
				if errors.Is(errs[i], errRefused) {
					errs[i] = nil
					refused[i]++
					continue
				}
				times[i] = append(times[i], time.Since(asked))
			}
		})
	}
	wait.Wait()
	all := slices.Concat(times...)
	slices.Sort(all)
	r := result{Requests: len(all), Seconds: time.Since(start).Seconds()}
	for _, n := range refused {
		r.Refused += n
	}
	if n := len(all); n > 0 {
		r.P99 = all[n*99/100]
	}
	return r, errors.Join(errs...)
}
