package shards

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gatehouse/shards/blocks"
)

// Each pool has the settings that the benchmarks of settings_bench_linux_test.go are
// in favour of; a connection that the driver opens later has them too.
func TestSettings(t *testing.T) {
	t.Parallel()
	s := openTest(t, Options{})
	ctx := context.Background()
	e := s.engine.(*sqliteEngine)
	reader, err := e.acquire(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer e.release(reader)
	for name, pool := range map[string]struct {
		pragma func(string) (string, error)
		want   string
	}{
		"writer": {func(text string) (value string, err error) {
			return value, e.writes.do(ctx, func(ctx context.Context, c *conn) error {
				return c.query(ctx, Statement{SQL: text}, func(row scanner) error { value = fmt.Sprint(row.(result)[0]); return nil })
			})
		}, "journal_mode=wal page_size=8192 synchronous=2 foreign_keys=1 wal_autocheckpoint=0 cache_size=-8000 temp_store=2 mmap_size=0 busy_timeout=5000 journal_size_limit=67108864"},
		"reader": {func(text string) (value string, err error) {
			return value, reader.query(ctx, Statement{SQL: text}, func(row scanner) error { value = fmt.Sprint(row.(result)[0]); return nil })
		}, "cache_size=-1000 temp_store=2 mmap_size=0 busy_timeout=5000"},
		"checkpointer": {func(text string) (value string, err error) {
			return value, e.wal.db.QueryRowContext(ctx, text).Scan(&value)
		}, "synchronous=2 wal_autocheckpoint=0 busy_timeout=0"},
	} {
		for setting := range strings.FieldsSeq(pool.want) {
			pragma, want, _ := strings.Cut(setting, "=")
			if got, err := pool.pragma("PRAGMA " + pragma); err != nil || got != want {
				t.Errorf("%s: %s is %s, %v; want %s", name, pragma, got, err, want)
			}
		}
	}
}

// A reader can't write to the file, whatever it is told to.
func TestAReaderCanNotWrite(t *testing.T) {
	t.Parallel()
	s := openTest(t, Options{})
	e := s.engine.(*sqliteEngine)
	reader, err := e.acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer e.release(reader)
	for _, text := range []string{"UPDATE head SET seq = 7", "CREATE TABLE t (x)", "PRAGMA user_version = 7"} {
		if _, err := reader.exec(t.Context(), text); err == nil || !strings.Contains(err.Error(), "readonly") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// On a reader's connection BEGIN IMMEDIATE takes the snapshot, before any statement.
func TestAReaderBeginsWithItsSnapshot(t *testing.T) {
	t.Parallel()
	s := openTest(t, Options{})
	h := s.testHandle(t, "a")
	e := s.engine.(*sqliteEngine)
	reader, err := e.acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer e.release(reader)
	if err := reader.begin(t.Context(), "BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Commit(t.Context(), &Write{Ops: []Op{createGroup("g1", "G")}}); err != nil {
		t.Fatal(err)
	}
	if is, err := readHead(t.Context(), reader, &beginning{account: "a"}); err != nil || is.Seq != 0 {
		t.Errorf("it sees write %d, %v, which came later", is.Seq, err)
	}
}

// A new file gets its page size with its first page, and then has it for good.
func TestANewFileHasPagesOf8KiB(t *testing.T) {
	t.Parallel()
	s := openTest(t, Options{})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	header, err := os.ReadFile(s.Spec.DSN)
	if err != nil {
		t.Fatal(err)
	}
	if size := binary.BigEndian.Uint16(header[16:]); size != 8192 {
		t.Errorf("pages of %d bytes", size)
	}
	if header[18] != 2 || header[19] != 2 {
		t.Error("not in WAL mode")
	}
}

// Each table of accounts lies in the order of its key, which begins with the
// account, and so does each of its indexes.
func TestTablesLieInTheOrderOfTheirKeys(t *testing.T) {
	t.Parallel()
	s := openTest(t, Options{})
	tables := 0
	err := s.committer().do(context.Background(), func(ctx context.Context, c *conn) error {
		return c.query(ctx, Statement{SQL: `
			SELECT l.name, l.wr, (SELECT group_concat(name, ' ') FROM (SELECT name FROM pragma_table_info(l.name) WHERE pk > 0 ORDER BY pk)),
				(SELECT count(*) FROM pragma_index_list(l.name) i JOIN pragma_index_info(i.name) c ON c.seqno = 0 WHERE c.name <> 'account_id')
			FROM pragma_table_list l WHERE l.schema = 'main' AND l.type = 'table' AND l.name NOT LIKE 'bun_%' AND l.name NOT LIKE 'sqlite_%'`},
			func(row scanner) error {
				var name, key string
				var without, others int64
				err := row.Scan(&name, &without, &key, &others)
				if without == 0 || !strings.HasPrefix(key+" ", "account_id ") || others > 0 {
					t.Errorf("%s: WITHOUT ROWID %d, key %s, %d indexes that begin otherwise", name, without, key, others)
				}
				tables++
				return err
			})
	})
	if err != nil {
		t.Fatal(err)
	}
	if tables < 9 {
		t.Errorf("only %d tables", tables)
	}
}

// What a process that was killed has written may not be on disk yet. It is, and in the
// file, before anybody reads it.
func TestWhatACrashLeftIsPutOnDisk(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s := openTest(t, Options{})
	s.write(t, s.testHandle(t, "a"), "g1")
	spec := Spec{ID: "1", Engine: "sqlite", DSN: filepath.Join(t.TempDir(), "left.db")}
	for _, end := range []string{"", "-wal"} { // and no more of it: the index is in memory
		b, err := os.ReadFile(s.Spec.DSN + end)
		if err == nil {
			err = os.WriteFile(spec.DSN+end, b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	left, err := Open(ctx, spec, Options{Keys: testKeys})
	if err != nil {
		t.Fatal(err)
	}
	defer left.Close()
	w, err := left.checkpointer().checkpoint("NOOP")
	if err != nil || w.size == 0 || w.copied != w.size {
		t.Errorf("%d of %d bytes are in the file, %v", w.copied, w.size, err)
	}
	snap, at, err := left.again("a").open(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Close()
	if at.Seq != 1 {
		t.Errorf("read %v", at)
	}
}

// What SQLite frees is kept, the pages of a shard that is closed among them. It runs
// by itself: others would take them.
func TestSQLitesMemoryIsKept(t *testing.T) {
	s := openTest(t, Options{})
	h := s.testHandle(t, "a")
	if _, err := h.Commit(context.Background(), &Write{Ops: []Op{createGroup("g1", "first")}}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if blocks.Pages() == 0 {
		t.Error("no page is kept")
	}
}
