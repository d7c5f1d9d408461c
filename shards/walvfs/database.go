package walvfs

import (
	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"

	"gatehouse/shards/sqlitec"
)

// database is the file that a WAL is of. It lies behind that of the file system
// below, as a log does.
type database struct {
	methods, below sqlite3.Tsqlite3_io_methods
	wal            uintptr // 0 where it is not open
}

// writeLock is SQLite's WAL_WRITE_LOCK: who writes to a WAL has it.
const writeLock = 0

func databaseOf(file uintptr) *database { return sqlitec.At[database](file + uintptr(below.FszOsFile)) }

// lock drops what was collected before it gives the writers' lock back: with a
// COMMIT all was handed down, so it is of a transaction that was taken back, and
// whoever has the lock next may have written in its place.
func lock(tls *libc.TLS, file uintptr, offset, n, flags int32) int32 {
	d := databaseOf(file)
	if d.wal != 0 && offset == writeLock && flags&sqlite3.SQLITE_SHM_UNLOCK != 0 {
		logOf(d.wal).length = 0
	}
	return sqlitec.Function[func(*libc.TLS, uintptr, int32, int32, int32) int32](d.below.FxShmLock)(tls, file, offset, n, flags)
}
