package pgtest

import "syscall"

// endWithParent has a server shut down when this process ends, however it ends.
func endWithParent(a *syscall.SysProcAttr) { a.Pdeathsig = quit }
