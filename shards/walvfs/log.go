package walvfs

import (
	"unsafe"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"

	"gatehouse/shards/sqlitec"
)

// log is a WAL that one connection has open. It lies behind the file of the file
// system below, in the memory that SQLite has made for both, and is used by one
// goroutine at a time.
type log struct {
	// methods are what SQLite calls, below those of the file itself.
	methods, below sqlite3.Tsqlite3_io_methods
	database       uintptr // the file that it is of
	// buffer has what was written from an offset on and is not yet handed down; it
	// is of SQLite's memory, and 0 before the first write.
	buffer uintptr
	offset int64
	length int32
}

// bufferSize is the most that SQLite's own file systems write at once.
const bufferSize = 1<<17 - 1

func logOf(file uintptr) *log { return sqlitec.At[log](file + uintptr(below.FszOsFile)) }

// flush hands down what was collected. Where that fails it is kept: for SQLite it
// is written, and the transaction may go on.
func (l *log) flush(tls *libc.TLS, file uintptr) int32 {
	if l.length == 0 {
		return sqlite3.SQLITE_OK
	}
	rc := l.writeBelow(tls, file, l.buffer, l.length, l.offset)
	if rc == sqlite3.SQLITE_OK {
		l.length = 0
	}
	return rc
}

func (l *log) writeBelow(tls *libc.TLS, file, from uintptr, n int32, offset int64) int32 {
	return sqlitec.Function[func(*libc.TLS, uintptr, uintptr, int32, int64) int32](l.below.FxWrite)(tls, file, from, n, offset)
}

// write collects what continues what was collected before.
func write(tls *libc.TLS, file, from uintptr, n int32, offset int64) int32 {
	l := logOf(file)
	if l.length > 0 && offset != l.offset+int64(l.length) || n > bufferSize-l.length {
		if rc := l.flush(tls, file); rc != sqlite3.SQLITE_OK {
			return rc
		}
	}
	if l.buffer == 0 {
		l.buffer = libc.Xmalloc(tls, bufferSize)
	}
	if l.buffer == 0 || n > bufferSize {
		return l.writeBelow(tls, file, from, n, offset)
	}
	if l.length == 0 {
		l.offset = offset
	}
	copy(unsafe.Slice(sqlitec.At[byte](l.buffer+uintptr(l.length)), n), unsafe.Slice(sqlitec.At[byte](from), n))
	l.length += n
	return sqlite3.SQLITE_OK
}

func syncLog(tls *libc.TLS, file uintptr, flags int32) int32 {
	l := logOf(file)
	if rc := l.flush(tls, file); rc != sqlite3.SQLITE_OK {
		return rc
	}
	return sqlitec.Function[func(*libc.TLS, uintptr, int32) int32](l.below.FxSync)(tls, file, flags)
}

func read(tls *libc.TLS, file, into uintptr, n int32, offset int64) int32 {
	l := logOf(file)
	if rc := l.flush(tls, file); rc != sqlite3.SQLITE_OK {
		return rc
	}
	return sqlitec.Function[func(*libc.TLS, uintptr, uintptr, int32, int64) int32](l.below.FxRead)(tls, file, into, n, offset)
}

func truncate(tls *libc.TLS, file uintptr, length int64) int32 {
	l := logOf(file)
	if rc := l.flush(tls, file); rc != sqlite3.SQLITE_OK {
		return rc
	}
	return sqlitec.Function[func(*libc.TLS, uintptr, int64) int32](l.below.FxTruncate)(tls, file, length)
}

func size(tls *libc.TLS, file, into uintptr) int32 {
	l := logOf(file)
	if rc := l.flush(tls, file); rc != sqlite3.SQLITE_OK {
		return rc
	}
	return sqlitec.Function[func(*libc.TLS, uintptr, uintptr) int32](l.below.FxFileSize)(tls, file, into)
}

// closeLog has nothing to hand down: no transaction is open any more.
func closeLog(tls *libc.TLS, file uintptr) int32 {
	l := logOf(file)
	databaseOf(l.database).wal = 0
	libc.Xfree(tls, l.buffer)
	return sqlitec.Function[func(*libc.TLS, uintptr) int32](l.below.FxClose)(tls, file)
}
