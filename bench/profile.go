package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
)

// profile writes a CPU profile of gatehouse to the file that o names: as long of
// each operation, and of those that its read cache has also from there.
func profile(ctx context.Context, g ground, o options, progress io.Writer) (err error) {
	sites, err := newSites(ctx, g, o.size, []*contestant{contestantNamed(cached)}, true)
	if err != nil {
		return err
	}
	load, err := startChild("load", sites[0].Data)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, load.stop()) }()
	server, err := startChild("serve", sites[0])
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.stop()) }()
	var r reading
	if err := server.order(order{Task: where}, &r); err != nil {
		return err
	}
	j := job{Address: r.Address, Envelope: true, Concurrency: 32, Duration: o.duration}
	if err := server.order(order{Task: watch}, &r); err != nil {
		return err
	}
	for _, op := range o.operations {
		for _, j.Hits = range []bool{false, true} {
			if j.Hits && !op.cached {
				continue
			}
			fmt.Fprintln(progress, op.title)
			j.Operation, j.Seed = op.name, j.Seed+1
			if err := server.order(order{fresh, op.name}, &r); err != nil {
				return err
			}
			if err := load.order(j, &result{}); err != nil {
				return fmt.Errorf("%s: %w", op.name, err)
			}
		}
	}
	if err := server.order(order{Task: watched}, &r); err != nil {
		return err
	}
	return os.WriteFile(o.profile, r.Profile, 0o644)
}
