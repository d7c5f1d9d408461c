package shards

import (
	"cmp"
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/sqlitedialect"
	_ "modernc.org/sqlite" // registers the driver

	"gatehouse/migrations"
	"gatehouse/shards/blocks"
	"gatehouse/shards/walvfs"
)

// sqliteEngine is the engine of one shard file: one writer, many readers, WAL.
type sqliteEngine struct {
	path   string
	driver driver.Driver
	trace  func(Statement)
	schema map[string]*Table
	writer *conn
	writes *committer
	wal    *checkpointer
	latest *latest

	// free has the readers' connections that nobody uses, spare a place for
	// each that may still be opened.
	free   chan *conn
	spare  chan struct{}
	closed chan struct{}
}

// pageSize is that of new files: a row of 2,000 bytes still lies in its page.
const pageSize = blocks.PageSize

// Pragmas of the writer. synchronous=FULL: an acknowledged write is on disk
// (invariant 8), and walvfs relies on it. The checkpointer does what wal_autocheckpoint would.
var writerPragmas = []string{
	fmt.Sprintf("page_size(%d)", pageSize), "synchronous(FULL)", "busy_timeout(5000)", "wal_autocheckpoint(0)",
	"foreign_keys(1)", "temp_store(MEMORY)", "cache_size(-8000)", "journal_size_limit(67108864)",
}

// writerMode stands apart from the pragmas, which the driver runs in
// alphabetical order: journal_mode writes the first page, and with it the size
// of all pages. The writer's frames are written together.
const writerMode = "&_journal_mode=WAL&vfs=" + walvfs.Name

// A reader's file is open for reading only. query_only would refuse BEGIN IMMEDIATE,
// which is for writing as far as the temporary database goes. Its cache is small on
// purpose: each commit makes it drop the cache, and the operating system's holds the
// file anyway (BenchmarkReaders). The driver has one cache for all connections of a
// process, of their sizes together.
var readerPragmas = []string{"busy_timeout(5000)", "temp_store(MEMORY)", "cache_size(-1000)", "mmap_size(0)"}

// openSQLite opens the file at path. It makes and migrates it if opts.Create is set.
func openSQLite(ctx context.Context, path string, opts Options) (*sqliteEngine, error) {
	file, err := openFile(ctx, path, opts)
	if err != nil {
		return nil, err
	}
	defer file.Close() // what runs from here on has connections of its own
	e := newSQLite(path, file.Driver(), opts)
	db := bun.NewDB(file, sqlitedialect.New())
	if opts.Create {
		err = migrateSchema(ctx, db, migrations.SQLite{})
	} else {
		err = checkSchema(ctx, db, migrations.SQLite{})
	}
	if err == nil {
		e.schema, err = readTables(ctx, file)
	}
	if err == nil {
		// What a crash has left in the WAL is read from now on, and may not be on disk: a
		// process that is killed leaves what it has written and not yet synced. SQLite
		// syncs the WAL before it copies; a full disk, which ends the copying, keeps
		// nobody from reading.
		if _, err := file.ExecContext(ctx, "PRAGMA wal_checkpoint(PASSIVE)"); err != nil {
			opts.Log.Warn("what is in a shard's WAL can't be copied", "file", path, "error", err)
		}
	}
	if err == nil {
		e.writer, err = connect(e.driver, writerDSN(path), opts.Trace)
	}
	if err == nil {
		e.wal, err = startCheckpointer(path, opts.Log)
	}
	if err != nil {
		e.closeFile()
		return nil, err
	}
	e.writes = startCommitter(e.writer, e.schema, e.latest, e.wal, opts)
	return e, nil
}

func newSQLite(path string, driver driver.Driver, opts Options) *sqliteEngine {
	readers := max(4, runtime.GOMAXPROCS(0))
	e := &sqliteEngine{
		path: path, driver: driver, trace: opts.Trace, latest: newLatest(),
		free: make(chan *conn, readers), spare: make(chan struct{}, readers), closed: make(chan struct{}),
	}
	for range readers {
		e.spare <- struct{}{}
	}
	return e
}

// openFile opens the file for its catalogue.
func openFile(ctx context.Context, path string, opts Options) (*sql.DB, error) {
	if _, err := os.Stat(path); err != nil {
		if !opts.Create {
			return nil, err
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return nil, err
		}
		// SQLite would make a file that others may read.
		f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			return nil, err
		}
		if err := f.Close(); err != nil {
			return nil, err
		}
	}
	if err := cmp.Or(blocks.Keep(), walvfs.Register()); err != nil {
		return nil, err
	}
	file, err := sql.Open("sqlite", writerDSN(path))
	if err != nil {
		return nil, err
	}
	file.SetMaxOpenConns(1)
	if err := file.PingContext(ctx); err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

func writerDSN(path string) string { return sqliteDSN(path, "rwc", writerPragmas) + writerMode }

