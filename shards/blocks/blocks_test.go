package blocks

import (
	"bytes"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"unsafe"

	"modernc.org/libc"
	_ "modernc.org/sqlite" // registers the driver
	sqlite3 "modernc.org/sqlite/lib"

	"gatehouse/shards/sqlitec"
)

func keeping(t *testing.T) *libc.TLS {
	t.Helper()
	if err := Keep(); err != nil {
		t.Fatal(err)
	}
	if page == 0 {
		t.Fatal("SQLite was in use before")
	}
	tls := libc.NewTLS()
	t.Cleanup(tls.Close)
	return tls
}

// What was given back last is what the next one gets who asks for as much, or for a
// little less.
func TestBlocksAreKept(t *testing.T) {
	tls := keeping(t)
	for name, size := range map[string][2]int32{
		"a page": {page, page}, "the smallest": {1, 8}, "small ones": {900, 1016}, "the largest small one": {2040, 1100},
	} {
		p := sqlite3.Xsqlite3_malloc(tls, size[0])
		sqlite3.Xsqlite3_free(tls, p)
		again := sqlite3.Xsqlite3_malloc(tls, size[1])
		if p == 0 || again != p {
			t.Errorf("%s: %x was given back, and %x given", name, p, again)
		}
		sqlite3.Xsqlite3_free(tls, again)
	}
}

func TestFewBlocksAreKept(t *testing.T) {
	tls := keeping(t)
	for _, test := range []struct {
		size int32
		kept *kept
		most int
	}{{page, &pages, maxPages}, {1000, &small[10], maxSmall}} {
		all := make([]uintptr, 2*test.most)
		for i := range all {
			all[i] = sqlite3.Xsqlite3_malloc(tls, test.size)
		}
		for _, p := range all {
			sqlite3.Xsqlite3_free(tls, p)
		}
		if test.kept.n != test.most {
			t.Errorf("of %d blocks of %d bytes %d are kept", len(all), test.size, test.kept.n)
		}
	}
}

// The pages of a database are among what is kept.
func TestPagesAreKept(t *testing.T) {
	keeping(t)
	db := open(t)
	if _, err := db.Exec("CREATE TABLE t AS WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50) SELECT printf('%7000d', i) body FROM n"); err != nil {
		t.Fatal(err)
	}
	for pages.take() != 0 { // those of other tests
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if n := Pages(); n < 50 {
		t.Errorf("%d pages are kept of more than 50", n)
	}
}

// Where SQLite is in use already nothing changes.
func TestSQLiteMayBeInUse(t *testing.T) {
	const child = "GATEHOUSE_TEST_IN_USE"
	if os.Getenv(child) == "" {
		cmd := exec.Command(os.Args[0], "-test.run", "^"+t.Name()+"$", "-test.v")
		cmd.Env = append(os.Environ(), child+"=1")
		if out, err := cmd.CombinedOutput(); err != nil || !bytes.Contains(out, []byte("--- PASS: "+t.Name())) {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	db := open(t)
	if err := db.Ping(); err != nil {
		t.Fatal(err)
	}
	if err := Keep(); err != nil {
		t.Error(err)
	}
	if _, err := db.Exec("CREATE TABLE t (id INTEGER PRIMARY KEY)"); err != nil {
		t.Error(err)
	}
	if err := db.Close(); err != nil || Pages() > 0 {
		t.Errorf("%d pages are kept, %v", Pages(), err)
	}
}

func open(t *testing.T) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(t.TempDir(), "a.db")+fmt.Sprintf("?_pragma=page_size(%d)", PageSize))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	db.SetMaxOpenConns(1)
	return db
}

// Whoever has a block has it alone, and all of it, whatever it was before.
func TestBlocksAreNotShared(t *testing.T) {
	keeping(t)
	var wait sync.WaitGroup
	for who := range byte(4) {
		wait.Go(func() {
			tls := libc.NewTLS()
			defer tls.Close()
			rnd := rand.New(rand.NewPCG(uint64(who), 1))
			mine := map[uintptr][]byte{}
			mark := func(p uintptr, n int32) {
				if p == 0 || sqlite3.Xsqlite3_msize(tls, p) < sqlite3.Tsqlite3_uint64(n) {
					t.Errorf("%d bytes of %d", sqlite3.Xsqlite3_msize(tls, p), n)
					return
				}
				mine[p] = unsafe.Slice(sqlitec.At[byte](p), n)
				for i := range mine[p] {
					mine[p][i] = who
				}
			}
			for range 20_000 {
				n := 1 + rnd.Int32N(2*largest)
				if rnd.IntN(4) == 0 {
					n = page + rnd.Int32N(3)*8
				}
				for p, has := range mine { // any one
					if len(mine) < 50 {
						break
					}
					if bytes.Count(has, []byte{who}) != len(has) {
						t.Errorf("somebody else has written to a block of %d bytes", len(has))
					}
					delete(mine, p)
					if rnd.IntN(4) == 0 {
						q := sqlite3.Xsqlite3_realloc(tls, p, n)
						if kept := unsafe.Slice(sqlitec.At[byte](q), min(int(n), len(has))); bytes.Count(kept, []byte{who}) != len(kept) {
							t.Errorf("%d bytes are not what they were", len(kept))
						}
						p = q
					}
					sqlite3.Xsqlite3_free(tls, p)
					break
				}
				mark(sqlite3.Xsqlite3_malloc(tls, n), n)
			}
			for p := range mine {
				sqlite3.Xsqlite3_free(tls, p)
			}
		})
	}
	wait.Wait()
}
