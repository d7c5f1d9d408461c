package shards

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
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
	setWrite = `SELECT set_config('app.account_id', $1, true), set_config('lock_timeout', $2, true),
		set_config('idle_in_transaction_session_timeout', '5s', true), set_config('synchronous_commit',
		CASE current_setting('synchronous_commit') WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END, true)`
	// setNext goes on to the next account. The policies show one at a time.
	setNext = "SELECT set_config('app.account_id', $1, true)"
	// lockTimeout bounds an account's wait for its own locks, sharedLockTimeout
	// its neighbours'. They don't wait for heads, and all else that an account
	// locks lies behind its head: what is left is somebody at a console.
	lockTimeout       = "3s"
	sharedLockTimeout = "50ms"
)

// errUnknown is the answer when the connection is lost with a write on it.
var errUnknown = &Error{Code: Unavailable, Message: "it is not known whether the write was made; send it again with the same idempotency key, or look", RetryAfter: time.Second}

// commitTogether commits the shares of several accounts in one transaction. It
// returns those that were in it, the error being that of each, and those that
// are to be committed apart, of which nothing has happened.
func (g *groups) commitTogether(ctx context.Context, conn *pgxpool.Conn, all []*share) (in, apart []*share, err error) {
	in = all
	defer cleanUp(ctx, conn, &err)
	for len(in) > 0 {
		a := attempt{conn: conn, shares: in, together: true}
		made, err := a.commit(ctx)
		switch {
		case err != nil:
			return in, apart, err
		case !made && a.failed == nil: // nobody knows whose fault it is
			return nil, append(apart, in...), nil
		case !made:
			g.spoil(a.failed.account)
		}
		in = slices.DeleteFunc(in, func(s *share) bool {
			leaves := s == a.failed || made && s.skipped
			if leaves {
				apart = append(apart, s)
			}
			return leaves
		})
		if made {
			break
		}
	}
	return in, apart, nil
}

// commitAlone commits a share in a transaction of its own. A write's own failure
// is left in its err; the error returned is everybody's.
func (g *groups) commitAlone(ctx context.Context, conn *pgxpool.Conn, s *share) (err error) {
	defer cleanUp(ctx, conn, &err)
	a := attempt{conn: conn, shares: []*share{s}}
	if made, err := a.commit(ctx); made || err != nil {
		return err
	}
	return (&transaction{share: s, conn: conn}).oneByOne(ctx)
}

// cleanUp makes an error of a panic, and leaves no transaction open.
func cleanUp(ctx context.Context, conn *pgxpool.Conn, err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("panic in a transaction: %v\n%s", r, debug.Stack())
	}
	if conn.Conn().PgConn().TxStatus() != 'I' && !conn.Conn().IsClosed() {
		_, _ = conn.Exec(ctx, "ROLLBACK") // the pool drops a connection where it fails
	}
}

// attempt makes all writes of its shares in one transaction and one round trip,
// in the hope that nothing speaks against any of them.
type attempt struct {
	conn   *pgxpool.Conn
	shares []*share
	// together: a share whose head is not free is skipped.
	together bool
	// failed is the share that something spoke against, where one is to blame.
	failed *share
}

// commit returns false where something spoke against a write, or somebody has
// used a key before: then nothing has happened.
func (a *attempt) commit(ctx context.Context) (made bool, err error) {
	batch := &pgx.Batch{}
	batch.Queue(beginWrite)
	ends := make([]int, len(a.shares)) // of each share's statements in the batch
	for i := range a.shares {
		if !a.render(batch, i) {
			return false, nil
		}
		ends[i] = batch.Len()
	}
	batch.Queue("COMMIT")
	results := a.conn.SendBatch(ctx, batch)
	err = a.take(results, ends)
	if closeErr := results.Close(); err == nil {
		err = closeErr
	}
	var refusal *pgconn.PgError
	switch {
	case err == nil:
		return true, nil
	case a.conn.Conn().IsClosed() || !errors.As(err, &refusal) && !errors.Is(err, errMoved), passing(err) && !(a.together && waited(refusal)):
		return false, lost(ctx, a.conn, err)
	}
	_, err = a.conn.Exec(ctx, "ROLLBACK")
	return false, fault(ctx, a.conn, err)
}

// render adds a share's statements. One that panics, which before neighbours is
// no more than to have failed, will do so again where it is alone.
func (a *attempt) render(batch *pgx.Batch, i int) (ok bool) {
	s := a.shares[i]
	if a.together {
		defer func() {
			if recover() != nil {
				ok, a.failed = false, s
			}
		}()
	}
	switch {
	case i > 0:
		batch.Queue(setNext, s.account)
	case a.together:
		batch.Queue(setWrite, s.account, sharedLockTimeout)
	default:
		batch.Queue(setWrite, s.account, lockTimeout)
	}
	s.together(batch, a.together)
	return true
}

// take reads the results of what was sent.
func (a *attempt) take(results pgx.BatchResults, ends []int) error {
	if _, err := results.Exec(); err != nil { // of BEGIN
		return err
	}
	at := 1
	for i, s := range a.shares {
		if err := s.take(results, ends[i]-at); err != nil {
			a.failed = s
			return err
		}
		at = ends[i]
	}
	return ended(results, 1)
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

// waited reports whether a server refused to wait any longer: for a lock, or for
// a statement where its operator bounds them.
func waited(refusal *pgconn.PgError) bool {
	return refusal != nil && slices.Contains([]string{"55P03", "40P01", "57014"}, refusal.Code) // lock_timeout, deadlock, statement_timeout
}

// lost returns what a failure to send a COMMIT, or of it, is to the callers.
func lost(ctx context.Context, conn *pgxpool.Conn, err error) error {
	var known *Error
	if conn.Conn().IsClosed() && !errors.As(err, &known) && !pgconn.SafeToRetry(err) {
		unknown := *errUnknown
		unknown.Err = err
		return &unknown
	}
	return fault(ctx, conn, err)
}
