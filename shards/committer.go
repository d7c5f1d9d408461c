package shards

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/tidwall/gjson"
)

// committer is the one goroutine that writes to a shard. It takes what waits,
// never waiting for more, and commits it in one transaction with one sync.
type committer struct {
	shard *Shard
	conn  *conn
	queue chan *pending
	quit  chan struct{}
	ended chan struct{}
}

const (
	queueLength = 1024
	// maxGroup bounds how long the first of a group waits for the last.
	maxGroup = 32
)

// pending is a write on its way through the committer.
type pending struct {
	account string
	write   *Write
	// task, where set, is what to do instead of a write, for operators.
	task func(ctx context.Context, c *conn) error
	// state is set once, by the committer or by a caller that gives up.
	state atomic.Int32
	out   Committed
	err   error
	done  chan struct{}
}

const (
	pendingTaken = iota + 1
	pendingGivenUp
)

func startCommitter(s *Shard) (*committer, error) {
	c, err := pin(context.Background(), s.engine.writer, s.opts.Trace)
	if err != nil {
		return nil, err
	}
	w := &committer{shard: s, conn: c, queue: make(chan *pending, queueLength), quit: make(chan struct{}), ended: make(chan struct{})}
	go w.run()
	return w, nil
}

// stop commits what waits and ends the goroutine.
func (w *committer) stop() {
	close(w.quit)
	<-w.ended
	w.conn.close()
}

var errClosed = &Error{Code: Unavailable, Message: "the gateway is stopping", RetryAfter: time.Second}

// commit hands a write over and waits for it to be on disk. When ctx ends
// first, the write is taken back, unless it is being committed already: then
// its outcome is waited for, since "perhaps" is no answer.
func (w *committer) commit(ctx context.Context, account string, write *Write) (Committed, error) {
	return w.submit(ctx, &pending{account: account, write: write})
}

// do runs a task in a transaction of the writer, in turn with the writes.
func (w *committer) do(ctx context.Context, task func(ctx context.Context, c *conn) error) error {
	_, err := w.submit(ctx, &pending{task: task})
	return err
}

func (w *committer) submit(ctx context.Context, p *pending) (Committed, error) {
	p.done = make(chan struct{})
	select {
	case w.queue <- p:
	case <-w.quit:
		return Committed{}, errClosed
	case <-ctx.Done():
		return Committed{}, ctx.Err()
	}
	select {
	case <-p.done:
	case <-w.ended:
		if p.state.CompareAndSwap(0, pendingGivenUp) {
			return Committed{}, errClosed
		}
		<-p.done
	case <-ctx.Done():
		if p.state.CompareAndSwap(0, pendingGivenUp) {
			return Committed{}, ctx.Err()
		}
		<-p.done
	}
	return p.out, p.err
}

func (w *committer) run() {
	defer close(w.ended)
	for {
		select {
		case p := <-w.queue:
			w.group(p)
		case <-w.quit:
			for {
				select {
				case p := <-w.queue:
					w.group(p)
				default:
					return
				}
			}
		}
	}
}

// group commits first and what waits behind it, and reports to each.
func (w *committer) group(first *pending) {
	group := make([]*pending, 0, maxGroup)
	for p := first; p != nil; {
		if p.state.CompareAndSwap(0, pendingTaken) {
			group = append(group, p)
		}
		p = nil
		if len(group) < maxGroup {
			select {
			case p = <-w.queue:
			default:
			}
		}
	}
	if err := w.transact(group); err != nil {
		for _, p := range group {
			if p.err == nil {
				p.out, p.err = Committed{}, err
			}
		}
	}
	for _, p := range group {
		close(p.done)
	}
}

