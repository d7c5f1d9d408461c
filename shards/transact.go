package shards

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	beginWrite = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"
	// setWrite holds for the transaction only. A gateway that hangs must not
	// hold a head for good, nor wait for one; an acknowledged write is on disk
	// whatever the role's settings are (invariant 8).
	setWrite = `SELECT set_config('app.account_id', $1, true), set_config('lock_timeout', '3s', true),
		set_config('idle_in_transaction_session_timeout', '5s', true), set_config('synchronous_commit',
		CASE current_setting('synchronous_commit') WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END, true)`
	// raiseFirst takes the numbers of a group that is made at once, and returns the
	// head as it was.
	raiseFirst = `UPDATE head SET seq = seq + $2 WHERE account_id = $1 AND state = 'active' RETURNING seq - $2, epoch, state, trimmed, -1`
	// raiseHead counts the group's changes: a write that left one out must not
	// be committed, and 'torn' is no state.
	raiseHead = `UPDATE head SET seq = seq + $2, state = CASE WHEN state = 'active' AND (SELECT count(*) FROM change c
		WHERE c.account_id = $1 AND c.seq > head.seq) = $3 THEN state ELSE 'torn' END WHERE account_id = $1`
)

// errUnknown is the answer when the connection is lost with a write on it.
var errUnknown = &Error{Code: Unavailable, Message: "it is not known whether the write was made; send it again with the same idempotency key, or look", RetryAfter: time.Second}

// transact commits the writes of one account's group. A write's own failure is
// left in its err; the error returned is everybody's.
func (g *groups) transact(ctx context.Context, conn *pgxpool.Conn, account string, group []*pending) (err error) {
	t := &transaction{groups: g, conn: conn, account: account, at: g.now().UTC()}
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic in a transaction: %v\n%s", r, debug.Stack())
		}
		if conn.Conn().PgConn().TxStatus() != 'I' && !conn.Conn().IsClosed() {
			_, _ = conn.Exec(ctx, "ROLLBACK") // the pool drops a connection where it fails
		}
	}()
	done, err := t.allAtOnce(ctx, group)
	if err != nil || done {
		return err
	}
	t.atOnce, t.seqs = false, 0
	return t.oneByOne(ctx, group)
}

// transaction is one group's. Its statements are sent many at a time.
type transaction struct {
	*groups
	conn    *pgxpool.Conn
	account string
	at      time.Time
	head    head
	seqs    int64 // how many numbers are used
	changes int64
	// atOnce: the head is raised already, by seqs, and each statement fails where
	// it leaves a change out.
	atOnce bool
	// before is what has to be sent ahead of the next statements.
	before []string
}

// allAtOnce makes all writes of the group in one round trip, in the hope that
// nothing speaks against any of them. Where something does, or somebody has
// used a key before, nothing has happened, and it returns false.
func (t *transaction) allAtOnce(ctx context.Context, group []*pending) (bool, error) {
	t.atOnce = true
	for _, p := range group {
		if len(p.write.Ops) > 0 {
			t.seqs++
		}
	}
	batch := &pgx.Batch{}
	t.open(batch)
	// The head is locked first: what waits for it comes after this transaction
	// in the account's history.
	queue(batch, t.trace, Statement{raiseFirst, []any{t.account, t.seqs}})
	t.together(batch, group)
	batch.Queue("COMMIT")
	err := t.send(ctx, batch, func(results pgx.BatchResults) error {
		if err := t.began(results); err != nil {
			return err
		}
		return ended(results, batch.Len()-begun)
	})
	var refusal *pgconn.PgError
	switch {
	case err == nil:
	case (errors.As(err, &refusal) || errors.Is(err, errMoved)) && !t.conn.Conn().IsClosed() && !passing(err):
		return false, nil
	default:
		return false, t.lost(ctx, err)
	}
	for _, p := range group {
		p.out.Position = Position{t.head.Epoch, t.head.Seq + p.out.Position.Seq}
	}
	return true, nil
}

