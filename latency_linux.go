package main

import (
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// slice is for how long a thread goes on at least while another one waits; it is
// the shortest that the kernel takes (EEVDF, Linux 6.12 and later; those before
// have no use for it).
const slice = 100 * time.Microsecond

const (
	// niceness is by how much a thread that gives way is nicer than the others,
	// and longSlice its slice: any thread with a shorter one need not wait for its end.
	niceness  = 10
	longSlice = 3 * time.Millisecond
)

// shortenSlices has a thread that wakes up, because a request has come, take the
// processor from one that has computed for longer, as those of a flood and of
// the garbage collector have. Threads take after the one that starts them, so
// that all are reached in the end. Where it is refused nothing is lost but speed.
func shortenSlices() {
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return
	}
	for _, thread := range threads {
		if id, err := strconv.Atoi(thread.Name()); err == nil {
			schedule(id, func(a *unix.SchedAttr) { a.Runtime = uint64(slice) })
		}
	}
}

// giveWay returns what has the calling thread give way to all others of the
// process, nil where that can't be had.
func giveWay() func() { return lowerPriority }

// lowerPriority is for good: whoever wakes up takes the processor from the
// thread. It still gets a tenth of what they do where they leave it nothing,
// because it may hold what they wait for; beside processes that compute all the
// time, in the same session or control group, a lower priority had the garbage
// collector wait for such a thread for a second.
func lowerPriority() {
	schedule(unix.Gettid(), func(a *unix.SchedAttr) {
		a.Nice, a.Runtime = min(a.Nice+niceness, 19), uint64(longSlice)
	})
}

// schedule changes how a thread is scheduled, where it is in the usual way.
func schedule(thread int, change func(a *unix.SchedAttr)) {
	a, err := unix.SchedGetAttr(thread, 0)
	if err != nil || a.Policy != unix.SCHED_NORMAL {
		return
	}
	change(a)
	_ = unix.SchedSetAttr(thread, a, 0)
}
