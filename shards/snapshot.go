package shards

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"sync"
)

// Snapshot is one account at one Position, on one node: all that is read
// through it was true at the same time (invariant 4). It is safe for
// concurrent use; its statements run one after the other. Close it.
type Snapshot struct {
	Position Position
	account  string
	shard    *Shard
	// trimmed is the last write that the change log no longer has.
	trimmed int64

	mu   sync.Mutex
	conn *conn
}

const selectHead = "SELECT seq, epoch, state, trimmed FROM head WHERE account_id = ?1"

// head is an account's row of the head table.
type head struct {
	Position
	state   string
	trimmed int64
}

const (
	stateActive = "active"
	stateFenced = "fenced"
	stateGone   = "gone"
)

// errMoved says that the account is not, or no longer, on this shard. It never
// leaves the package: the Handle asks for the route again.
var errMoved = errors.New("the account is not on this shard")

func readHead(ctx context.Context, c *conn, account string) (head, error) {
	var h head
	err := c.one(ctx, selectHead, []any{account}, &h.Seq, &h.Epoch, &h.state, &h.trimmed)
	if errors.Is(err, sql.ErrNoRows) || err == nil && h.state == stateGone {
		return h, errMoved
	}
	return h, err
}

// snapshot opens a read of account. Its first statement reads the head, in the
// same transaction as all that follow.
func (s *Shard) snapshot(ctx context.Context, account string) (*Snapshot, error) {
	c, err := s.engine.acquire(ctx)
	if err != nil {
		return nil, err
	}
	var h head
	if err = c.begin(ctx, "BEGIN"); err == nil {
		h, err = readHead(ctx, c, account)
	}
	if err != nil {
		s.engine.release(c)
		return nil, err
	}
	return &Snapshot{Position: h.Position, account: account, shard: s, trimmed: h.trimmed, conn: c}, nil
}

// Close ends the read. It may be called more than once.
func (s *Snapshot) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn != nil {
		s.shard.engine.release(s.conn)
		s.conn = nil
	}
}

// Table returns the shard's table of that name; a missing one is a programmer's mistake.
func (s *Snapshot) Table(name string) *Table { return s.shard.table(name) }

// Get returns the records with these ids that there are, in no order, with one statement.
func (s *Snapshot) Get(ctx context.Context, table string, ids []string) ([]*Row, error) {
	t := s.Table(table)
	b := &builder{}
	b.arg(s.account)
	b.list(ids)
	var out []*Row
	err := s.each(ctx, t.sql.get, b.args, func(rows *sql.Rows) error {
		r, err := s.scan(rows, t)
		out = append(out, r)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// List returns a page for each parent, or the page of "" where the page has no
// parents; in order, with one statement.
func (s *Snapshot) List(ctx context.Context, p Page) (map[string][]*Row, error) {
	out := make(map[string][]*Row, max(1, len(p.Parents)))
	if p.grouped() && len(p.Parents) == 0 {
		return out, nil
	}
	b := p.list(s.account)
	err := s.each(ctx, b.String(), b.args, func(rows *sql.Rows) error {
		var parent string
		r, err := s.scan(rows, p.Table, &parent)
		out[parent] = append(out[parent], r)
		return err
	})
	if err != nil {
		return nil, err
	}
	if p.Backward {
		for _, rows := range out {
			slices.Reverse(rows)
		}
	}
	return out, nil
}

// Count returns how many rows the page is cut from, for each parent, with one statement.
func (s *Snapshot) Count(ctx context.Context, p Page) (map[string]int64, error) {
	out := make(map[string]int64, max(1, len(p.Parents)))
	if p.grouped() && len(p.Parents) == 0 {
		return out, nil
	}
	b := p.count(s.account)
	err := s.each(ctx, b.String(), b.args, func(rows *sql.Rows) error {
		var parent string
		var n int64
		err := rows.Scan(&parent, &n)
		out[parent] = n
		return err
	})
	return out, err
}

// Linked reports whether the pair is in its link table.
func (s *Snapshot) Linked(ctx context.Context, l Link, parent, child string) (bool, error) {
	found := false
	err := s.each(ctx, "SELECT 1 FROM "+l.Table+" WHERE account_id = ?1 AND "+l.Parent+" = ?2 AND "+l.Child+" = ?3",
		[]any{s.account, parent, child}, func(*sql.Rows) error { found = true; return nil })
	return found, err
}

const maxTotal = 1<<53 - 1

// Sum is one group of a Sums.
type Sum struct{ Count, Total int64 }

// Sums groups the rows that fulfil where by a column, and returns for each
// value how many there are and the total of another column, with one statement.
// A total beyond ±(2^53 - 1) is that: no sum fails because of what is in it.
func (s *Snapshot) Sums(ctx context.Context, table, group, total string, where []Condition) (map[string]Sum, error) {
	p := Page{Table: s.Table(table), Where: where, Order: Order{Column: group}}
	b := &builder{}
	acct := b.arg(s.account)
	b.WriteString("SELECT t." + group + ", count(*), coalesce(sum(CAST(t." + total + " AS double precision)), 0) FROM " + table + " t" + p.indexedBy() +
		" WHERE t.account_id = " + acct)
	p.restrict(b, "t")
	b.WriteString(" GROUP BY t." + group)
	out := map[string]Sum{}
	err := s.each(ctx, b.String(), b.args, func(rows *sql.Rows) error {
		var key string
		var sum Sum
		var of float64 // exact for whole numbers up to 2^53
		err := rows.Scan(&key, &sum.Count, &of)
		sum.Total = int64(max(-maxTotal, min(of, maxTotal)))
		out[key] = sum
		return err
	})
	return out, err
}

// each runs one statement and calls f for every row. It holds the connection
// for the whole of it; f must not use the snapshot.
func (s *Snapshot) each(ctx context.Context, text string, args []any, f func(*sql.Rows) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn == nil {
		return errors.New("read through a closed snapshot")
	}
	rows, err := s.conn.query(ctx, text, args...)
	if err == nil {
		err = each(rows, func() error { return f(rows) })
	}
	if err != nil {
		return fmt.Errorf("%s: %w", text, err)
	}
	return nil
}

// scan reads a record's columns, and more behind them.
func (s *Snapshot) scan(rows *sql.Rows, t *Table, more ...any) (*Row, error) {
	r := &Row{Table: t}
	var account string
	into := append([]any{&account, &r.ID, &r.Version, &r.CreatedAt, &r.UpdatedAt, &r.Body}, more...)
	if err := rows.Scan(into...); err != nil {
		return nil, err
	}
	return r, s.own(account)
}

// own compares the account of a row with that of the snapshot (invariant 2).
func (s *Snapshot) own(account string) error {
	if account != s.account {
		return fmt.Errorf("%w: a row of another account in a read of %s", ErrIncident, s.account)
	}
	return nil
}

// ErrIncident marks what must never happen: data of one account on its way to
// another. The request fails and the log says so.
var ErrIncident = errors.New("isolation incident")
