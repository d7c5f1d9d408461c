package shards

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"

	_ "modernc.org/sqlite" // registers the driver
)

// sqliteEngine is the engine of one shard file: one writer, many readers, WAL.
type sqliteEngine struct {
	path   string
	writer *sql.DB
	reads  *sql.DB
	trace  func(Statement)

	mu   sync.Mutex
	open int
	max  int
	free chan *conn
}

// Pragmas of the writer. synchronous=FULL: an acknowledged write is on disk
// (invariant 8). page_size must come before the first table.
var writerPragmas = []string{
	"page_size(8192)", "journal_mode(WAL)", "synchronous(FULL)", "busy_timeout(5000)",
	"foreign_keys(1)", "temp_store(MEMORY)", "cache_size(-8000)", "journal_size_limit(67108864)",
}

// A reader's cache is small on purpose: each commit makes it drop the cache,
// and the operating system's holds the file anyway.
var readerPragmas = []string{
	"query_only(1)", "busy_timeout(5000)", "temp_store(MEMORY)", "cache_size(-1000)", "mmap_size(0)",
}

// openSQLite opens the file at path, which it makes if create is set.
func openSQLite(ctx context.Context, path string, create bool, trace func(Statement)) (*sqliteEngine, error) {
	if _, err := os.Stat(path); err != nil {
		if !create {
			return nil, err
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return nil, err
		}
	}
	e := &sqliteEngine{path: path, max: max(4, runtime.GOMAXPROCS(0)), trace: trace}
	e.free = make(chan *conn, e.max)
	var err error
	if e.writer, err = sql.Open("sqlite", sqliteDSN(path, "rwc", writerPragmas)); err != nil {
		return nil, err
	}
	e.writer.SetMaxOpenConns(1)
	if err := e.writer.PingContext(ctx); err != nil {
		e.writer.Close()
		return nil, err
	}
	if e.reads, err = sql.Open("sqlite", sqliteDSN(path, "ro", readerPragmas)); err != nil {
		e.writer.Close()
		return nil, err
	}
	e.reads.SetMaxOpenConns(e.max)
	e.reads.SetMaxIdleConns(e.max)
	return e, nil
}

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
	default:
	}
	e.mu.Lock()
	grow := e.open < e.max
	if grow {
		e.open++
	}
	e.mu.Unlock()
	if !grow {
		select {
		case c := <-e.free:
			return c, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	c, err := pin(context.WithoutCancel(ctx), e.reads, e.trace)
	if err != nil {
		e.mu.Lock()
		e.open--
		e.mu.Unlock()
		return nil, err
	}
	return c, nil
}

func (e *sqliteEngine) release(c *conn) {
	if c.rollback() != nil {
		c.close()
		e.mu.Lock()
		e.open--
		e.mu.Unlock()
		return
	}
	e.free <- c
}

func pin(ctx context.Context, db *sql.DB, trace func(Statement)) (*conn, error) {
	c, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	return &conn{sql: c, stmts: map[string]*sql.Stmt{}, trace: trace}, nil
}

// close waits for the readers that are in use, then closes the file.
func (e *sqliteEngine) close() error {
	e.mu.Lock()
	open := e.open
	e.mu.Unlock()
	for range open {
		(<-e.free).close()
	}
	err := e.reads.Close()
	if err2 := e.writer.Close(); err == nil {
		err = err2
	}
	if err != nil {
		return fmt.Errorf("close %s: %w", e.path, err)
	}
	return nil
}
