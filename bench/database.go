package main

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"net/url"
	"runtime"
	"sync"
	"time"
)

// store is a hand-written handler's way to its data.
type store interface {
	// read runs f in a read transaction of an account.
	read(ctx context.Context, account string, f func(session) error) error
	// write runs f in a transaction of an account and returns when it is on disk.
	write(account string, f func(context.Context, session) error) error
	// insert runs one statement of an account, by itself.
	insert(account string, s statement) error
	close() error
}

// session is an open transaction.
type session interface {
	// run runs statements, one after the other.
	run(ctx context.Context, statements ...statement) error
}

// statement reads, and calls row for each, or, without a row, changes exactly one.
type statement struct {
	text string
	args []any
	row  func(scanner) error
}

var errUnchanged = errors.New("a statement has not changed exactly one row")

type scanner interface{ Scan(into ...any) error }

// database is the store in a SQLite file: pinned connections
// with prepared statements, as many and with the same settings as gatehouse's.
type database struct {
	reads, writes *sql.DB
	free          chan *conn
	mu            sync.Mutex // of writer
	writer        *conn
	// group, where set, commits what waits in one transaction.
	group *grouper
}

func openDatabase(ctx context.Context, path string, grouped bool) (*database, error) {
	d := &database{}
	var err error
	if d.writes, err = open(path, "rwc", "journal_mode(WAL)", "synchronous(FULL)", "busy_timeout(5000)", "foreign_keys(1)",
		"temp_store(MEMORY)", "cache_size(-8000)", "journal_size_limit(67108864)"); err != nil {
		return nil, err
	}
	if d.writer, err = pin(ctx, d.writes); err != nil {
		return nil, err
	}
	if d.reads, err = open(path, "ro", "busy_timeout(5000)", "temp_store(MEMORY)", "cache_size(-1000)", "mmap_size(0)"); err != nil {
		return nil, err
	}
	d.free = make(chan *conn, max(4, runtime.GOMAXPROCS(0)))
	for range cap(d.free) {
		c, err := pin(ctx, d.reads)
		if err != nil {
			return nil, err
		}
		d.free <- c
	}
	if grouped {
		d.group = newGrouper(d.writer)
	}
	return d, nil
}

func open(path, mode string, pragmas ...string) (*sql.DB, error) {
	q := url.Values{"mode": {mode}, "_pragma": pragmas}
	return sql.Open("sqlite", (&url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: q.Encode()}).String())
}

func (d *database) close() error {
	if d.group != nil {
		d.group.stop()
	}
	for range cap(d.free) {
		(<-d.free).Close()
	}
	d.writer.Close()
	err := d.reads.Close()
	if err2 := d.writes.Close(); err == nil {
		err = err2
	}
	return err
}

func (d *database) read(ctx context.Context, _ string, f func(session) error) error {
	select {
	case c := <-d.free:
		defer func() { d.free <- c }()
		return c.transact("BEGIN", "ROLLBACK", func(c *conn) error { return f(c) })
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (d *database) write(_ string, f func(context.Context, session) error) error {
	if d.group != nil {
		return d.group.do(f)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return d.writer.transact("BEGIN IMMEDIATE", "COMMIT", func(c *conn) error { return f(ctx, c) })
}

func (d *database) insert(_ string, s statement) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.writer.run(context.Background(), s)
}

// conn is a connection and its prepared statements.
type conn struct {
	*sql.Conn
	stmts map[string]*sql.Stmt
}

func pin(ctx context.Context, db *sql.DB) (*conn, error) {
	c, err := db.Conn(ctx)
	return &conn{c, map[string]*sql.Stmt{}}, err
}

func (c *conn) stmt(text string) (*sql.Stmt, error) {
	if s, ok := c.stmts[text]; ok {
		return s, nil
	}
	s, err := c.PrepareContext(context.Background(), text)
	if err == nil {
		c.stmts[text] = s
	}
	return s, err
}

func (c *conn) run(ctx context.Context, statements ...statement) error {
	for _, s := range statements {
		if err := c.one(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

func (c *conn) one(ctx context.Context, s statement) error {
	stmt, err := c.stmt(s.text)
	if err != nil {
		return err
	}
	if s.row == nil {
		r, err := stmt.ExecContext(ctx, s.args...)
		if err != nil {
			return err
		}
		if n, err := r.RowsAffected(); err != nil || n != 1 {
			return cmp.Or(err, errUnchanged)
		}
		return nil
	}
	rows, err := stmt.QueryContext(ctx, s.args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := s.row(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// control runs a statement that names no data, whatever becomes of the request.
func (c *conn) control(text string) error {
	stmt, err := c.stmt(text)
	if err == nil {
		_, err = stmt.Exec()
	}
	return err
}

func (c *conn) transact(begin, end string, f func(*conn) error) error {
	if err := c.control(begin); err != nil {
		return err
	}
	err := f(c)
	if err != nil {
		end = "ROLLBACK"
	}
	if err2 := c.control(end); err == nil {
		err = err2
	}
	return err
}
