package main

import (
	"os"
	"runtime"
)

// minThreads is on how many threads goroutines run at least. Go looks at the
// network where one of them has nothing else to do; with two, the garbage
// collector's sweep and one request that computes are enough to keep a third
// from being noticed for up to 10 ms, and with more the kernel decides.
const minThreads = 4

// favourLatency has requests noticed at once however busy the process is. It
// returns how many processors it may use. GOMAXPROCS counts more.
func favourLatency() (processors int) {
	processors = runtime.GOMAXPROCS(0)
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(max(processors, minThreads))
	}
	shortenSlices()
	return processors
}