// lost returns what a failure to send a COMMIT, or of it, is to the callers.
func (t *transaction) lost(ctx context.Context, err error) error {
	var known *Error
	if t.conn.Conn().IsClosed() && !errors.As(err, &known) && !pgconn.SafeToRetry(err) {
		unknown := *errUnknown
		unknown.Err = err
		return &unknown
	}
	return fault(ctx, t.conn, err)
}

// begun is how many results there are up to and with the head's.
const begun = 3

func (t *transaction) open(batch *pgx.Batch) {
	batch.Queue(beginWrite)
	batch.Queue(setWrite, t.account)
}

// begin locks the head of a group that is made one by one.
func (t *transaction) begin(batch *pgx.Batch) {
	t.open(batch)
	b := newBuilder(postgresSQL, t.account)
	headOf(b, 0)
	b.WriteString(" FOR UPDATE")
	queue(batch, t.trace, b.statement())
}

func (t *transaction) began(results pgx.BatchResults) error {
	for range begun - 1 {
		if _, err := results.Exec(); err != nil {
			return err
		}
	}
	var err error
	if t.head, err = takeHead(results); err == nil && t.head.state != stateActive {
		err = errFenced
	}
	return err
}

func (t *transaction) end(batch *pgx.Batch, seqs, changes int64) {
	if seqs > 0 {
		queue(batch, t.trace, Statement{raiseHead, []any{t.account, seqs, changes}})
	}
	batch.Queue("COMMIT")
}

// ended reads n results, the last of which is that of COMMIT.
func ended(results pgx.BatchResults, n int) error {
	var tag pgconn.CommandTag
	var err error
	for range n {
		if tag, err = results.Exec(); err != nil {
			return err
		}
	}
	if tag.String() != "COMMIT" { // of a transaction that has failed, COMMIT is ROLLBACK
		return fmt.Errorf("the transaction ended with %s", tag)
	}
	return nil
}

// whole adds the statements of a write. Its number is seq above the head's.
func (t *transaction) whole(batch *pgx.Batch, w *Write, seq int64, out Committed) {
	if w.Absent != nil {
		queue(batch, t.trace, t.absent(w.Absent))
	}
	e := t.entry(w, seq)
	for i := range w.Ops {
		e.op, e.n = &w.Ops[i], int64(i)
		queue(batch, t.trace, t.op(&e))
	}
	if w.Key != nil {
		t.remember(batch, w, seq, out)
	}
}

// entry returns a write's entry without an op. Its number is seq above the head's.
func (t *transaction) entry(w *Write, seq int64) entry {
	return entry{account: t.account, seq: seq, write: w, actor: actorText(w), at: t.at.Format(TimeFormat)}
}

// absent renders a statement that fails where the page is not empty.
func (t *transaction) absent(p *Page) Statement {
	b := newBuilder(postgresSQL, t.account)
	b.WriteString("SELECT 1 / (1 - least(n, 1)) FROM (")
	p.count(b)
	b.WriteString(") present(parent, n)")
	return b.statement()
}

// divisionByZero is how absent's statement fails.
const divisionByZero = "22012"

// remember adds the statements that keep a write's key.
func (t *transaction) remember(batch *pgx.Batch, w *Write, seq int64, out Committed) {
	b := newBuilder(postgresSQL, t.account)
	b.WriteString("DELETE FROM idempotency WHERE account_id = " + b.account + " AND at < " + b.arg(expired(t.at)))
	queue(batch, t.trace, b.statement())
	b = newBuilder(postgresSQL, t.account)
	b.WriteString("INSERT INTO idempotency (account_id, key, field, input, seq, result, at) VALUES (" + b.account + ", " + b.arg(w.Key.Key) + ", " +
		b.arg(w.Key.Field) + ", " + b.arg(w.Key.Input) + ", " + t.seq(b, seq) + ", " + b.arg(string(answerOf(w, out))) + ", " + b.arg(out.At) + ")")
	queue(batch, t.trace, b.statement())
}

// seq returns the number that is so many above the head as it was. The head is
// that of an active account: of another one there is no number, which nothing
// can be written with.
func (t *transaction) seq(b *builder, above int64) string {
	if t.atOnce {
		above -= t.seqs
	}
	return "(SELECT seq FROM head WHERE account_id = " + b.account + " AND state = 'active') + " + b.arg(above)
}
