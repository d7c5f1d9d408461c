package shards

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/puddle/v2"
)

// node is one PostgreSQL server of a shard. It is safe for concurrent use.
type node struct {
	name    string // primary, replica-1 and so on
	replica bool
	pool    *pgxpool.Pool
	seats   *seats // of the pool's connections
	log     *slog.Logger
	trace   func(Statement)
	// out: the node does not answer, or is too far behind; see watch.
	out   atomic.Bool
	heads heads
	// here: its server is on this machine; see locate.
	here atomic.Bool
	// asked: watch has looked at the settings.
	asked bool
}

func openNode(name, dsn string, opts Options) (*node, error) {
	config, err := postgresConfig(dsn, readConnections)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	// A connection that died while it was idle is found when it is used, and the
	// read begins again on another one: no need to ask it first.
	config.ShouldPing = func(context.Context, pgxpool.ShouldPingParams) bool { return false }
	n := &node{name: name, seats: newSeats(int(config.MaxConns)), log: opts.Log.With("node", name), trace: opts.Trace}
	config.AfterConnect = n.locate
	n.pool, err = pgxpool.NewWithConfig(context.Background(), config)
	return n, err
}

const (
	beginRead = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
	// setRead names the account to the policies of the tables, for this
	// transaction only, which therefore may run behind a pool of transactions.
	// A gateway that hangs must not hold a snapshot for good.
	setRead = "SELECT set_config('app.account_id', $1, true), set_config('idle_in_transaction_session_timeout', '30s', true)"
	// setWhole is for a transaction that is sent as a whole, which is never idle.
	setWhole = "SELECT set_config('app.account_id', $1, true)"
	endRead  = "COMMIT"
)

// postgresRead is a transaction on a node.
type postgresRead struct {
	conn *pgxpool.Conn
	*node
	account string
}

// errBehind says that a replica has not reached the position that a read needs.
var errBehind = errors.New("the replica is behind")

func (r postgresRead) where() string { return r.name }

// begin opens a read: everything that it begins with travels together, so it
// takes one round trip.
func (n *node) begin(ctx context.Context, o *beginning) (read, error) {
	if err := n.seats.take(ctx, o.account); err != nil {
		return nil, err
	}
	conn, err := acquire(ctx, n.pool)
	if err != nil {
		n.seats.leave(o.account)
		return nil, err
	}
	r := postgresRead{conn, n, o.account}
	begun := false
	defer func() {
		if !begun { // or somebody has panicked
			r.close()
		}
	}()
	if err := r.begin(ctx, o); err != nil {
		if conn.Conn().IsClosed() && ctx.Err() == nil {
			n.pool.Reset() // the others are of the same server
		}
		return nil, fault(ctx, conn, err)
	}
	begun = true
	return r, nil
}

func (r postgresRead) begin(ctx context.Context, o *beginning) error {
	batch := &pgx.Batch{}
	batch.Queue(beginRead)
	if o.last {
		batch.Queue(setWhole, o.account)
	} else {
		batch.Queue(setRead, o.account)
	}
	queue(batch, r.trace, o.head(postgresSQL))
	return r.send(ctx, batch, o.first, o.last, func(results pgx.BatchResults) error { return r.admit(results, o) })
}

// admit reads what comes before the first statement.
func (r postgresRead) admit(results pgx.BatchResults, o *beginning) error {
	for range 2 { // BEGIN and set_config
		if _, err := results.Exec(); err != nil {
			return err
		}
	}
	h, err := takeHead(results)
	if r.replica && err == nil {
		r.heads.saw(o.account, h.Position)
	}
	if r.replica && (errors.Is(err, errMoved) || err == nil && h.Before(o.at)) {
		return errBehind // an account that is not here may be about to come
	}
	if err != nil {
		return err
	}
	o.handed = len(o.first) > 0
	return o.admit(h)
}

// takeHead returns the head of an account that is here.
func takeHead(results pgx.BatchResults) (head, error) {
	var h head
	err := h.scan(results.QueryRow())
	if errors.Is(err, pgx.ErrNoRows) {
		return h, h.here(false)
	}
	if err != nil {
		return h, err
	}
	return h, h.here(true)
}

func queue(batch *pgx.Batch, trace func(Statement), s Statement) {
	trace(s)
	batch.Queue(s.SQL, s.Args...)
}

