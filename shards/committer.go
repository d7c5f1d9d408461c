package shards

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"sync/atomic"
	"time"
)

// committer is the one goroutine that writes to a shard. It takes what waits,
// never waiting for more, and commits it in one transaction with one sync.
type committer struct {
	conn   *conn
	tables map[string]*Table
	latest *latest
	wal    *checkpointer
	now    func() time.Time
	// committed is told of each group: Options.Committed.
	committed func(writes int, waited time.Duration)
	line      *line
	quit      chan struct{}
	ended     chan struct{}
}

// maxGroup bounds how long the first of a group waits for the last: so many
// people can write at once and each still shares a sync. With maxGroupOps it
// bounds how long a neighbour waits.
const maxGroup = 64

// effort is how many times longer processors work for a write than its statements
// take: its frames are put together, written, synced, and copied from the WAL into
// the file. Measured with floods of creates; a sync's wait for the disk is no work.
const effort = 3

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
	spent time.Duration
	done  chan struct{}
	since time.Time // when it was submitted
}

const (
	pendingTaken = iota + 1
	pendingGivenUp
)

func startCommitter(c *conn, tables map[string]*Table, known *latest, checkpoints *checkpointer, opts Options) *committer {
	w := &committer{conn: c, tables: tables, latest: known, wal: checkpoints, now: opts.Now, committed: opts.Committed, line: newLine(), quit: make(chan struct{}), ended: make(chan struct{})}
	go w.run()
	return w
}

// stop commits what waits and ends the goroutine.
func (w *committer) stop() {
	close(w.quit)
	<-w.ended
}

var (
	errClosed  = &Error{Code: Unavailable, Message: "the gateway is stopping", RetryAfter: time.Second}
	errCrowded = &Error{Code: Unavailable, Message: "too many writes of this account are waiting", RetryAfter: time.Second}
)

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
	p.done, p.since = make(chan struct{}), time.Now()
	if err := ctx.Err(); err != nil {
		return Committed{}, err
	}
	if !w.line.add(p) {
		return Committed{}, errCrowded
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
	p.out.Spent = p.spent
	return p.out, p.err
}

func (w *committer) run() {
	defer close(w.ended)
	for {
		select {
		case <-w.line.ready:
		case <-w.quit:
			for w.group() {
			}
			return
		}
		for w.group() {
		}
	}
}

// group commits what waits and reports to each; false where nothing did.
func (w *committer) group() bool {
	group := w.line.take(maxGroup, maxGroupOps)
	if len(group) == 0 {
		return false
	}
	waited := time.Since(group[0].since)
	w.wal.writes.Lock()
	err := w.transact(group)
	w.wal.writes.Unlock()
	w.wal.grew()
	if err != nil {
		for _, p := range group {
			if p.err == nil {
				p.out, p.err = Committed{}, err
			}
		}
	}
	for _, p := range group {
		w.line.release(p.account)
		close(p.done)
	}
	w.committed(len(group), waited)
	return true
}

// transact applies the writes of a group and commits. A write's own failure is
// left in its err; the error returned is everybody's.
func (w *committer) transact(group []*pending) error {
	done, err := w.attempt(group, false)
	if !done && err == nil {
		_, err = w.attempt(group, true)
	}
	return err
}

// attempt is one transaction for a group. A write has a savepoint where it may
// be refused when part of it is made, or where each one is guarded: SQLite undoes
// a single statement that fails by itself, and copies every page for a savepoint.
// Where a write without one fails in a way that nobody foresaw, or a head is not as
// it was known, nothing has happened, and attempt returns false.
func (w *committer) attempt(group []*pending, guarded bool) (done bool, err error) {
	ctx := context.Background()
	defer func() {
		if r := recover(); r != nil {
			done, err = true, fmt.Errorf("panic in the committer: %v\n%s", r, debug.Stack())
		}
		if rerr := w.conn.rollback(); err == nil {
			err = rerr
		}
	}()
	if err := w.conn.begin(ctx, "BEGIN IMMEDIATE"); err != nil {
		return true, err
	}
	tasks := slices.ContainsFunc(group, func(p *pending) bool { return p.task != nil })
	heads := tallies{of: make(map[string]*tally, 1), ask: guarded || tasks}
	for _, p := range group {
		if guarded || len(group) > 1 && p.compound() {
			err = w.guard(ctx, &heads, p)
		} else if p.out, p.err = w.one(ctx, &heads, p); p.err != nil && (p.compound() || !foreseen(p.err)) {
			astray := !heads.ask && !foreseen(p.err) // perhaps a head is not as it was known
			if astray {
				w.latest.forget()
			}
			if astray || len(group) > 1 {
				return false, nil
			}
			err = p.err // and the rollback undoes it
		}
		if err != nil {
			return true, err
		}
	}
	for account, t := range heads.of {
		same, err := w.raise(ctx, account, t)
		if err != nil && !errors.Is(err, errMoved) {
			return true, err
		}
		if !same && !heads.ask {
			w.latest.forget()
			return false, nil
		}
		if !same {
			return true, errors.New("the head moved under its lock")
		}
	}
	return true, w.latest.commits(heads.of, tasks, func() error { return w.conn.commit(ctx) })
}

// guard makes a write in its savepoint. The error returned is everybody's.
func (w *committer) guard(ctx context.Context, heads *tallies, p *pending) error {
	if err := w.conn.control(ctx, "SAVEPOINT one"); err != nil {
		return err
	}
	if p.out, p.err = w.one(ctx, heads, p); p.err != nil {
		if err := w.conn.control(ctx, "ROLLBACK TO one"); err != nil {
			return err
		}
	}
	return w.conn.control(ctx, "RELEASE one")
}

func (w *committer) one(ctx context.Context, heads *tallies, p *pending) (Committed, error) {
	defer func(since time.Time) { p.spent = effort * time.Since(since) }(time.Now())
	if p.task != nil {
		return Committed{}, p.task(ctx, w.conn)
	}
	return w.apply(ctx, heads, p.account, p.write)
}

// compound reports whether p may be refused when part of it is made.
func (p *pending) compound() bool {
	return p.task != nil || len(p.write.Ops) > 1 || len(p.write.Ops) == 1 && p.write.Ops[0].Pair != nil
}

// ops is how many changes p makes.
func (p *pending) ops() int {
	if p.write == nil {
		return 0
	}
	return len(p.write.Ops)
}

// foreseen reports whether a write that is not compound was refused before
// anything of it was made.
func foreseen(err error) bool {
	var refusal *Refusal
	var known *Error
	return errors.As(err, &refusal) || errors.As(err, &known) || errors.Is(err, errMoved)
}
