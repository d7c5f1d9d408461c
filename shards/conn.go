package shards

import (
	"context"
	"database/sql/driver"
	"fmt"
	"io"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// conn is one connection of SQLite's driver with its prepared statements, by
// their text. It is used by one goroutine at a time, and so does without
// database/sql, which guards each statement, and whatever it returns, against
// others, with a goroutine where it can be cancelled.
type conn struct {
	driver driver.Conn
	stmts  *simplelru.LRU[string, driver.Stmt]
	trace  func(Statement)
	inTx   bool
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

func connect(d driver.Driver, dsn string, trace func(Statement)) (*conn, error) {
	stmts, err := simplelru.NewLRU(maxStatements, func(_ string, s driver.Stmt) { s.Close() })
	if err != nil {
		return nil, err
	}
	c, err := d.Open(dsn)
	if err != nil {
		return nil, err
	}
	return &conn{driver: c, stmts: stmts, trace: trace}, nil
}

func (c *conn) prepare(text string) (driver.Stmt, error) {
	if s, ok := c.stmts.Get(text); ok {
		return s, nil
	}
	s, err := c.driver.Prepare(text)
	if err != nil {
		return nil, err
	}
	c.stmts.Add(text, s)
	return s, nil
}

// query runs a statement and calls row for every row of its result. The end of
// ctx interrupts it on the way to its first row, which is where it sorts and
// counts. Later it is noticed at the next row: the driver has no way to interrupt
// what lies between two, nor had it below database/sql.
func (c *conn) query(ctx context.Context, s Statement, row func(scanner) error) error {
	stmt, err := c.prepare(s.SQL)
	if err != nil {
		return err
	}
	if c.trace != nil {
		c.trace(s)
	}
	args, err := bound(s.Args)
	if err != nil {
		return err
	}
	rows, err := stmt.(driver.StmtQueryContext).QueryContext(ctx, args)
	if err != nil {
		return err
	}
	defer rows.Close()
	r := make(result, len(rows.Columns()))
	for {
		if err := rows.Next(r); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		if err := row(r); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

// look is query for what is brief: the end of ctx is noticed before it and not
// during it. To interrupt a statement takes a goroutine that waits for that.
func (c *conn) look(ctx context.Context, s Statement, row func(scanner) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return c.query(context.WithoutCancel(ctx), s, row)
}

// exec runs a statement and returns how many rows it changed.
func (c *conn) exec(ctx context.Context, text string, args ...any) (int64, error) {
	s, err := c.prepare(text)
	if err != nil {
		return 0, err
	}
	if c.trace != nil {
		c.trace(Statement{text, args})
	}
	values, err := bound(args)
	if err != nil {
		return 0, err
	}
	r, err := s.(driver.StmtExecContext).ExecContext(ctx, values)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

// bound returns arguments as the driver takes them.
func bound(args []any) ([]driver.NamedValue, error) {
	out := make([]driver.NamedValue, len(args))
	for i, v := range args {
		value, err := driver.DefaultParameterConverter.ConvertValue(v)
		if err != nil {
			return nil, fmt.Errorf("argument %d: %w", i+1, err)
		}
		out[i] = driver.NamedValue{Ordinal: i + 1, Value: value}
	}
	return out, nil
}

// result is a row as the driver returns it.
type result []driver.Value

// Scan implements scanner. NULL is no bytes, and a mistake elsewhere.
func (r result) Scan(into ...any) error {
	if len(into) != len(r) {
		return fmt.Errorf("scan %d columns into %d", len(r), len(into))
	}
	for i, v := range r {
		if !assign(into[i], v) {
			return fmt.Errorf("scan column %d, %T, into %T", i+1, v, into[i])
		}
	}
	return nil
}

// assign reports whether a value is of a kind that to takes.
func assign(to any, v driver.Value) (ok bool) {
	switch to := to.(type) {
	case *string:
		*to, ok = v.(string)
	case *[]byte:
		switch v := v.(type) {
		case string:
			*to, ok = []byte(v), true
		case nil:
			*to, ok = nil, true
		}
	case *int64:
		*to, ok = v.(int64)
	case *float64:
		switch v := v.(type) {
		case float64:
			*to, ok = v, true
		case int64:
			*to, ok = float64(v), true
		}
	}
	return ok
}

// control runs a statement that names no data. The end of ctx does not stop it:
// a BEGIN that worked and says that it was cancelled would leave the connection
// in a transaction that nobody knows of.
func (c *conn) control(ctx context.Context, text string) error {
	s, err := c.prepare(text)
	if err != nil {
		return err
	}
	_, err = s.(driver.StmtExecContext).ExecContext(context.WithoutCancel(ctx), nil)
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
	return c.driver.Close()
}
