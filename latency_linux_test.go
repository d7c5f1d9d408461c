package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestRequestsAreNoticedAtOnce looks at a process of its own, because what
// favourLatency does can't be taken back.
func TestRequestsAreNoticedAtOnce(t *testing.T) {
	if os.Getenv(latencyProbe) == "" {
		t.Parallel()
		self, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(self, "-test.run", "^"+t.Name()+"$")
		cmd.Env = append(os.Environ(), latencyProbe+"=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
		return
	}
	before := runtime.GOMAXPROCS(0)
	if got := favourLatency(); got != before {
		t.Errorf("it says that there are %d processors, not %d", got, before)
	}
	if got := runtime.GOMAXPROCS(0); got < minThreads && os.Getenv("GOMAXPROCS") == "" {
		t.Errorf("%d threads", got)
	}
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	for _, thread := range threads {
		id, err := strconv.Atoi(thread.Name())
		if err != nil {
			t.Fatal(err)
		}
		a, err := unix.SchedGetAttr(id, 0)
		if err != nil {
			continue // it has ended
		}
		// A kernel that knows of no slices says 0.
		if a.Policy == unix.SCHED_NORMAL && a.Runtime != 0 && a.Runtime != uint64(slice) {
			t.Errorf("thread %d has slices of %d ns", id, a.Runtime)
		}
	}
}

// TestAFloodGivesWay: what an account computes beyond its portion, while another
// one is active, runs on threads with less priority, and nothing else does.
func TestAFloodGivesWay(t *testing.T) {
	t.Parallel()
	data := newFolder(t)
	key := func(account string) string {
		return strings.TrimSpace(ok(t, "keys", "create", account, "--name", "k", "--scope", "*:read", "--scope", "*:write", "--data", data))
	}
	noisy, quiet := key("acme"), key("globex")
	s := start(t, []string{"GOMAXPROCS=2"}, "serve", "--config", configFor(t, data, "limits: {points: 100000000, burst: 100000000}\ncache: 0\n"))
	s.populate(t, noisy)
	if n := s.nicer(t); n != 0 {
		t.Errorf("%d threads give way without a flood", n)
	}
	ctx, stop := context.WithCancel(t.Context())
	var flood sync.WaitGroup
	defer flood.Wait()
	defer stop()
	for range 4 {
		flood.Go(func() {
			for ctx.Err() == nil {
				_, _, _ = post(ctx, http.DefaultClient, s.url, noisy, fmt.Sprintf(floods["dear queries"], 0))
			}
		})
	}
	for deadline := time.Now().Add(time.Minute); s.nicer(t) == 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the flood never gives way")
		}
		s.post(t, quiet, `{ viewer { account { name } } }`)
	}
}

// nicer returns how many threads of the server give way to the others.
func (s *server) nicer(t *testing.T) (n int) {
	t.Helper()
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", s.cmd.Process.Pid))
	if err != nil || len(threads) == 0 {
		t.Fatal("the server has no threads")
	}
	for _, thread := range threads {
		id, err := strconv.Atoi(filepath.Base(thread))
		if err != nil {
			t.Fatal(err)
		}
		if a, err := unix.SchedGetAttr(id, 0); err == nil && a.Nice >= niceness {
			n++
		}
	}
	return n
}
