package tenancy

import (
	"runtime"
	"sync/atomic"
)

// maxBackground bounds the threads of a background, some 30 KB each. Those that are
// there at once compute, wait for a disk or a network on behalf of an operation,
// send its answer, or are idle. All of an account's operations have one: with fewer
// a flood of writes, which wait for each other, would leave the background.
const maxBackground = DefaultConcurrency

// background runs what has to give way on threads of its own, which never do
// anything else: a thread that has lowered its priority may not raise it again.
// They stay as long as the process. Safe for concurrent use.
type background struct {
	// giveWay has the calling thread give way to all others of the process.
	giveWay func()
	jobs    chan *job
	threads atomic.Int32
}

type job struct {
	f    func()
	done chan struct{}
	// panicked is what f panicked with, once done is closed.
	panicked any
}

func newBackground(giveWay func()) *background {
	return &background{giveWay: giveWay, jobs: make(chan *job)}
}

// run returns when f has; a panic of f is the caller's. Where all threads have
// something to do f runs right here.
func (b *background) run(f func()) {
	j := &job{f: f, done: make(chan struct{})}
	select {
	case b.jobs <- j:
	default:
		if b.threads.Add(1) > maxBackground {
			b.threads.Add(-1)
			f()
			return
		}
		go b.serve(j)
	}
	if <-j.done; j.panicked != nil {
		panic(j.panicked)
	}
}

// serve runs a job and then those that come, on a thread of its own. The thread
// ends with it, which is only where a job ends its goroutine.
func (b *background) serve(j *job) {
	defer b.threads.Add(-1)
	runtime.LockOSThread()
	b.giveWay()
	for {
		j.run()
		j = <-b.jobs
	}
}

func (j *job) run() {
	defer close(j.done)
	defer func() { j.panicked = recover() }()
	j.f()
}
