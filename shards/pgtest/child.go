package pgtest

import (
	"os/exec"
	"runtime"
)

// begin starts a server that shuts down when this process ends, however it ends;
// ended is closed when the server has. Linux tells the server when the thread
// that started it ends, and Go ends threads that a goroutine had locked and left
// so: hence a thread of its own.
func begin(cmd *exec.Cmd) (ended <-chan struct{}, err error) {
	endWithParent(cmd.SysProcAttr)
	started, over := make(chan error, 1), make(chan struct{})
	go func() {
		defer close(over)
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // how it ended is in its log
		}
	}()
	return over, <-started
}
