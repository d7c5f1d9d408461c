package walvfs

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

const rows = "SELECT group_concat(id || substr(body, 1, 9)) FROM (SELECT * FROM t WHERE id <= 16 ORDER BY id)"

// TestACrashAnywhere: wherever a process is killed, between two writes, within one,
// or with the machine, which may lose any part of what was not synced, each
// transaction is there as a whole or not at all, and each one that was
// acknowledged is.
func TestACrashAnywhere(t *testing.T) {
	d := newDisk(t)
	f, db := newFile(t)
	exec(t, db, "DELETE FROM t WHERE id > 16", "PRAGMA wal_checkpoint(TRUNCATE)", "PRAGMA cache_size = 10")
	before, err := os.ReadFile(string(f))
	if err != nil {
		t.Fatal(err)
	}
	d.keep = true
	states, ends := []string{query[string](t, db, rows)}, []int{0}
	for _, step := range [][]string{
		{"UPDATE t SET body = 'a' || body WHERE id < 9"},
		{"BEGIN", "UPDATE t SET body = 'b' || body", "SAVEPOINT s", "UPDATE t SET body = 'c' || body", "ROLLBACK TO s", "UPDATE t SET body = 'd' || body WHERE id > 9", "COMMIT"},
		{"BEGIN", "UPDATE t SET body = 'never' || body", "ROLLBACK"},
		{"PRAGMA wal_checkpoint(RESTART)"},
		{"UPDATE t SET body = 'e' || body WHERE id > 12"},
		{"BEGIN", "UPDATE t SET body = 'f' || body", "UPDATE t SET body = 'g' || body WHERE id < 5", "COMMIT"},
		{"PRAGMA wal_checkpoint(TRUNCATE)"},
		{"UPDATE t SET body = 'h' || body WHERE id = 3"},
	} {
		exec(t, db, step...)
		states, ends = append(states, query[string](t, db, rows)), append(ends, len(d.deeds))
	}
	d.keep = false
	t.Logf("%d deeds", len(d.deeds))
	acknowledged := 0
	for n := range d.deeds {
		for acknowledged+1 < len(ends) && ends[acknowledged+1] <= n {
			acknowledged++
		}
		torn := d.deeds[n]
		torn.data = torn.data[:len(torn.data)/2]
		for name, files := range map[string]*files{
			"between two writes": newFiles(before).do(d.deeds[:n]),
			"within a write":     newFiles(before).do(d.deeds[:n]).do([]deed{torn}),
			"with the machine":   newFiles(before).lose(d.deeds[:n], rand.New(rand.NewPCG(1, uint64(n)))),
		} {
			left := files.write(t).open(t, "", "synchronous(OFF)")
			got := query[string](t, left, rows)
			if got != states[acknowledged] && got != states[acknowledged+1] {
				t.Errorf("%s, before %d: %d steps were acknowledged, and there is %s", name, n, acknowledged, got)
			}
			if got := query[string](t, left, "PRAGMA integrity_check"); got != "ok" {
				t.Errorf("%s, before %d: %s", name, n, got)
			}
			if err := left.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

// files are what a crash leaves.
type files struct{ database, wal []byte }

func newFiles(database []byte) *files { return &files{database: bytes.Clone(database)} }

func (f *files) of(d deed) *[]byte {
	if d.wal {
		return &f.wal
	}
	return &f.database
}

// do does what was done.
func (f *files) do(deeds []deed) *files {
	for _, d := range deeds {
		file := f.of(d)
		switch d.kind {
		case 'w':
			if more := int(d.offset) + len(d.data) - len(*file); more > 0 {
				*file = append(*file, make([]byte, more)...)
			}
			copy((*file)[d.offset:], d.data)
		case 't':
			*file = (*file)[:d.offset]
		}
	}
	return f
}

// lose does what was done, but for any part of what was not synced.
func (f *files) lose(deeds []deed, rnd *rand.Rand) *files {
	synced := map[bool]int{}
	for i, d := range deeds {
		if d.kind == 's' {
			synced[d.wal] = i
		}
	}
	for i, d := range deeds {
		const sector = 512
		switch {
		case i < synced[d.wal]:
			f.do(deeds[i : i+1])
		case d.kind == 't' && int(d.offset) <= len(*f.of(d)) && rnd.IntN(2) == 0:
			f.do(deeds[i : i+1])
		case d.kind == 'w':
			for begin := 0; begin < len(d.data); begin += sector {
				if rnd.IntN(2) == 0 {
					f.do([]deed{{d.wal, 'w', d.data[begin:min(begin+sector, len(d.data))], d.offset + int64(begin)}})
				}
			}
		}
	}
	return f
}

func (f *files) write(t *testing.T) file {
	t.Helper()
	path := filepath.Join(t.TempDir(), "left.db")
	for end, content := range map[string][]byte{"": f.database, "-wal": f.wal} {
		if err := os.WriteFile(path+end, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return file(path)
}