func sqliteDSN(path, mode string, pragmas []string) string {
	q := url.Values{"mode": {mode}, "_pragma": pragmas}
	return "file:" + strings.ReplaceAll(url.PathEscape(path), "%2F", "/") + "?" + q.Encode()
}

// acquire returns a reader's connection; release gives it back. It waits for
// one while all are in use.
func (e *sqliteEngine) acquire(ctx context.Context) (*conn, error) {
	select {
	case c := <-e.free:
		return c, nil
	default: // before another one is opened
	}
	select {
	case c := <-e.free:
		return c, nil
	case <-e.spare:
	case <-e.closed:
		return nil, errClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	c, err := connect(e.driver, sqliteDSN(e.path, "ro", readerPragmas), e.trace)
	if err != nil {
		e.spare <- struct{}{}
		return nil, err
	}
	return c, nil
}

func (e *sqliteEngine) release(c *conn) {
	if c.rollback() != nil {
		c.close()
		e.spare <- struct{}{}
		return
	}
	e.free <- c
}

func (e *sqliteEngine) sql() dialect { return sqliteSQL }

func (e *sqliteEngine) here() bool { return true }

func (e *sqliteEngine) tables() map[string]*Table { return e.schema }

func (e *sqliteEngine) newest(account string) (Position, bool) {
	h, known, _ := e.latest.begins(account)
	return h.Position, known
}

func (e *sqliteEngine) commit(ctx context.Context, account string, w *Write) (Committed, error) {
	return e.writes.commit(ctx, account, w)
}

func (e *sqliteEngine) add(ctx context.Context, account string) error {
	return e.writes.do(ctx, func(ctx context.Context, c *conn) error {
		_, err := c.exec(ctx, "INSERT INTO head (account_id, seq, epoch, state, trimmed) VALUES (?1, 0, 1, 'active', 0) ON CONFLICT DO NOTHING", account)
		return err
	})
}

// sqliteRead is a read on a reader's connection.
type sqliteRead struct {
	*conn
	engine  *sqliteEngine
	account string
}

func (e *sqliteEngine) begin(ctx context.Context, o *beginning) (read, error) {
	c, err := e.acquire(ctx)
	if err != nil {
		return nil, err
	}
	r := sqliteRead{c, e, o.account}
	opened := false
	defer func() {
		if !opened { // or somebody has panicked
			r.close()
		}
	}()
	if err := r.open(ctx, o); err != nil {
		return nil, err
	}
	opened = true
	return r, nil
}

// open takes the snapshot, and asks it for the head only where that is not known.
func (r sqliteRead) open(ctx context.Context, o *beginning) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	h, known, age := r.engine.latest.begins(o.account)
	// Where the file is open for reading only, IMMEDIATE takes a snapshot at once, and
	// not the writer's lock.
	if err := r.conn.begin(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	if o.since != 0 && o.since != h.Epoch || !known || !r.engine.latest.still(age, o.account, h) {
		var err error
		if h, err = readHead(ctx, r.conn, o); err != nil {
			return err
		}
		r.engine.latest.saw(age, o.account, h)
	}
	if err := o.admit(h); err != nil {
		return err
	}
	return r.query(ctx, o.first, o.last)
}

// readHead returns the head of an account that is here.
func readHead(ctx context.Context, c *conn, o *beginning) (head, error) {
	var h head
	found := false
	err := c.query(ctx, o.head(sqliteSQL), func(row scanner) error { found = true; return h.scan(row) })
	if err != nil {
		return h, err
	}
	return h, h.here(found)
}

func (r sqliteRead) query(ctx context.Context, list []question, _ bool) error {
	for i := range list {
		s := list[i].render(sqliteSQL, r.account)
		if s.SQL == "" {
			continue
		}
		query := r.conn.query
		if list[i].brief {
			query = r.conn.look
		}
		if err := query(ctx, s, list[i].row); err != nil {
			return err
		}
	}
	return nil
}

func (r sqliteRead) where() string { return "primary" }

func (r sqliteRead) close() { r.engine.release(r.conn) }

// close commits what waits, turns away who waits for a reader, waits for those
// that are in use, then closes the file.
func (e *sqliteEngine) close() error {
	e.writes.stop()
	return e.closeFile()
}

func (e *sqliteEngine) closeFile() error {
	close(e.closed)
	for range cap(e.free) {
		select {
		case c := <-e.free:
			c.close()
		case <-e.spare:
		}
	}
	var err error
	if e.wal != nil {
		err = e.wal.stop()
	}
	// The writer last: it alone can copy what is left of the WAL.
	if e.writer != nil {
		err = errors.Join(err, e.writer.close())
	}
	if e.wal != nil {
		err = errors.Join(err, e.wal.release())
	}
	if err != nil {
		return fmt.Errorf("close %s: %w", e.path, err)
	}
	return nil
}
