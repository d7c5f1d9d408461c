package shards

import (
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
)

// share is what one account writes in a transaction on PostgreSQL. All its
// statements run under the account's name.
type share struct {
	*groups
	account string
	writes  []*pending
	at      time.Time
	head    head  // as it was
	seqs    int64 // how many numbers are used
	// atOnce: the first statement raises the head, by seqs, and each fails where it
	// leaves a change out.
	atOnce bool
	// ifFree: it does so only where nobody else has locked the head.
	ifFree bool
	// raised: that statement has been rendered.
	raised bool
	// skipped: the head was not to be had without waiting, or the account is not
	// written to here. Nothing was made.
	skipped bool
}

// raiseHead counts the share's changes: a write that left one out must not be
// committed, and 'torn' is no state.
const raiseHead = `UPDATE head SET seq = seq + $2, state = CASE WHEN state = 'active' AND (SELECT count(*) FROM change c
	WHERE c.account_id = $1 AND c.seq > head.seq) = $3 THEN state ELSE 'torn' END WHERE account_id = $1`

// size is how many changes the share makes.
func (s *share) size() (n int) {
	for _, w := range s.writes {
		n += w.ops()
	}
	return n
}

// begin prepares to make all the share's writes at once.
func (s *share) begin(ifFree bool) {
	s.atOnce, s.ifFree, s.raised, s.seqs = true, ifFree, false, 0
	for _, w := range s.writes {
		if len(w.write.Ops) > 0 {
			s.seqs++
		}
	}
}

// take reads the n results of the share's statements: of the one that names the
// account, of the one that raises its head, and of the others.
func (s *share) take(results pgx.BatchResults, n int) error {
	if _, err := results.Exec(); err != nil {
		return err
	}
	var err error
	s.head, err = takeHead(results)
	if s.skipped = s.ifFree && errors.Is(err, errMoved); err != nil && !s.skipped {
		return err
	}
	for range n - 2 {
		if _, err := results.Exec(); err != nil {
			return err
		}
	}
	if !s.skipped {
		for _, w := range s.writes {
			w.out.Position = Position{s.head.Epoch, s.head.Seq + w.out.Position.Seq}
		}
	}
	return nil
}

// whole adds the statements of a write. Its number is seq above the head's.
func (s *share) whole(batch *pgx.Batch, w *Write, seq int64, out Committed) {
	if w.Absent != nil {
		queue(batch, s.trace, s.absent(w.Absent))
	}
	e := s.entry(w, seq)
	for i := range w.Ops {
		e.op, e.n = &w.Ops[i], int64(i)
		queue(batch, s.trace, s.op(&e))
	}
	if w.Key != nil {
		s.remember(batch, w, seq, out)
	}
}

// entry returns a write's entry without an op. Its number is seq above the head's.
func (s *share) entry(w *Write, seq int64) entry {
	return entry{account: s.account, seq: seq, write: w, actor: actorText(w), at: s.at.Format(TimeFormat)}
}

// absent renders a statement that fails where the page is not empty.
func (s *share) absent(page *Page) Statement {
	b := newBuilder(postgresSQL, s.account)
	b.WriteString("SELECT 1 / (1 - least(n, 1)) FROM (")
	page.count(b)
	b.WriteString(") present(parent, n), ")
	s.held(b)
	b.WriteString(" held")
	return b.statement()
}

// divisionByZero is how absent's statement fails.
const divisionByZero = "22012"

// remember adds the statements that keep a write's key, and forget the oldest
// of those that are too old, its own among them.
func (s *share) remember(batch *pgx.Batch, w *Write, seq int64, out Committed) {
	b := newBuilder(postgresSQL, s.account)
	b.WriteString("DELETE FROM idempotency USING ")
	s.held(b)
	old := "SELECT key, field FROM idempotency WHERE account_id = " + b.account + " AND at < " + b.arg(expired(s.at))
	b.add(" held WHERE account_id = ", b.account, " AND (key, field) IN (SELECT * FROM (", old, " ORDER BY at LIMIT ", b.arg(int64(maxForgotten)),
		") oldest UNION ALL ", old, " AND key = ", b.arg(w.Key.Key), " AND field = ", b.arg(w.Key.Field), ")")
	queue(batch, s.trace, b.statement())
	b = newBuilder(postgresSQL, s.account)
	b.add("INSERT INTO idempotency (account_id, key, field, input, seq, result, at) SELECT ", b.account, ", ", b.arg(w.Key.Key), ", ",
		b.arg(w.Key.Field), ", ", b.arg(w.Key.Input), ", ")
	s.number(b, seq)
	b.add(", ", b.arg(string(answerOf(w, out))), ", ", b.arg(out.At), " FROM ")
	s.held(b)
	b.WriteString(" held")
	queue(batch, s.trace, b.statement())
}

// held renders the head that this transaction has locked: one row, or none where
// it was skipped. Nothing is written without it, nor any number given out. Who
// asks first raises it: what waits for it comes after this transaction in the
// account's history.
func (s *share) held(b *builder) {
	const active = " WHERE account_id = $1 AND state = 'active'"
	switch {
	case !s.atOnce:
		b.WriteString("(SELECT seq FROM head" + active + ")")
		return
	case s.raised:
		b.WriteString("(SELECT seq FROM head" + active + " AND xmin = pg_current_xact_id()::xid)")
		return
	}
	b.add("(UPDATE head SET seq = seq + ", b.arg(s.seqs))
	if s.ifFree {
		b.WriteString(" FROM (SELECT account_id AS id FROM head" + active + " FOR UPDATE SKIP LOCKED) free" + active + " AND account_id = free.id")
	} else {
		b.WriteString(active)
	}
	b.WriteString(" RETURNING seq, epoch, state, trimmed)")
}

// asItWas renders what ends the statement that raises the head: the head before it.
func (s *share) asItWas(b *builder) {
	b.add(" SELECT seq - ", b.arg(s.seqs), ", epoch, state, trimmed, -1 FROM held")
}

// number renders the number that is so many above the head as it was, from held.
func (s *share) number(b *builder, above int64) {
	if s.atOnce {
		above -= s.seqs
	}
	b.add("held.seq + ", b.arg(above))
}
