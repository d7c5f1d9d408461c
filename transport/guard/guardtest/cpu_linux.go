package guardtest

import (
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// MostCPU is what may be spent on a request of 256 KiB before it is admitted.
const MostCPU = slower * 25 * time.Millisecond

// CPU returns what f takes of one processor, whoever else wants it: the best of
// three runs where the first takes more than MostCPU, because a collection of
// garbage that falls into it is not f's.
func CPU(t testing.TB, f func()) time.Duration {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	now := func() time.Duration {
		var at unix.Timespec
		if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &at); err != nil {
			t.Fatal(err)
		}
		return time.Duration(at.Nano())
	}
	least := time.Hour
	for range 3 {
		start := now()
		f()
		if least = min(least, now()-start); least < MostCPU {
			break
		}
	}
	return least
}
