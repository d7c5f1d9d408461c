package main

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"slices"
	"time"
)

// rival is a contestant in a process of its own.
type rival struct {
	*contestant
	process *child
	address string
}

// compare seeds the ground and measures there what o asks for, each contestant
// in a process of its own, in turns.
func compare(ctx context.Context, g ground, o options, progress io.Writer) (_ *report, err error) {
	fmt.Fprintf(progress, "%s: %d accounts of %d records\n", g.shard().Engine, o.size.accounts, groups+users+o.size.clients+o.size.leads)
	sites, err := newSites(ctx, g, o.size, o.contestants(), slices.ContainsFunc(o.operations, func(op *operation) bool { return op.write }))
	if err != nil {
		return nil, err
	}
	load, err := startChild("load", sites[0].Data)
	if err != nil {
		return nil, err
	}
	processes := []*child{load}
	defer func() {
		for _, p := range processes {
			if err2 := p.stop(); err == nil {
				err = err2
			}
		}
	}()
	var rivals []*rival
	for _, s := range sites {
		p, err := startChild("serve", s)
		if err != nil {
			return nil, err
		}
		processes = append(processes, p)
		var r reading
		if err := p.order(order{Task: where}, &r); err != nil {
			return nil, err
		}
		rivals = append(rivals, &rival{contestantNamed(s.Contestant), p, r.Address})
	}
	report := newReport(g.shard().Engine)
	for _, op := range o.operations {
		for _, n := range o.at(op) {
			fmt.Fprintf(progress, "%s, %d at once\n", op.title, n)
			if err := rounds(load, rivals, report, o, op, n); err != nil {
				return nil, err
			}
		}
		for _, one := range rivals {
			if !one.takes(op) || one.name == static {
				continue
			}
			var r reading
			if err := one.process.order(order{count, op.name}, &r); err != nil {
				return nil, err
			}
			report.footprints[cell{op, one.name, 0}] = r.Footprint
		}
	}
	return report, nil
}

// rounds measures an operation: all contestants in turn, then all again.
func rounds(load *child, rivals []*rival, report *report, o options, op *operation, concurrency int) error {
	for round := range o.rounds + 1 {
		for _, one := range rivals {
			if !one.takes(op) {
				continue
			}
			j := job{
				Address: one.address, Operation: op.name, Envelope: one.envelope, Hits: one.hits,
				Concurrency: concurrency, Duration: o.duration, Seed: uint64(1000*concurrency + round), // the same for all, and never again
			}
			var before, after reading
			var got result
			var err error
			if round == 0 { // the first one only warms up
				j.Duration = min(j.Duration, 500*time.Millisecond)
				err = one.process.order(order{fresh, op.name}, &before)
			}
			if err == nil {
				err = one.process.order(order{begin, op.name}, &before)
			}
			if err == nil {
				err = load.order(j, &got)
			}
			if err == nil {
				err = one.process.order(order{end, op.name}, &after)
			}
			if err != nil {
				return fmt.Errorf("%s, %s: %w", op.name, one.name, err)
			}
			if round > 0 {
				report.add(cell{op, one.name, concurrency}, sample{
					perSecond: float64(got.Requests) / got.Seconds, p99: got.P99, refused: got.Refused, peak: after.Peak,
					processor: float64((after.CPU - before.CPU).Microseconds()) / float64(max(1, got.Requests)),
				})
			}
		}
	}
	return nil
}

// machine says what was measured on.
func machine() string {
	return fmt.Sprintf("%d cores, %s, %s", runtime.GOMAXPROCS(0), runtime.Version(), time.Now().Format(time.DateOnly))
}
