package shards

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// transaction is one share's, whose writes are made one after the other.
type transaction struct {
	*share
	conn    *pgxpool.Conn
	changes int64
	// before is what has to be sent ahead of the next statements.
	before []string
}

// oneByOne makes the share's writes in turn, each in its savepoint, so that one
// that is refused leaves the others. The error returned is everybody's.
func (t *transaction) oneByOne(ctx context.Context) error {
	t.atOnce, t.seqs = false, 0
	batch := &pgx.Batch{}
	t.begin(batch)
	if err := t.send(ctx, batch, t.began); err != nil {
		return fault(ctx, t.conn, err)
	}
	for _, p := range t.writes {
		if err := t.one(ctx, p); err != nil {
			return err
		}
	}
	batch = &pgx.Batch{}
	t.end(batch, t.seqs, t.changes)
	if err := t.send(ctx, batch, func(results pgx.BatchResults) error { return ended(results, batch.Len()) }); err != nil {
		return lost(ctx, t.conn, err)
	}
	return nil
}

// begin locks the head.
func (t *transaction) begin(batch *pgx.Batch) {
	batch.Queue(beginWrite)
	batch.Queue(setWrite, t.account, lockTimeout)
	b := newBuilder(postgresSQL, t.account)
	headOf(b, 0)
	b.WriteString(" FOR UPDATE")
	queue(batch, t.trace, b.statement())
}

