package walvfs

import (
	"bytes"
	"testing"
	"unsafe"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"

	"gatehouse/shards/sqlitec"
)

// disk is what the layer writes to while a test has it: above SQLite's own file
// system, and of all files that are opened meanwhile. Tests that have one are not
// parallel.
type disk struct {
	// full has every write to a WAL fail.
	full bool
	// deeds are what was done to the files, if they are to be kept.
	keep  bool
	deeds []deed

	kept []any // functions that SQLite has the addresses of
}

// deed is a write, a sync or a truncation of the database file or of its WAL.
type deed struct {
	wal    bool
	kind   byte // 'w', 's' or 't'
	data   []byte
	offset int64 // or the length that is left
}

func newDisk(t *testing.T) *disk {
	t.Helper()
	if err := Register(); err != nil {
		t.Fatal(err)
	}
	d, open := &disk{}, below.FxOpen
	below.FxOpen = addressOf(d, func(tls *libc.TLS, v, name, file uintptr, flags int32, out uintptr) int32 {
		rc := sqlitec.Function[func(*libc.TLS, uintptr, uintptr, uintptr, int32, uintptr) int32](open)(tls, v, name, file, flags, out)
		if wal := flags&sqlite3.SQLITE_OPEN_WAL != 0; rc == sqlite3.SQLITE_OK && (wal || flags&sqlite3.SQLITE_OPEN_MAIN_DB != 0) {
			d.watch(tls, sqlitec.At[sqlite3.Tsqlite3_file](file), wal)
		}
		return rc
	})
	t.Cleanup(func() { below.FxOpen = open })
	return d
}

// addressOf is address for a function that has variables, which must not be collected.
func addressOf[F any](d *disk, f F) uintptr {
	d.kept = append(d.kept, f)
	return sqlitec.Address(f)
}

func (d *disk) watch(tls *libc.TLS, f *sqlite3.Tsqlite3_file, wal bool) {
	own := *sqlitec.At[sqlite3.Tsqlite3_io_methods](f.FpMethods)
	f.FpMethods = libc.Xmalloc(tls, libc.Tsize_t(unsafe.Sizeof(own))) // for good
	methods := sqlitec.At[sqlite3.Tsqlite3_io_methods](f.FpMethods)
	*methods = own
	methods.FxWrite = addressOf(d, func(tls *libc.TLS, file, from uintptr, n int32, offset int64) int32 {
		if d.full && wal {
			return sqlite3.SQLITE_FULL
		}
		d.did(deed{wal, 'w', unsafe.Slice(sqlitec.At[byte](from), n), offset})
		return sqlitec.Function[func(*libc.TLS, uintptr, uintptr, int32, int64) int32](own.FxWrite)(tls, file, from, n, offset)
	})
	methods.FxSync = addressOf(d, func(tls *libc.TLS, file uintptr, flags int32) int32 {
		d.did(deed{wal: wal, kind: 's'})
		return sqlitec.Function[func(*libc.TLS, uintptr, int32) int32](own.FxSync)(tls, file, flags)
	})
	methods.FxTruncate = addressOf(d, func(tls *libc.TLS, file uintptr, length int64) int32 {
		d.did(deed{wal: wal, kind: 't', offset: length})
		return sqlitec.Function[func(*libc.TLS, uintptr, int64) int32](own.FxTruncate)(tls, file, length)
	})
}

func (d *disk) did(what deed) {
	if d.keep {
		what.data = bytes.Clone(what.data)
		d.deeds = append(d.deeds, what)
	}
}
