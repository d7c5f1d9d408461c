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

	"gatehouse/shards/sqlitec"
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
	below = *sqlitec.At[sqlite3.Tsqlite3_vfs](parent)
	v := sqlitec.At[sqlite3.Tsqlite3_vfs](own)
	*v = below
	v.FpNext, v.FzName = 0, name
	v.FszOsFile += int32(max(unsafe.Sizeof(log{}), unsafe.Sizeof(database{})))
	v.FxOpen = sqlitec.Address(open)
	if rc := sqlite3.Xsqlite3_vfs_register(tls, own, 0); rc != sqlite3.SQLITE_OK {
		return fmt.Errorf("SQLite refuses a file system: %d", rc)
	}
	return nil
}

// open opens a file. Over a WAL it puts a log, and over its database what tells
// the log when a transaction ends.
func open(tls *libc.TLS, v, name, file uintptr, flags int32, out uintptr) int32 {
	rc := sqlitec.Function[func(*libc.TLS, uintptr, uintptr, uintptr, int32, uintptr) int32](below.FxOpen)(tls, v, name, file, flags, out)
	if rc != sqlite3.SQLITE_OK {
		return rc
	}
	f := sqlitec.At[sqlite3.Tsqlite3_file](file)
	switch {
	case flags&sqlite3.SQLITE_OPEN_MAIN_DB != 0:
		d := databaseOf(file)
		*d = database{below: *sqlitec.At[sqlite3.Tsqlite3_io_methods](f.FpMethods)}
		d.methods = d.below
		d.methods.FxShmLock = sqlitec.Address(lock)
		f.FpMethods = uintptr(unsafe.Pointer(&d.methods))
	case flags&sqlite3.SQLITE_OPEN_WAL != 0:
		l := logOf(file)
		*l = log{below: *sqlitec.At[sqlite3.Tsqlite3_io_methods](f.FpMethods), database: sqlite3.Xsqlite3_database_file_object(tls, name)}
		databaseOf(l.database).wal = file
		l.methods = l.below
		l.methods.FxClose = sqlitec.Address(closeLog)
		l.methods.FxRead = sqlitec.Address(read)
		l.methods.FxWrite = sqlitec.Address(write)
		l.methods.FxTruncate = sqlitec.Address(truncate)
		l.methods.FxSync = sqlitec.Address(syncLog)
		l.methods.FxFileSize = sqlitec.Address(size)
		f.FpMethods = uintptr(unsafe.Pointer(&l.methods))
	}
	return rc
}
