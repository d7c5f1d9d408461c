package walvfs

import (
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	_ "modernc.org/sqlite" // registers the driver
)

// file opens connections to one database, with a table t of 64 rows, each of which
// has a page to itself.
type file string

func newFile(t *testing.T) (file, *sql.DB) {
	t.Helper()
	f := file(filepath.Join(t.TempDir(), "a file.db"))
	db := f.open(t, Name, "synchronous(FULL)", "wal_autocheckpoint(0)", "cache_size(-8000)")
	exec(t, db, "CREATE TABLE t (id INTEGER PRIMARY KEY, body TEXT)",
		"WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 64) INSERT INTO t SELECT i, printf('%3500d', 0) FROM n")
	return f, db
}

// open opens a database of one connection by a file system, "" for SQLite's own.
func (f file) open(t *testing.T, vfs string, pragmas ...string) *sql.DB {
	t.Helper()
	if err := Register(); err != nil {
		t.Fatal(err)
	}
	q := url.Values{"_pragma": pragmas, "_journal_mode": {"WAL"}}
	if vfs != "" {
		q.Set("vfs", vfs)
	}
	db, err := sql.Open("sqlite", "file:"+strings.ReplaceAll(string(f), " ", "%20")+"?"+q.Encode())
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func exec(t *testing.T, db *sql.DB, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if _, err := db.Exec(text); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
}

func query[T any](t *testing.T, db *sql.DB, text string) (out T) {
	t.Helper()
	if err := db.QueryRow(text).Scan(&out); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return out
}

// What a COMMIT has returned from is in the WAL for whoever looks, by another
// connection or in a copy of the files, as it would be after a crash.
func TestACommitIsInTheFile(t *testing.T) {
	f, db := newFile(t)
	other := f.open(t, "")
	for i := range 50 {
		exec(t, db, fmt.Sprintf("UPDATE t SET body = %d || body WHERE id %% 7 = %d", i, i%7))
		want := query[string](t, db, "SELECT group_concat(substr(body, 1, 20)) FROM t")
		if got := query[string](t, other, "SELECT group_concat(substr(body, 1, 20)) FROM t"); got != want {
			t.Fatalf("after %d commits another connection sees %s", i, got)
		}
		if i%10 != 0 {
			continue
		}
		copied := file(filepath.Join(t.TempDir(), "copy.db"))
		for _, end := range []string{"", "-wal"} {
			b, err := os.ReadFile(string(f) + end)
			if err == nil {
				err = os.WriteFile(string(copied)+end, b, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if got := query[string](t, copied.open(t, ""), "SELECT group_concat(substr(body, 1, 20)) FROM t"); got != want {
			t.Fatalf("after %d commits a copy has %s", i, got)
		}
	}
}

// A transaction larger than the cache writes frames before its COMMIT, reads them
// again, takes some of them back and writes others in their place.
func TestATransactionLargerThanTheCache(t *testing.T) {
	f, db := newFile(t)
	other := f.open(t, "")
	exec(t, db, "PRAGMA cache_size = 10")
	for round := range 3 {
		exec(t, db, "BEGIN", "UPDATE t SET body = 'kept' || body")
		// Backward: what was written last is not handed down yet.
		if n := query[int](t, db, "SELECT count(*) FROM (SELECT body FROM t ORDER BY id DESC) WHERE body LIKE 'kept%'"); n != 64 {
			t.Errorf("%d of 64 rows are read again", n)
		}
		exec(t, db, "SAVEPOINT s", "UPDATE t SET body = 'dropped' || body",
			"INSERT INTO t SELECT id + 1000, body FROM t", "ROLLBACK TO s", "UPDATE t SET body = 'more' || body WHERE id < 32")
		if n := query[int](t, other, "SELECT count(*) FROM t WHERE body LIKE '%kept%kept%'"); round == 0 && n != 0 {
			t.Errorf("others see %d rows before the COMMIT", n)
		}
		exec(t, db, "COMMIT")
		for _, db := range []*sql.DB{db, other} {
			if n := query[int](t, db, "SELECT count(*) FROM t WHERE body LIKE 'more%' OR body LIKE 'kept%'"); n != 64 {
				t.Errorf("%d of 64 rows are right", n)
			}
			if n := query[int](t, db, "SELECT count(*) FROM t WHERE body LIKE '%dropped%'"); n != 0 {
				t.Errorf("%d rows were not taken back", n)
			}
			if got := query[string](t, db, "PRAGMA integrity_check"); got != "ok" {
				t.Error(got)
			}
		}
		exec(t, db, "BEGIN", "UPDATE t SET body = 'never' || body", "ROLLBACK")
		exec(t, other, "PRAGMA wal_checkpoint(RESTART)")
	}
	if n := query[int](t, other, "SELECT count(*) FROM t WHERE body LIKE '%never%'"); n != 0 {
		t.Errorf("%d rows are of a transaction that was rolled back", n)
	}
}

// A statement that reads what can't be handed down, since the disk is full, fails
// alone: its transaction goes on, and what was written before is still there.
func TestAFullDiskWithinATransaction(t *testing.T) {
	d := newDisk(t)
	f, db := newFile(t)
	other := f.open(t, "")
	exec(t, db, "PRAGMA wal_checkpoint(TRUNCATE)", "PRAGMA cache_size = 10", "BEGIN", "UPDATE t SET body = 'kept' || body")
	d.full = true
	if _, err := db.Exec("INSERT INTO t SELECT id + 1000, body FROM t ORDER BY id DESC"); err == nil {
		t.Error("nothing was to be handed down")
	}
	d.full = false
	exec(t, db, "COMMIT")
	if n := query[int](t, other, "SELECT count(*) FROM t WHERE body LIKE 'kept%'"); n != 64 {
		t.Errorf("%d of 64 rows are right", n)
	}
	if got := query[string](t, other, "PRAGMA integrity_check"); got != "ok" {
		t.Error(got)
	}
}

// What a transaction that was taken back has left behind is written over nothing
// that somebody else has written since.
func TestARollbackLeavesNothingBehind(t *testing.T) {
	f, db := newFile(t)
	other := f.open(t, "")
	exec(t, db, "PRAGMA wal_checkpoint(TRUNCATE)", "PRAGMA cache_size = 10", "BEGIN", "UPDATE t SET body = 'never' || body", "ROLLBACK")
	exec(t, other, "UPDATE t SET body = 'kept' || body")
	for _, db := range []*sql.DB{db, f.open(t, "")} {
		if n := query[int](t, db, "SELECT count(*) FROM t WHERE body LIKE 'kept%'"); n != 64 {
			t.Errorf("%d of 64 rows are right", n)
		}
		if got := query[string](t, db, "PRAGMA integrity_check"); got != "ok" {
			t.Error(got)
		}
	}
}
