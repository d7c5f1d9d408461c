//go:build !linux

package pgtest

import "syscall"

// endWithParent does nothing: a test that is killed leaves its servers behind.
func endWithParent(*syscall.SysProcAttr) {}
