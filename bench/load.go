package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"sync"
	"time"
)

// job is one measurement that the load generator makes.
type job struct {
	Path, Operation string
	Envelope        bool
	Hits            bool // ask what was asked before, and want it from the read cache
	Concurrency     int
	Duration        time.Duration
	Seed            uint64
}

// result of a job.
type result struct {
	Requests int
	Seconds  float64
	P50, P99 time.Duration
	Error    string
}

// target is what the load generator is told at first.
type target struct {
	Address string
	Data    *dataset
}

// generator is the load generator: this program again, as a process of its
// own, so that its memory and its work are not counted as the server's.
type generator struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *json.Decoder
}

func startGenerator(t target) (*generator, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	g := &generator{cmd: exec.Command(self, "load")}
	g.cmd.Stderr = os.Stderr
	if g.in, err = g.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := g.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	g.out = json.NewDecoder(out)
	if err := g.cmd.Start(); err != nil {
		return nil, err
	}
	return g, json.NewEncoder(g.in).Encode(t)
}

func (g *generator) run(j job) (result, error) {
	var r result
	if err := json.NewEncoder(g.in).Encode(j); err != nil {
		return r, err
	}
	err := g.out.Decode(&r)
	if err == nil && r.Error != "" {
		err = errors.New(r.Error)
	}
	return r, err
}

func (g *generator) stop() error {
	g.in.Close()
	return g.cmd.Wait()
}

// generate is the generator's main: jobs come in, results go out.
func generate(in io.Reader, out io.Writer) error {
	jobs, results := json.NewDecoder(in), json.NewEncoder(out)
	var t target
	if err := jobs.Decode(&t); err != nil {
		return err
	}
	for {
		var j job
		if err := jobs.Decode(&j); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		r, err := j.run(t)
		if err != nil {
			r.Error = err.Error()
		}
		if err := results.Encode(r); err != nil {
			return err
		}
	}
}

// run asks over as many connections as there are to be, each of which asks
// again as soon as it has its answer.
func (j job) run(t target) (result, error) {
	op := operationNamed(j.Operation)
	if op == nil {
		return result{}, fmt.Errorf("no operation %q", j.Operation)
	}
	wires := make([]*wire, j.Concurrency)
	for i := range wires {
		var err error
		if wires[i], err = dial(t.Address); err != nil {
			return result{}, err
		}
		defer wires[i].conn.Close()
	}
	times := make([][]time.Duration, len(wires))
	errs := make([]error, len(wires))
	var wait sync.WaitGroup
	start := time.Now()
	for i, w := range wires {
		wait.Go(func() {
			random, bodies := rand.New(rand.NewPCG(j.Seed, uint64(i))), op.bodies(j.Envelope)
			for errs[i] == nil && time.Since(start) < j.Duration {
				a := t.Data.Accounts[random.IntN(len(t.Data.Accounts))]
				body := bodies.next(a, random)
				if j.Hits {
					body = bodies.repeated(a, random.IntN(repeats))
				}
				asked := time.Now()
				errs[i] = w.post(j.Path, a.Token, body, j.Hits)
				times[i] = append(times[i], time.Since(asked))
			}
		})
	}
	wait.Wait()
	all := slices.Concat(times...)
	slices.Sort(all)
	r := result{Requests: len(all), Seconds: time.Since(start).Seconds()}
	if n := len(all); n > 0 {
		r.P50, r.P99 = all[n/2], all[n*99/100]
	}
	return r, errors.Join(errs...)
}
