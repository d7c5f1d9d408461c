package shards

import (
	"context"
	"errors"
)

// engine is the database under a Shard: what it can do, however it does it. It
// is safe for concurrent use.
type engine interface {
	sql() dialect
	// tables describes the tables of records.
	tables() map[string]*Table
	// here reports whether it computes on the processors of this machine.
	here() bool
	// newest returns the newest position of an account where that is known
	// without asking the database.
	newest(account string) (Position, bool)
	// begin opens a read.
	begin(ctx context.Context, o *beginning) (read, error)
	// commit makes a Write of an account as a whole, and returns once it is on
	// disk (invariant 8).
	commit(ctx context.Context, account string, w *Write) (Committed, error)
	// add begins an account's history where there is none.
	add(ctx context.Context, account string) error
	// close finishes the writes that wait, waits for the reads that are open,
	// and closes the database. It is called once.
	close() error
}

// read is an open transaction of one account that reads: all its statements
// see the same state of one node (invariant 4). It is used by one goroutine at
// a time.
type read interface {
	// query runs the statements in turn, together where the engine can send them
	// so, and hands out the rows of each. last says that nothing but close follows:
	// what ends the read may go along.
	query(ctx context.Context, list []question, last bool) error
	// where names the node, for operators.
	where() string
	close()
}

// question is a statement, and what is called for every row of its result. An
// engine whose statements run one after the other renders each when its turn
// comes, when the rows of those before it are there. One that renders nothing is
// not run.
type question struct {
	write func(*builder)
	row   func(scanner) error
	sql   string // what was rendered, for errors
	// counts: its rows are counts, which are used as such and not as rows.
	counts bool
	// brief: it finds few rows, by their keys, and is over before anybody could stop it.
	brief bool
}

func (q *question) render(d dialect, account string) Statement {
	b := newBuilder(d, account)
	q.write(b)
	q.sql = b.String()
	return b.statement()
}

// scanner is a row of a result.
type scanner interface{ Scan(into ...any) error }

// beginning is what a read begins with. An engine sends all of it together where
// it can, so that a read of which all is known is one round trip.
type beginning struct {
	account string
	// at is the position that the read may not be from before.
	at Position
	// since is the epoch for head.end, 0 where at is known to exist.
	since int64
	// strong: of the primary only.
	strong bool
	// admit judges the head before any row is handed out. Its error ends the read.
	admit func(head) error
	// first are the first statements, if any, and last says that there will be no
	// others, as in query.
	first []question
	last  bool
	// handed is set once rows may have been handed out: the read can't begin again.
	handed bool
}

// head is an account's row of the head table.
type head struct {
	Position
	state   string
	trimmed int64
	// end is the last write that is still there of the epochs from one on that
	// have ended; -1 if there is none.
	end int64
}

const (
	stateActive = "active"
	stateFenced = "fenced"
	stateGone   = "gone"
)

// errMoved says that the account is not, or no longer, on this shard. It never
// leaves the package: the Handle asks for the route again.
var errMoved = errors.New("the account is not on this shard")

// headOf renders the read of an account's head; since is the epoch whose end is
// asked for, 0 where nobody asks.
func headOf(b *builder, since int64) {
	end := "-1"
	if since > 0 {
		end = "(SELECT coalesce(min(seq), -1) FROM epoch_end WHERE account_id = " + b.account + " AND epoch >= " + b.arg(since) + ")"
	}
	b.WriteString("SELECT seq, epoch, state, trimmed, " + end + " FROM head WHERE account_id = " + b.account)
}

// head returns the statement that reads the head, before all others of its read.
func (o *beginning) head(d dialect) Statement {
	b := newBuilder(d, o.account)
	headOf(b, o.since)
	return b.statement()
}

func (h *head) scan(row scanner) error {
	return row.Scan(&h.Seq, &h.Epoch, &h.state, &h.trimmed, &h.end)
}

// here reports errMoved unless the account was found, and is here.
func (h *head) here(found bool) error {
	if !found || h.state == stateGone {
		return errMoved
	}
	return nil
}
