package shards

import (
	"context"
	"errors"
	"time"

	"github.com/tidwall/gjson"
)

// tally is a head with the writes of this group counted in. A head that was known is
// not read but taken for what the database has, which the group's end confirms.
type tally struct {
	head
	was   int64
	known bool
}

// tallies are the heads of a group's accounts. With ask all are read.
type tallies struct {
	of  map[string]*tally
	ask bool
}

func (w *committer) head(ctx context.Context, heads *tallies, account string) (*tally, error) {
	if t, ok := heads.of[account]; ok {
		return t, nil
	}
	h, known, _ := w.latest.begins(account)
	if known = known && !heads.ask && h.state == stateActive; !known {
		var err error
		if h, err = readHead(ctx, w.conn, &beginning{account: account}); err != nil {
			return nil, err
		}
	}
	if h.state != stateActive {
		return nil, errFenced
	}
	t := &tally{head: h, was: h.Seq, known: known}
	heads.of[account] = t
	return t, nil
}

// raise writes the group's number of an account; false where its head is not as it was
// known or read. Where the group gives it none, what was known is read after all.
func (w *committer) raise(ctx context.Context, account string, t *tally) (bool, error) {
	if t.Seq == t.was {
		if !t.known {
			return true, nil
		}
		h, err := readHead(ctx, w.conn, &beginning{account: account})
		return h == t.head, err
	}
	n, err := w.conn.exec(ctx, "UPDATE head SET seq = ?3 WHERE account_id = ?1 AND epoch = ?2 AND seq = ?4 AND state = 'active'",
		account, t.Epoch, t.Seq, t.was)
	return n == 1, err
}

var errFenced = &Error{Code: Unavailable, Message: "the account is being moved; try again", RetryAfter: time.Second}

func (w *committer) apply(ctx context.Context, heads *tallies, account string, write *Write) (Committed, error) {
	h, err := w.head(ctx, heads, account)
	if err != nil {
		return Committed{}, err
	}
	now := w.now().UTC()
	if write.Key != nil {
		b := newBuilder(sqliteSQL, account)
		replayOf(b, write.Key, now)
		var out *Committed
		err := w.conn.query(ctx, b.statement(), func(row scanner) (err error) {
			out, err = replayed(row, h.Epoch, write.Key)
			return err
		})
		if err != nil {
			return Committed{}, err
		}
		if out != nil {
			return *out, nil
		}
	}
	if write.Absent != nil {
		if err := w.absent(ctx, account, write.Absent); err != nil {
			return Committed{}, err
		}
	}
	out := Committed{Position: h.Position, At: now.Format(TimeFormat)}
	record := entry{account: account, seq: h.Seq + 1, write: write, actor: actorText(write), at: out.At}
	for i := range write.Ops {
		record.op = &write.Ops[i]
		err := w.op(ctx, &record)
		var refusal *Refusal
		switch {
		case err == nil:
			record.n++
		case errors.As(err, &refusal):
			refusal.Op = i
			if !write.Partial || refusal.Reason == Conflict {
				return Committed{}, refusal
			}
			out.Refused = append(out.Refused, *refusal)
		default:
			return Committed{}, err
		}
	}
	if record.n > 0 {
		out.Position.Seq = record.seq
	}
	// What changed nothing is remembered too: a repetition must not either.
	if write.Key != nil {
		if err := remember(ctx, w.conn, account, write, out); err != nil {
			return Committed{}, err
		}
	}
	h.Seq = out.Position.Seq
	return out, nil
}

// absent refuses the write whose page is no longer empty.
func (w *committer) absent(ctx context.Context, account string, p *Page) error {
	b := newBuilder(sqliteSQL, account)
	p.count(b)
	return w.conn.query(ctx, b.statement(), func(row scanner) error {
		var parent string
		var n int64
		if err := row.Scan(&parent, &n); err != nil {
			return err
		}
		if n > 0 {
			return &Refusal{Reason: Conflict}
		}
		return nil
	})
}

// op writes one record and its change, or neither (invariant 3). What is refused
// is refused before anything is written, but for a pair.
func (w *committer) op(ctx context.Context, e *entry) error {
	if !e.write.Partial || e.op.Pair == nil {
		if err := w.put(ctx, e.account, e.at, e.op); err != nil {
			return err
		}
		return e.append(ctx, w.conn)
	}
	if err := w.conn.control(ctx, "SAVEPOINT op"); err != nil {
		return err
	}
	defer w.conn.control(ctx, "RELEASE op")
	err := w.put(ctx, e.account, e.at, e.op)
	if err == nil {
		return e.append(ctx, w.conn)
	}
	if rerr := w.conn.control(ctx, "ROLLBACK TO op"); rerr != nil {
		return rerr
	}
	return err
}

func (w *committer) put(ctx context.Context, account, at string, op *Op) error {
	t := tableOf(w.tables, op.Table)
	var n int64
	var err error
	switch op.Kind {
	case Created:
		args := append([]any{account, op.ID, int64(1), at, at, string(op.Body)}, t.folded(op.Body)...)
		n, err = w.conn.exec(ctx, t.sql.insert, args...)
	case Updated:
		text, folded := t.update(op)
		args := append([]any{account, op.ID, op.Version + 1, op.Version, at, string(op.Body)}, folded...)
		n, err = w.conn.exec(ctx, text, args...)
	case Deleted:
		n, err = w.conn.exec(ctx, t.sql.delete, account, op.ID, op.Version)
	}
	if err != nil {
		return w.refusal(ctx, account, t, op, err)
	}
	if n != 1 {
		return &Refusal{Reason: Conflict}
	}
	if op.Pair == nil {
		return nil
	}
	l := op.Pair.Link
	text := "INSERT INTO " + l.Table + " (account_id, " + l.Parent + ", " + l.Child + ") VALUES (?1, ?2, ?3)"
	if op.Pair.Remove {
		text = "DELETE FROM " + l.Table + " WHERE account_id = ?1 AND " + l.Parent + " = ?2 AND " + l.Child + " = ?3"
	}
	n, err = w.conn.exec(ctx, text, account, op.Pair.Parent, op.Pair.Child)
	switch constraintOf(err) {
	case constraintNone:
		if err == nil && n != 1 {
			return &Refusal{Reason: Conflict}
		}
		return err
	case constraintKey, constraintUnique:
		return &Refusal{Reason: Conflict} // somebody was faster: the caller looks again
	}
	return &Refusal{Reason: NotFound, Field: fieldOf(l.Child)}
}

// refusal turns a broken constraint into what the caller can mend.
func (w *committer) refusal(ctx context.Context, account string, t *Table, op *Op, err error) error {
	switch constraintOf(err) {
	case constraintKey:
		return &Refusal{Reason: Taken, Field: "id"}
	case constraintUnique:
		return &Refusal{Reason: Taken, Field: fieldOf(uniqueColumn(err))}
	case constraintForeign:
		if op.Kind == Deleted {
			return &Refusal{Reason: InUse}
		}
		// SQLite does not say which one is missing.
		for _, ref := range t.refs {
			id := gjson.GetBytes(op.Body, fieldOf(ref.column))
			if id.Type != gjson.String {
				continue
			}
			b, found := newBuilder(sqliteSQL, account), false
			b.WriteString("SELECT 1 FROM " + ref.table + " WHERE account_id = " + b.account + " AND id = " + b.arg(id.Str))
			if err := w.conn.query(ctx, b.statement(), func(scanner) error { found = true; return nil }); err != nil {
				return err
			}
			if !found {
				return &Refusal{Reason: NotFound, Field: fieldOf(ref.column)}
			}
		}
	}
	return err
}