// query takes one round trip.
func (r postgresRead) query(ctx context.Context, list []question, last bool) error {
	nothing := func(pgx.BatchResults) error { return nil }
	return fault(ctx, r.conn, r.send(ctx, &pgx.Batch{}, list, last, nothing))
}

// send sends statements behind what is in the batch, and the end of the
// transaction behind them where they are the last; before reads what comes
// ahead of their rows.
func (r postgresRead) send(ctx context.Context, batch *pgx.Batch, list []question, last bool, before func(pgx.BatchResults) error) (err error) {
	for i := range list {
		queue(batch, r.trace, list[i].render(postgresSQL, r.account))
	}
	if last {
		batch.Queue(endRead)
	}
	results := r.conn.SendBatch(ctx, batch)
	defer func() {
		if closeErr := results.Close(); err == nil {
			err = closeErr
		}
	}()
	err = before(results)
	for i := 0; i < len(list) && err == nil; i++ {
		var rows pgx.Rows
		if rows, err = results.Query(); err == nil {
			err = eachRow(rows, list[i].row)
		}
	}
	return err
}

// eachRow calls f for every row and closes rows.
func eachRow(rows pgx.Rows, f func(scanner) error) error {
	defer rows.Close()
	for rows.Next() {
		if err := f(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// close ends the transaction where it has not ended with its last statement,
// which nobody waits for but the pool: it has the connection back, or a new one
// in its place, before it can be closed.
func (r postgresRead) close() {
	if r.conn.Conn().PgConn().TxStatus() == 'I' || r.conn.Conn().IsClosed() {
		r.release()
		return
	}
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), connectTimeout)
		defer cancel()
		// Where it fails, the connection is not idle, and the pool drops it.
		_, _ = r.conn.Exec(ctx, "ROLLBACK")
		r.release()
	}()
}

// cleanUpTime bounds how long the pool keeps the place of a connection that was
// closed in the middle of something: until the server is told.
const cleanUpTime = 15 * time.Second

// release gives the seat back once the pool has the connection's place again.
func (r postgresRead) release() {
	conn := r.conn.Conn().PgConn()
	closed := conn.IsClosed() // before it is somebody else's
	r.conn.Release()
	if !closed {
		r.seats.leave(r.account)
		return
	}
	go func() {
		select {
		case <-conn.CleanupDone():
		case <-time.After(cleanUpTime):
		}
		r.seats.leave(r.account)
	}()
}

// acquire returns a connection of the pool, UNAVAILABLE where the server does
// not answer.
func acquire(ctx context.Context, pool *pgxpool.Pool) (*pgxpool.Conn, error) {
	conn, err := pool.Acquire(ctx)
	switch {
	case err == nil:
		return conn, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(err, puddle.ErrClosedPool):
		return nil, errClosed
	}
	return nil, unreachable(err)
}

// errUnreachable marks errors of a server that is not there, or not now.
var errUnreachable = errors.New("unreachable")

func unreachable(err error) error {
	return &Error{Code: Unavailable, Message: "the account can't be reached just now", RetryAfter: time.Second, Err: fmt.Errorf("%w: %w", errUnreachable, err)}
}

// fault returns what an error on a connection is to the caller: the end of its
// own context, UNAVAILABLE where the error says nothing about the statement but
// that the server is not there, or not now, and itself otherwise.
func fault(ctx context.Context, conn *pgxpool.Conn, err error) error {
	var known *Error
	switch {
	case err == nil, errors.As(err, &known):
		return err
	case ctx.Err() != nil:
		return ctx.Err()
	case conn.Conn().IsClosed(), passing(err):
		return unreachable(err)
	}
	return err
}

// passing reports whether a server refused for a reason that will be over.
func passing(err error) bool {
	var refusal *pgconn.PgError
	if !errors.As(err, &refusal) {
		return false
	}
	switch refusal.Code[:2] {
	case "08", // connection exception
		"40", // rolled back, such as for a conflict with what a replica replays
		"53", // insufficient resources
		"57": // operator intervention: it starts, stops, or was told to cancel
		return true
	}
	switch refusal.Code {
	case "55P03", // waited too long for a lock
		"25006": // it is no primary, or not any more
		return true
	}
	return false
}
