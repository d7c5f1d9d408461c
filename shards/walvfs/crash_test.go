package walvfs

import (
	"bytes"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

const rows = "SELECT group_concat(id || substr(body, 1, 9)) FROM (SELECT * FROM t WHERE id <= 16 ORDER BY id)"

// TestACrashAnywhere: wherever a process is killed, between two writes, within one,
// or with the machine, which may lose any part of what was not synced, each
// transaction is there as a whole or not at all, and each one that was
// acknowledged is. Checkpoints are by a connection of their own, as they are where
// the layer is used, and a read may stop them half way.
func TestACrashAnywhere(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { crashAnywhere(t, rand.New(rand.NewPCG(seed, 7))) })
	}
}

func crashAnywhere(t *testing.T, rnd *rand.Rand) {
	d := newDisk(t)
	f, db := newFile(t)
	exec(t, db, "DELETE FROM t WHERE id > 16", "PRAGMA wal_checkpoint(TRUNCATE)", "PRAGMA cache_size = 10",
		fmt.Sprintf("PRAGMA journal_size_limit = %d", []int{-1, 0, 30_000}[rnd.IntN(3)]))
	before, err := os.ReadFile(string(f))
	if err != nil {
		t.Fatal(err)
	}
	// By the layer too, below which the disk is.
	checkpoints := f.open(t, Name, "synchronous(FULL)", "wal_autocheckpoint(0)", "busy_timeout(0)")
	query[int64](t, checkpoints, "SELECT count(*) FROM t") // it has the file open
	readers := f.open(t, "", "query_only(1)")
	var read *sql.Tx
	end := func() {
		if read != nil {
			read.Rollback()
			read = nil
		}
	}
	defer end()
	d.keep = true
	// After write i there was states[i], and done[i] was done.
	states, done := []string{query[string](t, db, rows)}, []int{0}
	for i := range 26 {
		c := string(rune('A' + i))
		var step []string
		switch rnd.IntN(8) {
		case 0:
			step = []string{"UPDATE t SET body = '" + c + "' || body WHERE id = 1"}
		case 1, 2:
			step = []string{fmt.Sprintf("UPDATE t SET body = '%s' || body WHERE id > %d", c, rnd.IntN(16))}
		case 3:
			step = []string{"BEGIN", "UPDATE t SET body = '" + c + "' || body", "SAVEPOINT s", "UPDATE t SET body = 'not' || body", "ROLLBACK TO s", "UPDATE t SET body = '+' || body WHERE id > 9", "COMMIT"}
		case 4:
			step = []string{"BEGIN", "UPDATE t SET body = 'never' || body", "ROLLBACK"}
		case 5, 6:
			exec(t, checkpoints, "PRAGMA wal_checkpoint("+[]string{"PASSIVE", "RESTART", "TRUNCATE"}[rnd.IntN(3)]+")")
			continue
		case 7:
			if read != nil {
				end()
			} else if read, err = readers.Begin(); err != nil {
				t.Fatal(err)
			} else if _, err := read.Exec(rows); err != nil {
				t.Fatal(err)
			}
			continue
		}
		exec(t, db, step...)
		states, done = append(states, query[string](t, db, rows)), append(done, len(d.deeds))
	}
	d.keep = false
	t.Logf("%d deeds, %d writes", len(d.deeds), len(states)-1)
	acknowledged := 0
	for n := range d.deeds {
		for acknowledged+1 < len(done) && done[acknowledged+1] <= n {
			acknowledged++
		}
		torn := d.deeds[n]
		torn.data = torn.data[:len(torn.data)/2]
		for name, files := range map[string]*files{
			"between two writes": newFiles(before).do(d.deeds[:n]),
			"within a write":     newFiles(before).do(d.deeds[:n]).do([]deed{torn}),
			"with the machine":   newFiles(before).lose(d.deeds[:n], 2, rnd),
			"all of a sudden":    newFiles(before).lose(d.deeds[:n], 64, rnd),
		} {
			left := files.write(t).open(t, "", "synchronous(OFF)")
			got := query[string](t, left, rows)
			if got != states[acknowledged] && got != states[min(acknowledged+1, len(states)-1)] {
				t.Errorf("%s, before %d: %d writes were acknowledged, and there is %s", name, n, acknowledged, got)
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

// The last connection copies what is left of the WAL: after it is on disk, and the WAL
// goes once the copy is.
func TestACloseSyncsWhatItCopies(t *testing.T) {
	d := newDisk(t)
	_, db := newFile(t)
	exec(t, db, "PRAGMA wal_checkpoint(TRUNCATE)", "UPDATE t SET body = 'a' || body WHERE id = 1", "UPDATE t SET body = 'b' || body WHERE id = 2")
	d.keep = true
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, deed := range d.deeds {
		step := fmt.Sprintf("%t %c", deed.wal, deed.kind)
		if len(got) == 0 || got[len(got)-1] != step {
			got = append(got, step)
		}
	}
	if want := []string{"true s", "false w", "false t", "false s"}; !slices.Equal(got, want) {
		t.Errorf("it did %q, want %q", got, want)
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

// lose does what was done, but for any part of what was not synced: run sectors, on
// average, are there or are lost together.
func (f *files) lose(deeds []deed, run int, rnd *rand.Rand) *files {
	synced := map[bool]int{}
	for i, d := range deeds {
		if d.kind == 's' {
			synced[d.wal] = i
		}
	}
	lost := rnd.IntN(2) == 0
	for i, d := range deeds {
		const sector = 512
		switch {
		case i < synced[d.wal]:
			f.do(deeds[i : i+1])
		case d.kind == 't' && int(d.offset) <= len(*f.of(d)) && rnd.IntN(2) == 0:
			f.do(deeds[i : i+1])
		case d.kind == 'w':
			for begin := 0; begin < len(d.data); begin += sector {
				if rnd.IntN(run) == 0 {
					lost = !lost
				}
				if !lost {
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
