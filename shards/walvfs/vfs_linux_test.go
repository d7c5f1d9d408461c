package walvfs

import (
	"fmt"
	"os"
	"os/signal"
	"testing"

	"golang.org/x/sys/unix"
)

// A COMMIT of 64 pages takes a few writes, and one at a time takes 128.
func TestFramesAreWrittenTogether(t *testing.T) {
	f, db := newFile(t)
	writes := func() (n int) {
		t.Helper()
		b, err := os.ReadFile("/proc/self/io")
		if err != nil {
			t.Fatal(err)
		}
		var rchar, wchar, syscr int
		if _, err := fmt.Sscanf(string(b), "rchar: %d\nwchar: %d\nsyscr: %d\nsyscw: %d", &rchar, &wchar, &syscr, &n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	before := writes()
	exec(t, db, "UPDATE t SET body = 'x' || body")
	together := writes() - before
	plain := f.open(t, "", "synchronous(FULL)", "wal_autocheckpoint(0)")
	exec(t, plain, "SELECT 1 FROM t")
	before = writes()
	exec(t, plain, "UPDATE t SET body = 'y' || body")
	if each := writes() - before; together > 16 || each < 128 {
		t.Errorf("%d writes, and %d without", together, each)
	}
}

// Where the disk takes no more, the COMMIT fails and nothing of it is there; once
// it does, writes go on.
func TestAFullDisk(t *testing.T) {
	f, db := newFile(t)
	other := f.open(t, "")
	info, err := os.Stat(string(f) + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	signal.Ignore(unix.SIGXFSZ)
	defer signal.Reset(unix.SIGXFSZ)
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	full := unix.Rlimit{Cur: uint64(info.Size()) + 100_000, Max: limit.Max}
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &full); err != nil {
		t.Fatal(err)
	}
	_, err = db.Exec("UPDATE t SET body = 'lost' || body")
	if rerr := unix.Setrlimit(unix.RLIMIT_FSIZE, &limit); rerr != nil {
		t.Fatal(rerr)
	}
	if err == nil {
		t.Error("a write beyond what the disk takes is reported as done")
	}
	exec(t, db, "UPDATE t SET body = 'kept' || body WHERE id < 10")
	for name, n := range map[string]int{"lost": 0, "kept": 9} {
		if got := query[int](t, other, "SELECT count(*) FROM t WHERE body LIKE '"+name+"%'"); got != n {
			t.Errorf("%d rows are %s", got, name)
		}
	}
	if got := query[string](t, other, "PRAGMA integrity_check"); got != "ok" {
		t.Error(got)
	}
}
