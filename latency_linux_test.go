package main

import (
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"testing"

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
