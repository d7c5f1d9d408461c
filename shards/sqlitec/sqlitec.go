// Package sqlitec is how Go code and SQLite call each other: the driver has
// SQLite translated from C to Go, with C's memory and C's pointers to functions.
package sqlitec

import "unsafe"

// At is what lies at an address of SQLite's memory, which Go's collector knows
// nothing of.
func At[T any](p uintptr) *T { return *(**T)(unsafe.Pointer(&p)) }

// Address is a function's address for SQLite: that of a Go function's value, as the
// driver has it. Those of package level don't move.
func Address[F any](f F) uintptr { return *(*uintptr)(unsafe.Pointer(&f)) }

// Function is the function at an address that SQLite has.
func Function[F any](p uintptr) F { return *(*F)(unsafe.Pointer(&p)) }
