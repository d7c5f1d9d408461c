// Package walvfs is a layer over SQLite's own file system that writes a WAL in
// large pieces. SQLite hands over each frame as two writes, and each of them is
// a system call; the layer collects them until SQLite asks for a sync, which with
// synchronous=FULL it does before it shows the frames to anybody.
package walvfs

import (
	"errors"
	"fmt"
	"sync"
	"unsafe"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"
)

// Name is what a connection asks for the layer by: vfs=Name.
const Name = "gatehouse-wal"

// Register makes the layer known to SQLite, whose list is the process's. It may
// be called more than once.
var Register = sync.OnceValue(register)

// below is the file system that the layer is on.
var below sqlite3.Tsqlite3_vfs

func register() error {
	tls := libc.NewTLS()
	defer tls.Close()
	parent := sqlite3.Xsqlite3_vfs_find(tls, 0)
	// SQLite keeps a pointer to it for as long as the process lives.
	own := libc.Xmalloc(tls, libc.Tsize_t(unsafe.Sizeof(sqlite3.Tsqlite3_vfs{})))
	name, err := libc.CString(Name)
	if parent == 0 || own == 0 || err != nil {
		return errors.New("SQLite has no file system to build on")
	}
	below = *at[sqlite3.Tsqlite3_vfs](parent)
	v := at[sqlite3.Tsqlite3_vfs](own)
	*v = below
	v.FpNext, v.FzName = 0, name
	v.FszOsFile += int32(max(unsafe.Sizeof(log{}), unsafe.Sizeof(database{})))
	v.FxOpen = address(open)
	if rc := sqlite3.Xsqlite3_vfs_register(tls, own, 0); rc != sqlite3.SQLITE_OK {
		return fmt.Errorf("SQLite refuses a file system: %d", rc)
	}
	return nil
}

// open opens a file. Over a WAL it puts a log, and over its database what tells
// the log when a transaction ends.
func open(tls *libc.TLS, v, name, file uintptr, flags int32, out uintptr) int32 {
	rc := function[func(*libc.TLS, uintptr, uintptr, uintptr, int32, uintptr) int32](below.FxOpen)(tls, v, name, file, flags, out)
	if rc != sqlite3.SQLITE_OK {
		return rc
	}
	f := at[sqlite3.Tsqlite3_file](file)
	switch {
	case flags&sqlite3.SQLITE_OPEN_MAIN_DB != 0:
		d := databaseOf(file)
		*d = database{below: *at[sqlite3.Tsqlite3_io_methods](f.FpMethods)}
		d.methods = d.below
		d.methods.FxShmLock = address(lock)
		f.FpMethods = uintptr(unsafe.Pointer(&d.methods))
	case flags&sqlite3.SQLITE_OPEN_WAL != 0:
		l := logOf(file)
		*l = log{below: *at[sqlite3.Tsqlite3_io_methods](f.FpMethods), database: sqlite3.Xsqlite3_database_file_object(tls, name)}
		databaseOf(l.database).wal = file
		l.methods = l.below
		l.methods.FxClose = address(closeLog)
		l.methods.FxRead = address(read)
		l.methods.FxWrite = address(write)
		l.methods.FxTruncate = address(truncate)
		l.methods.FxSync = address(syncLog)
		l.methods.FxFileSize = address(size)
		f.FpMethods = uintptr(unsafe.Pointer(&l.methods))
	}
	return rc
}

// at is what lies at an address of SQLite's memory, which Go's collector knows
// nothing of.
func at[T any](p uintptr) *T { return *(**T)(unsafe.Pointer(&p)) }

// A function's address is that of a Go function's value, as the driver has it.
// Those of package level don't move.
func address[F any](f F) uintptr { return *(*uintptr)(unsafe.Pointer(&f)) }

func function[F any](p uintptr) F { return *(*F)(unsafe.Pointer(&p)) }
