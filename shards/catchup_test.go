package shards

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"os"
	"slices"
	"testing"

	"modernc.org/sqlite"
)

// Where a write begins the WAL anew while the file is synced, there is nothing left
// to hold writers up for.
func TestAWriteBeginsTheWALAnewDuringASync(t *testing.T) {
	t.Parallel()
	s := openTest(t, Options{})
	h := s.testHandle(t, "a")
	n := 0
	for range 3 {
		s.writeMiB(t, h, &n)
	}
	other := s.secondCheckpointer(t)
	var made []string
	other.watch(t, func(text string) {
		if made = append(made, text); len(made) == 3 { // all is copied, and synced
			if _, err := h.Commit(context.Background(), &Write{Ops: []Op{createGroup("g1", "first")}}); err != nil {
				t.Error(err)
			}
		}
	})
	if err := other.shorten(); err != nil {
		t.Error(err)
	}
	want := []string{"PRAGMA wal_checkpoint(NOOP)", "PRAGMA wal_checkpoint(PASSIVE)", "PRAGMA wal_checkpoint(PASSIVE)"}
	if !slices.Equal(made, want) {
		t.Errorf("got %q, want %q", made, want)
	}
	if w, err := other.checkpoint("NOOP"); err != nil || w.size >= other.limit {
		t.Errorf("%d bytes: the WAL was not begun anew, %v", w.size, err)
	}
}

// What is copied is synced meanwhile, and what speaks against that is an error of
// the checkpoint's.
func TestACheckpointFailsWithItsSyncs(t *testing.T) {
	t.Parallel()
	s := openTest(t, Options{})
	h := s.testHandle(t, "a")
	other := s.secondCheckpointer(t)
	var err error
	if other.file, err = os.Open(s.Spec.DSN + "-wal"); err != nil { // to close the database would cost SQLite its locks
		t.Fatal(err)
	}
	if err := other.file.Close(); err != nil {
		t.Fatal(err)
	}
	defer func() { other.file = nil }()
	n := 0
	eventually(t, "a copy takes until the first sync, which fails", func() bool {
		s.writeMiB(t, h, &n)
		_, err := other.checkpoint("PASSIVE")
		return errors.Is(err, os.ErrClosed)
	})
}

// watch calls before before each statement of the checkpointer's.
func (c *checkpointer) watch(t *testing.T, before func(text string)) {
	t.Helper()
	db := sql.OpenDB(watchedConnector{c.path, before})
	db.SetMaxOpenConns(1)
	if err := c.db.Close(); err != nil {
		t.Fatal(err)
	}
	c.db = db
}

type watchedConnector struct {
	path   string
	before func(text string)
}

func (w watchedConnector) Driver() driver.Driver { return &sqlite.Driver{} }

func (w watchedConnector) Connect(context.Context) (driver.Conn, error) {
	c, err := w.Driver().Open(sqliteDSN(w.path, "rw", checkpointPragmas))
	return watchedConn{c, w.before}, err
}

type watchedConn struct {
	driver.Conn
	before func(text string)
}

func (c watchedConn) QueryContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Rows, error) {
	c.before(text)
	return c.Conn.(driver.QueryerContext).QueryContext(ctx, text, args)
}
