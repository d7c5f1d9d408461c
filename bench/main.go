// Command bench compares gatehouse with a handler written by hand for the same
// operations: requests per second, latency, processor time and memory. Its
// README says how. Imported by nobody.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// options are the command's flags.
type options struct {
	rounds      int
	duration    time.Duration
	concurrency []int // those of the operation where empty
	only        string
}

func main() {
	var err error
	if len(os.Args) == 2 && os.Args[1] == "load" {
		err = generate(os.Stdin, os.Stdout)
	} else {
		err = run(os.Args[1:], os.Stdout, os.Stderr)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func parse(args []string) (options, error) {
	var o options
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.IntVar(&o.rounds, "rounds", 3, "how often everything is measured; medians are reported")
	seconds := flags.Float64("seconds", 2, "how long each measurement takes")
	concurrency := flags.String("concurrency", "", "how many connections ask at once; several, with commas (1,32,256, for writes 64 too)")
	flags.StringVar(&o.only, "only", "", "one operation: client, page, pipeline, groups, create or update")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	o.duration = time.Duration(*seconds * float64(time.Second))
	for text := range strings.FieldsFuncSeq(*concurrency, func(r rune) bool { return r == ',' }) {
		n, err := strconv.Atoi(strings.TrimSpace(text))
		if err != nil || n < 1 {
			return o, fmt.Errorf("%q is no number of connections", text)
		}
		o.concurrency = append(o.concurrency, n)
	}
	if o.rounds < 1 || o.duration <= 0 {
		return o, fmt.Errorf("at least one round, and some time for it, are needed")
	}
	if o.only != "" && operationNamed(o.only) == nil {
		return o, fmt.Errorf("there is no operation %q", o.only)
	}
	return o, nil
}

// at returns how many connections are to ask for an operation at once.
func (o options) at(op *operation) []int {
	switch {
	case len(o.concurrency) > 0:
		return o.concurrency
	case op.write:
		return []int{1, 32, 64, 256}
	}
	return []int{1, 32, 256}
}

func run(args []string, out, progress io.Writer) (err error) {
	o, err := parse(args)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	fmt.Fprintln(progress, "filling the shard")
	c, err := newContest(context.Background(), files(dir), accounts, nil)
	if err != nil {
		return err
	}
	defer func() {
		if err2 := c.close(); err == nil {
			err = err2
		}
	}()
	return c.compare(o, out, progress)
}

// compare measures all that o asks for, and prints the report.
func (c *contest) compare(o options, out, progress io.Writer) (err error) {
	s, err := c.serve()
	if err != nil {
		return err
	}
	defer s.Close()
	load, err := startGenerator(target{Address: s.Addr, Data: c.data})
	if err != nil {
		return err
	}
	defer func() {
		if err2 := load.stop(); err == nil {
			err = err2
		}
	}()
	r := newReport()
	for _, op := range operations {
		if o.only != "" && o.only != op.name {
			continue
		}
		if op.cached {
			if err := c.remember(op); err != nil {
				return err
			}
		}
		for _, concurrency := range o.at(op) {
			fmt.Fprintf(progress, "%s, %d at once\n", op.title, concurrency)
			if err := c.rounds(load, r, o, op, concurrency); err != nil {
				return err
			}
		}
		for _, one := range c.contestants {
			if one.onlyFor(op) && one.name != static {
				f, err := c.measure(one, op)
				if err != nil {
					return err
				}
				r.footprints[cell{op, one.name, 0}] = f
			}
		}
	}
	r.print(out)
	return nil
}

// rounds measures an operation: all contestants in turn, then all again.
func (c *contest) rounds(load *generator, r *report, o options, op *operation, concurrency int) error {
	for round := range o.rounds + 1 {
		for i, one := range c.contestants {
			if !one.onlyFor(op) {
				continue
			}
			j := job{
				Path: fmt.Sprintf("/%d/%s", i, op.name), Operation: op.name, Envelope: one.envelope, Hits: one.hits,
				Concurrency: concurrency, Duration: o.duration, Seed: uint64(1000*concurrency + round), // the same for all, and never again
			}
			if round == 0 { // the first one only warms up
				j.Duration = min(j.Duration, 500*time.Millisecond)
			}
			runtime.GC() // nobody pays for what another one left
			before := processorTime()
			got, err := load.run(j)
			if err != nil {
				return fmt.Errorf("%s, %s: %w", op.name, one.name, err)
			}
			if round > 0 {
				r.add(cell{op, one.name, concurrency}, got, processorTime()-before)
			}
		}
	}
	return nil
}

// serve starts the one server that all contestants are part of: contestant i
// answers below the path /i.
func (c *contest) serve() (*http.Server, error) {
	mux := http.NewServeMux()
	for i, one := range c.contestants {
		prefix := fmt.Sprintf("/%d", i)
		for _, op := range operations {
			if one.onlyFor(op) {
				mux.Handle("POST "+prefix+"/"+op.name, http.StripPrefix(prefix, one.handler(op)))
			}
		}
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &http.Server{Handler: mux, Addr: listener.Addr().String()}
	go s.Serve(listener) // until Close
	return s, nil
}

// processorTime is what this process has used so far.
func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
