// Package blocks keeps the memory that SQLite gives back for whoever asks next. The
// driver's own allocator has one lock for the process. It takes a piece of 16 KiB
// for a page and its header, and gives what is free beyond a few MiB back to the
// system, though caches come and go all the time: a commit makes all readers' worthless.
package blocks

import (
	"errors"
	"fmt"
	"math/bits"
	"sync"
	"unsafe"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"

	"gatehouse/shards/sqlitec"
)

// PageSize is that of the pages that are kept.
const PageSize = 8192

const (
	// header is what SQLite's allocator has before each block: the block's size.
	header = 8
	// largest is the size of the largest small block, with its header.
	largest = 2048
	// maxPages and maxSmall bound what is kept: up to six MiB of pages, twelve KiB each
	// as the driver has them, and a quarter of a MiB of the largest others. Where they
	// lie apart each of them keeps the driver's 64 KiB around it.
	maxPages = 512
	maxSmall = 128
)

// Keep has SQLite keep blocks from now on. It does nothing where SQLite is in use
// already, and may be called more than once. Like SQLite's settings it is the process's.
var Keep = sync.OnceValue(keep)

// below is SQLite's allocator. A block of it is one of ours, and the other way round.
var below sqlite3.Tsqlite3_mem_methods

var (
	pages kept
	// small are of 2^i bytes, with their header.
	small [12]kept
	// page is how many bytes SQLite asks for, for a page and its header.
	page int32
)

func keep() error {
	tls := libc.NewTLS()
	defer tls.Close()
	// SQLite copies the methods; the rest is given back.
	methods := libc.Xcalloc(tls, 1, libc.Tsize_t(unsafe.Sizeof(below)))
	defer libc.Xfree(tls, methods)
	more := libc.Xcalloc(tls, 1, 8)
	defer libc.Xfree(tls, more)
	if methods == 0 || more == 0 {
		return errors.New("no memory for SQLite's allocator")
	}
	rc := configure(tls, sqlite3.SQLITE_CONFIG_GETMALLOC, methods)
	if rc == sqlite3.SQLITE_OK {
		rc = configure(tls, sqlite3.SQLITE_CONFIG_PCACHE_HDRSZ, more)
	}
	if rc == sqlite3.SQLITE_OK {
		own := sqlitec.At[sqlite3.Tsqlite3_mem_methods](methods)
		below, page = *own, PageSize+*sqlitec.At[int32](more)
		own.FxMalloc, own.FxFree = sqlitec.Address(malloc), sqlitec.Address(free)
		rc = configure(tls, sqlite3.SQLITE_CONFIG_MALLOC, methods)
	}
	if rc != sqlite3.SQLITE_OK && rc != sqlite3.SQLITE_MISUSE { // that it is in use
		return fmt.Errorf("SQLite refuses an allocator: %d", rc)
	}
	return nil
}

func configure(tls *libc.TLS, option int32, argument uintptr) int32 {
	list := libc.NewVaList(argument)
	defer libc.Xfree(tls, list)
	return sqlite3.Xsqlite3_config(tls, option, list)
}

// malloc makes a small block as large as the piece of memory that the driver takes
// for it, so that those of one piece's size are alike.
func malloc(tls *libc.TLS, n int32) uintptr {
	switch {
	case n == page:
		if p := pages.take(); p != 0 {
			return p
		}
	case n <= largest-header:
		i := bits.Len32(uint32(n + header - 1))
		if p := small[i].take(); p != 0 {
			return p
		}
		n = 1<<i - header
	}
	return sqlitec.Function[func(*libc.TLS, int32) uintptr](below.FxMalloc)(tls, n)
}

func free(tls *libc.TLS, p uintptr) {
	n := sqlitec.Function[func(*libc.TLS, uintptr) int32](below.FxSize)(tls, p)
	switch whole := uint32(n + header); {
	case n == page:
		if pages.put(p, maxPages) {
			return
		}
	case whole <= largest && whole&(whole-1) == 0:
		if small[bits.Len32(whole-1)].put(p, maxSmall) {
			return
		}
	}
	sqlitec.Function[func(*libc.TLS, uintptr)](below.FxFree)(tls, p)
}

// Pages is how many pages are kept just now.
func Pages() int {
	pages.mu.Lock()
	defer pages.mu.Unlock()
	return pages.n
}

// kept are blocks of one size, each with the address of the next one. The last that
// came is the first that goes: it is in the processor's cache.
type kept struct {
	mu    sync.Mutex
	first uintptr
	n     int
}

func (k *kept) take() uintptr {
	k.mu.Lock()
	defer k.mu.Unlock()
	p := k.first
	if p != 0 {
		k.first = *sqlitec.At[uintptr](p)
		k.n--
	}
	return p
}

// put reports whether it keeps the block, which it does while it has fewer than most.
func (k *kept) put(p uintptr, most int) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.n >= most {
		return false
	}
	*sqlitec.At[uintptr](p) = k.first
	k.first = p
	k.n++
	return true
}