// transact applies the writes of a group, each in its savepoint, and commits.
// A write's own failure is left in its err; the error returned is everybody's.
func (w *committer) transact(group []*pending) (err error) {
	ctx := context.Background()
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic in the committer: %v\n%s", r, debug.Stack())
		}
		if rerr := w.conn.rollback(); err == nil {
			err = rerr
		}
	}()
	if err := w.conn.begin(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	heads := make(map[string]*tally, 1)
	for _, p := range group {
		if err := w.conn.control(ctx, "SAVEPOINT one"); err != nil {
			return err
		}
		if p.task != nil {
			p.err = p.task(ctx, w.conn)
		} else {
			p.out, p.err = w.apply(ctx, heads, p.account, p.write)
		}
		if p.err != nil {
			if err := w.conn.control(ctx, "ROLLBACK TO one"); err != nil {
				return err
			}
		}
		if err := w.conn.control(ctx, "RELEASE one"); err != nil {
			return err
		}
	}
	for account, t := range heads {
		if t.Seq == t.was {
			continue
		}
		n, err := w.conn.exec(ctx, "UPDATE head SET seq = ?2 WHERE account_id = ?1 AND seq = ?3 AND state = 'active'", account, t.Seq, t.was)
		if err != nil {
			return err
		}
		if n != 1 {
			return errors.New("the head moved under its lock")
		}
	}
	return w.conn.commit(ctx)
}

// tally is a head with the writes of this group counted in.
type tally struct {
	head
	was int64
}

func (w *committer) head(ctx context.Context, heads map[string]*tally, account string) (*tally, error) {
	if t, ok := heads[account]; ok {
		return t, nil
	}
	h, err := readHead(ctx, w.conn, account)
	if err != nil {
		return nil, err
	}
	if h.state != stateActive {
		return nil, errFenced
	}
	t := &tally{head: h, was: h.Seq}
	heads[account] = t
	return t, nil
}

var errFenced = &Error{Code: Unavailable, Message: "the account is being moved; try again", RetryAfter: time.Second}

func (w *committer) apply(ctx context.Context, heads map[string]*tally, account string, write *Write) (Committed, error) {
	h, err := w.head(ctx, heads, account)
	if err != nil {
		return Committed{}, err
	}
	now := w.shard.opts.Now().UTC()
	if write.Key != nil {
		out, err := replay(ctx, w.conn, account, h.Epoch, write.Key, now)
		if err != nil || out != nil {
			if out == nil {
				out = &Committed{}
			}
			return *out, err
		}
	}
	at := now.Format(TimeFormat)
	out := Committed{Position: h.Position, At: at}
	seq := h.Seq + 1
	written := 0
	for i := range write.Ops {
		op := &write.Ops[i]
		err := w.op(ctx, account, seq, written, at, write, op)
		var refusal *Refusal
		switch {
		case err == nil:
			written++
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
	if written == 0 {
		return out, nil
	}
	out.Position.Seq = seq
	if write.Key != nil {
		if err := remember(ctx, w.conn, account, write, out); err != nil {
			return Committed{}, err
		}
	}
	h.Seq = seq
	return out, nil
}

// op writes one record and its change, or neither (invariant 3).
func (w *committer) op(ctx context.Context, account string, seq int64, n int, at string, write *Write, op *Op) error {
	if write.Partial {
		if err := w.conn.control(ctx, "SAVEPOINT op"); err != nil {
			return err
		}
		defer w.conn.control(ctx, "RELEASE op")
	}
	err := w.put(ctx, account, at, op)
	if err == nil {
		err = appendChange(ctx, w.conn, account, seq, n, at, write, op)
	}
	if err != nil && write.Partial {
		if rerr := w.conn.control(ctx, "ROLLBACK TO op"); rerr != nil {
			return rerr
		}
	}
	return err
}

func (w *committer) put(ctx context.Context, account, at string, op *Op) error {
	t := w.shard.table(op.Table)
	var n int64
	var err error
	switch op.Kind {
	case Created:
		args := append([]any{account, op.ID, int64(1), at, at, string(op.Body)}, t.folded(op.Body)...)
		n, err = w.conn.exec(ctx, t.sql.insert, args...)
	case Updated:
		args := append([]any{account, op.ID, op.Version + 1, op.Version, at, string(op.Body)}, t.folded(op.Body)...)
		n, err = w.conn.exec(ctx, t.sql.update, args...)
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
			var one int
			err := w.conn.one(ctx, w.shard.table(ref.table).sql.exists, []any{account, id.Str}, &one)
			if errors.Is(err, sql.ErrNoRows) {
				return &Refusal{Reason: NotFound, Field: fieldOf(ref.column)}
			}
			if err != nil {
				return err
			}
		}
	}
	return err
}
