package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"strconv"
	"strings"
	"syscall"
	"time"

	"gatehouse/transport"
)

// task is an order to a process that serves a contestant.
type task string

const (
	where task = "where" // to find it
	fresh task = "fresh" // give unused memory back, and know what the cache is asked for
	begin task = "begin" // of a measure
	end   task = "end"   // of it
	count task = "count" // allocations

	watch   task = "watch"   // where processor time goes
	watched task = "watched" // so far
)

type order struct {
	Task      task
	Operation string
}

// reading answers an order.
type reading struct {
	Address   string
	CPU       time.Duration // used so far
	Peak      int64         // the most memory that was resident since the measure began, in bytes; 0 where unknown
	Footprint footprint
	Profile   []byte // in the format of pprof
}

// serve is the main of a process that serves one contestant, so that what it
// uses is its own.
func serve(in io.Reader, out io.Writer) error {
	settle()
	return obey(in, out, func(s *site) (func(order) (reading, error), func() error, error) {
		p, err := s.open(context.Background(), nil)
		if err != nil {
			return nil, nil, err
		}
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, nil, err
		}
		var profile bytes.Buffer
		server := &http.Server{ // as serve has it
			Handler: p.handler, ReadTimeout: transport.DefaultTimeout, WriteTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute,
			ConnContext: transport.Connected,
		}
		go server.Serve(transport.NewListener(listener)) // until Close
		answer := func(o order) (r reading, err error) {
			op := operationNamed(o.Operation)
			switch o.Task {
			case where:
				r.Address = listener.Addr().String()
			case fresh:
				debug.FreeOSMemory()
				err = p.remember(op)
			case begin:
				runtime.GC() // nobody pays for what was before
				forgetPeak()
				r.CPU = processorTime()
			case end:
				r.CPU, r.Peak = processorTime(), peak()
			case count:
				r.Footprint, err = p.count(op)
			case watch:
				err = pprof.StartCPUProfile(&profile)
			case watched:
				pprof.StopCPUProfile()
				r.Profile = profile.Bytes()
			default:
				err = fmt.Errorf("no task %q", o.Task)
			}
			return r, err
		}
		return answer, func() error {
			err := server.Close()
			if err2 := p.close(); err == nil {
				err = err2
			}
			return err
		}, nil
	})
}

// processorTime is what this process has used so far.
func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// forgetPeak makes peak begin anew, where the system is Linux.
func forgetPeak() { _ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) }

// peak returns the most memory that was resident, in bytes; 0 where the system
// does not tell.
func peak() int64 {
	status, _ := os.ReadFile("/proc/self/status")
	_, text, _ := strings.Cut(string(status), "VmHWM:")
	text, _, _ = strings.Cut(text, "kB")
	n, _ := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	return n << 10
}
