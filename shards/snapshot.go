package shards

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// Snapshot is one account at one Position, on one node: all that is read
// through it was true at the same time (invariant 4). It opens with its first
// statement, and it is then that errors of the position are told. It is safe
// for concurrent use; its statements run one after the other. Close it.
type Snapshot struct {
	handle *Handle
	// strong: of the primary only, whatever the handle asks for.
	strong bool

	mu    sync.Mutex
	shard *Shard
	read  read // nil until it is opened, and once it is over
	head  head
	// last: no statement follows the next ones.
	last bool
	// over: they were run, or the snapshot was closed.
	over bool
}

// Position returns where in the account's history the snapshot is.
func (s *Snapshot) Position(ctx context.Context) (Position, error) {
	h, err := s.opened(ctx)
	return h.Position, err
}

// Node names the node that the snapshot is on, for the log: primary, or
// replica-1 and so on. It is "" before the first statement, and behind the last.
func (s *Snapshot) Node() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.read == nil {
		return ""
	}
	return s.read.where()
}

// opened opens the snapshot where it is not open, and returns its head.
func (s *Snapshot) opened(ctx context.Context) (head, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var err error
	if s.head == (head{}) {
		err = s.ask(ctx, nil)
	}
	return s.head, err
}

// Last says that the next statements are the last ones, so that what ends the
// read travels with them. To read behind them is an error; the Position stays.
func (s *Snapshot) Last() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = true
}

var errOver = errors.New("read through a snapshot that is over")

// ask runs statements, the first ones as part of the beginning. The caller has
// the lock.
func (s *Snapshot) ask(ctx context.Context, list []question) error {
	if s.over {
		return errOver
	}
	if s.last {
		defer s.end()
	}
	if s.read != nil {
		defer s.waits()()
		return s.read.query(ctx, list, s.last)
	}
	return s.open(ctx, list)
}

// waits tells the turn of an engine that computes elsewhere.
func (s *Snapshot) waits() (goesOn func()) {
	if s.shard.engine.sql() == sqliteSQL || s.handle.turn == nil {
		return func() {}
	}
	return s.handle.turn.Served(s.shard.engine.here())
}

// open begins the read with its first statements. The head is that of the same
// snapshot as all that follow, and judged before them.
func (s *Snapshot) open(ctx context.Context, first []question) error {
	h := s.handle
	at, proven, strong := h.required()
	o := &beginning{account: h.account, at: at, strong: strong || s.strong, first: first, last: s.last}
	if !proven {
		o.since = at.Epoch
	}
	o.admit = func(found head) error {
		s.head = found // before the rows, of which some need it
		return found.reached(at, proven)
	}
	return h.on(ctx, func(shard *Shard) error {
		if err := shard.use.enter(); err != nil {
			return err
		}
		s.shard = shard
		defer s.waits()()
		defer func() {
			if s.read == nil { // it failed, or somebody has panicked
				shard.use.leave()
				s.head = head{}
			}
		}()
		var err error
		if s.read, err = shard.engine.begin(ctx, o); err != nil {
			return err
		}
		h.saw(at, s.head.Position)
		h.servedBy(s.read.where())
		return nil
	})
}

// Close ends the read. It may be called more than once.
func (s *Snapshot) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.end()
}

func (s *Snapshot) end() {
	s.over = true
	if s.read != nil {
		s.read.close()
		s.read = nil
		s.shard.use.leave()
	}
}

// Table returns the shard's table of that name; a missing one is a programmer's mistake.
func (s *Snapshot) Table(name string) *Table {
	s.mu.Lock()
	defer s.mu.Unlock()
	return tableOf(s.shard.engine.tables(), name)
}

// Get returns the records with these ids that there are, in no order, with one statement.
func (s *Snapshot) Get(ctx context.Context, table string, ids []string) ([]*Row, error) {
	return s.GetAll(ctx, Wanted{Table: table, IDs: ids})
}

// List returns a page for each parent, or the page of "" where the page has no
// parents; in order, with one statement.
func (s *Snapshot) List(ctx context.Context, p Page) (map[string][]*Row, error) {
	out := make(map[string][]*Row, max(1, len(p.Parents)))
	if p.grouped() && len(p.Parents) == 0 {
		return out, nil
	}
	err := s.each(ctx, p.list, func(row scanner) error {
		var parent string
		r, err := s.scan(row, p.Table, &parent)
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
	s.handle.usage.counts.Add(int64(max(1, len(p.Parents))))
	err := s.all(ctx, question{counts: true, write: p.count, row: func(row scanner) error {
		var parent string
		var n int64
		err := row.Scan(&parent, &n)
		out[parent] = n
		return err
	}})
	return out, err
}

// Linked reports whether the pair is in its link table.
func (s *Snapshot) Linked(ctx context.Context, l Link, parent, child string) (bool, error) {
	found := false
	err := s.each(ctx, func(b *builder) {
		b.WriteString("SELECT 1 FROM " + l.Table + " WHERE account_id = " + b.account)
		b.and(l.Parent + " = " + b.arg(parent))
		b.and(l.Child + " = " + b.arg(child))
	}, func(scanner) error { found = true; return nil })
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
	out := map[string]Sum{}
	s.handle.usage.counts.Add(1)
	err := s.all(ctx, question{counts: true, write: func(b *builder) {
		b.WriteString("SELECT t." + group + ", count(*), coalesce(sum(CAST(t." + total + " AS double precision)), 0) FROM " + table + " t" +
			p.indexedBy(b) + " WHERE t.account_id = " + b.account)
		p.restrict(b, "t")
		b.WriteString(" GROUP BY t." + group)
	}, row: func(row scanner) error {
		var key string
		var sum Sum
		var of float64 // exact for whole numbers up to 2^53
		err := row.Scan(&key, &sum.Count, &of)
		sum.Total = int64(max(-maxTotal, min(of, maxTotal)))
		out[key] = sum
		return err
	}})
	return out, err
}

// each runs one statement and calls f for every row.
func (s *Snapshot) each(ctx context.Context, write func(*builder), f func(scanner) error) error {
	return s.all(ctx, question{write: write, row: f})
}

// all runs statements, together where they can be sent so. It holds the read
// for the whole of it; what it calls must not use the snapshot.
func (s *Snapshot) all(ctx context.Context, list ...question) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range list {
		if !list[i].counts {
			list[i].row = s.handle.usage.counting(list[i].row)
		}
	}
	err := s.ask(ctx, list)
	var known *Error
	if err != nil && !errors.As(err, &known) {
		return fmt.Errorf("%s: %w", textOf(list), err)
	}
	return err
}

func textOf(list []question) string {
	var texts []string
	for _, q := range list {
		if q.sql != "" {
			texts = append(texts, q.sql)
		}
	}
	return strings.Join(texts, "; ")
}

// scan reads a record's columns, and more behind them.
func (s *Snapshot) scan(row scanner, t *Table, more ...any) (*Row, error) {
	r := &Row{Table: t}
	var account string
	into := append([]any{&account, &r.ID, &r.Version, &r.CreatedAt, &r.UpdatedAt, &r.Body}, more...)
	if err := row.Scan(into...); err != nil {
		return nil, err
	}
	return r, s.own(account)
}

// own compares the account of a row with that of the snapshot (invariant 2).
func (s *Snapshot) own(account string) error {
	if account != s.handle.account {
		return fmt.Errorf("%w: a row of another account in a read of %s", ErrIncident, s.handle.account)
	}
	return nil
}

// ErrIncident marks what must never happen: data of one account on its way to
// another. The request fails and the log says so.
var ErrIncident = errors.New("isolation incident")
