package shards

import (
	"context"
	"database/sql"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// conn is one pinned connection with its prepared statements, by their text. It
// is used by one goroutine at a time.
type conn struct {
	sql   *sql.Conn
	stmts *simplelru.LRU[string, *sql.Stmt]
	trace func(Statement)
	inTx  bool
}

// Statement is one statement as it was run, for tests that count and explain.
type Statement struct {
	SQL  string
	Args []any
}

// maxStatements bounds the prepared statements of a connection, on PostgreSQL
// too: filters can be put together in more ways than there is memory. A schema of
// ten entities has about a hundred shapes that are used every day; of the
// others those go that were used least lately.
const maxStatements = 200

func pin(ctx context.Context, db *sql.DB, trace func(Statement)) (*conn, error) {
	stmts, err := simplelru.NewLRU(maxStatements, func(_ string, s *sql.Stmt) { s.Close() })
	if err != nil {
		return nil, err
	}
	c, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	return &conn{sql: c, stmts: stmts, trace: trace}, nil
}

func (c *conn) prepare(ctx context.Context, text string) (*sql.Stmt, error) {
	if s, ok := c.stmts.Get(text); ok {
		return s, nil
	}
	// Not the caller's context: its end must not spoil a statement that others will use.
	s, err := c.sql.PrepareContext(context.WithoutCancel(ctx), text)
	if err != nil {
		return nil, err
	}
	c.stmts.Add(text, s)
	return s, nil
}

// query runs a statement and calls row for every row of its result.
func (c *conn) query(ctx context.Context, s Statement, row func(scanner) error) error {
	stmt, err := c.prepare(ctx, s.SQL)
	if err != nil {
		return err
	}
	if c.trace != nil {
		c.trace(s)
	}
	rows, err := stmt.QueryContext(ctx, s.Args...)
	if err != nil {
		return err
	}
	return each(rows, func() error { return row(rows) })
}

// exec runs a statement and returns how many rows it changed.
func (c *conn) exec(ctx context.Context, text string, args ...any) (int64, error) {
	s, err := c.prepare(ctx, text)
	if err != nil {
		return 0, err
	}
	if c.trace != nil {
		c.trace(Statement{text, args})
	}
	r, err := s.ExecContext(ctx, args...)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

// control runs a statement that names no data. The end of ctx does not stop it:
// a BEGIN that worked and says that it was cancelled would leave the connection
// in a transaction that nobody knows of.
func (c *conn) control(ctx context.Context, text string) error {
	ctx = context.WithoutCancel(ctx)
	s, err := c.prepare(ctx, text)
	if err != nil {
		return err
	}
	_, err = s.ExecContext(ctx)
	return err
}

func (c *conn) begin(ctx context.Context, text string) error {
	err := c.control(ctx, text)
	c.inTx = err == nil
	return err
}

// commit ends the transaction; if it fails the transaction is still open.
func (c *conn) commit(ctx context.Context) error {
	err := c.control(ctx, "COMMIT")
	c.inTx = err != nil
	return err
}

// rollback ends a transaction if one is open. Nothing may stop it: an open
// transaction would hold its snapshot, and with it the WAL, for good.
func (c *conn) rollback() error {
	if !c.inTx {
		return nil
	}
	c.inTx = false
	return c.control(context.Background(), "ROLLBACK")
}

func (c *conn) close() error {
	c.stmts.Purge()
	return c.sql.Close()
}