func (t *transaction) began(results pgx.BatchResults) error {
	for range 2 { // of BEGIN and setWrite
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

// one makes a write, or leaves in p.err why not. The error returned is everybody's.
func (t *transaction) one(ctx context.Context, p *pending) error {
	p.out, p.err = Committed{At: t.at.Format(TimeFormat), Position: Position{t.head.Epoch, t.head.Seq + t.seqs}}, nil
	w := p.write
	if w.Key != nil {
		before, own, err := t.replay(ctx, w.Key)
		if own != nil || before != nil || err != nil {
			p.err = own
			if before != nil {
				p.out = *before
			}
			return err
		}
	}
	seq := t.seqs
	if len(w.Ops) > 0 {
		seq++
	}
	batch := &pgx.Batch{}
	t.whole(batch, w, seq, p.out)
	own, err := t.try(ctx, batch, w.Absent != nil, w.Ops)
	written := len(w.Ops)
	var refusal *Refusal
	if w.Partial && errors.As(own, &refusal) && refusal.Reason != Conflict {
		written, own, err = t.steps(ctx, p)
	}
	switch {
	case err != nil:
		return err
	case own != nil:
		p.out, p.err = Committed{}, own
	case written > 0:
		t.seqs, t.changes = t.seqs+1, t.changes+int64(written)
		p.out.Position.Seq = t.head.Seq + t.seqs
	}
	return nil
}

// steps makes the ops of a partial write that the database accepts, and
// returns how many those were.
func (t *transaction) steps(ctx context.Context, p *pending) (written int, own, err error) {
	w := p.write
	t.before = append(t.before, "SAVEPOINT whole")
	e := t.entry(w, t.seqs+1)
	for i := range w.Ops {
		batch := &pgx.Batch{}
		e.op, e.n = &w.Ops[i], int64(written)
		queue(batch, t.trace, t.op(&e))
		own, err := t.try(ctx, batch, false, w.Ops[i:i+1])
		var refusal *Refusal
		switch {
		case err != nil:
			return 0, nil, err
		case own == nil:
			written++
		case errors.As(own, &refusal) && refusal.Reason != Conflict:
			refusal.Op = i
			p.out.Refused = append(p.out.Refused, *refusal)
		default:
			if refusal != nil {
				refusal.Op = i
			}
			return 0, own, t.undo(ctx, "whole")
		}
	}
	t.before = append(t.before, "RELEASE SAVEPOINT whole")
	if w.Key != nil {
		seq := t.seqs
		if written > 0 {
			seq++
		}
		batch := &pgx.Batch{}
		t.remember(batch, w, seq, p.out)
		if err := t.send(ctx, batch, nil); err != nil {
			return 0, nil, fault(ctx, t.conn, err)
		}
	}
	return written, nil, nil
}

// try runs the statements of a write, or none of them: then own says why not.
func (t *transaction) try(ctx context.Context, batch *pgx.Batch, absent bool, ops []Op) (own, err error) {
	t.before = append(t.before, "SAVEPOINT one")
	own = t.send(ctx, batch, func(results pgx.BatchResults) error {
		if absent {
			if _, err := results.Exec(); err != nil {
				return present(err)
			}
		}
		for i := range ops {
			tag, err := results.Exec()
			if err != nil {
				return t.refusal(i, &ops[i], err)
			}
			if tag.RowsAffected() != 1 {
				return &Refusal{Op: i, Reason: Conflict}
			}
		}
		return nil
	})
	if own == nil {
		t.before = append(t.before, "RELEASE SAVEPOINT one")
		return nil, nil
	}
	if t.conn.Conn().IsClosed() || passing(own) {
		return nil, fault(ctx, t.conn, own)
	}
	return own, t.undo(ctx, "one")
}

// undo takes a savepoint back. It travels alone: what the server does not know
// yet, it can't be told in a transaction that has failed.
func (t *transaction) undo(ctx context.Context, savepoint string) error {
	t.before = []string{"RELEASE SAVEPOINT " + savepoint} // those inside of it are gone
	return t.exec(ctx, "ROLLBACK TO SAVEPOINT "+savepoint)
}

func (t *transaction) exec(ctx context.Context, text string) error {
	_, err := t.conn.Exec(ctx, text)
	return fault(ctx, t.conn, err)
}

// send sends a batch behind what has to come before it, and has take read its results.
func (t *transaction) send(ctx context.Context, batch *pgx.Batch, take func(pgx.BatchResults) error) error {
	whole := &pgx.Batch{}
	for _, text := range t.before {
		whole.Queue(text)
	}
	whole.QueuedQueries = append(whole.QueuedQueries, batch.QueuedQueries...)
	results := t.conn.SendBatch(ctx, whole)
	var err error
	for range t.before {
		if _, err = results.Exec(); err != nil {
			break
		}
	}
	t.before = nil
	if err == nil && take != nil {
		err = take(results)
	}
	if closeErr := results.Close(); err == nil {
		err = closeErr
	}
	return err
}

// replay looks for what the write with this key did.
func (t *transaction) replay(ctx context.Context, key *IdempotencyKey) (before *Committed, own, err error) {
	b := newBuilder(postgresSQL, t.account)
	replayOf(b, key, t.at)
	batch := &pgx.Batch{}
	queue(batch, t.trace, b.statement())
	own = t.send(ctx, batch, func(results pgx.BatchResults) error {
		rows, err := results.Query()
		if err != nil {
			return err
		}
		return eachRow(rows, func(row scanner) (err error) {
			before, err = replayed(row, t.head.Epoch, key)
			return err
		})
	})
	if t.conn.Conn().IsClosed() || passing(own) {
		return nil, nil, fault(ctx, t.conn, own)
	}
	return before, own, nil
}

// present turns the failure of absent's statement into the refusal that it means.
func present(err error) error {
	var broken *pgconn.PgError
	if errors.As(err, &broken) && broken.Code == divisionByZero {
		return &Refusal{Reason: Conflict}
	}
	return err
}

// refusal turns a broken constraint into what the caller can mend.
func (t *transaction) refusal(i int, op *Op, err error) error {
	var broken *pgconn.PgError
	if !errors.As(err, &broken) {
		return err
	}
	table := tableOf(t.schema, op.Table)
	inPair := op.Pair != nil && broken.TableName == op.Pair.Link.Table
	switch broken.Code {
	case "23505": // unique_violation
		if inPair {
			return &Refusal{Op: i, Reason: Conflict} // somebody was faster: the caller looks again
		}
		if broken.ConstraintName == table.Name+"_pkey" {
			return &Refusal{Op: i, Reason: Taken, Field: "id"}
		}
		for _, ix := range table.indexes {
			if ix.name == broken.ConstraintName {
				return &Refusal{Op: i, Reason: Taken, Field: fieldOf(ix.columns[len(ix.columns)-1])}
			}
		}
	case "23503": // foreign_key_violation
		if op.Kind == Deleted {
			return &Refusal{Op: i, Reason: InUse}
		}
		if inPair {
			return &Refusal{Op: i, Reason: NotFound, Field: fieldOf(op.Pair.Link.Child)}
		}
		for _, ref := range table.refs {
			if ref.constraint == broken.ConstraintName {
				return &Refusal{Op: i, Reason: NotFound, Field: fieldOf(ref.column)}
			}
		}
	}
	return err
}
