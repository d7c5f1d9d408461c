package shards

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// groups is what waits to be written to a PostgreSQL primary. What waits for
// one account is one transaction, at most maxSavepoints of it and never waiting for
// more; accounts don't wait for each other but for a connection.
type groups struct {
	pool   *pgxpool.Pool
	schema map[string]*Table
	now    func() time.Time
	trace  func(Statement)
	// committed is told of each group; see Options.Committed.
	committed func(writes int, waited time.Duration)
	// ring tells other gateways that an account was written to.
	ring func(account string)

	mu      sync.Mutex
	waiting map[string][]*pending // an account has an entry while a worker writes for it
	stopped bool
	workers sync.WaitGroup
}

func newGroups(pool *pgxpool.Pool, schema map[string]*Table, opts Options) *groups {
	return &groups{
		pool: pool, schema: schema, now: opts.Now, trace: opts.Trace, committed: opts.Committed,
		waiting: map[string][]*pending{},
	}
}

const (
	// commitTimeout bounds a group, with the wait for a connection and for other
	// gateways that write for the account.
	commitTimeout = 10 * time.Second
	// maxGroupOps is how many changes a group has, where not its first write alone
	// has more: others wait for as long as they take.
	maxGroupOps = 500
	// maxSavepoints bounds the writes of a group by what a server keeps in memory
	// of a transaction's savepoints, which is 64.
	maxSavepoints = 32
)

// commit hands a write over and waits for it to be on disk, as committer.commit
// does. It starts a worker where the account has none.
func (g *groups) commit(ctx context.Context, account string, write *Write) (Committed, error) {
	if err := ctx.Err(); err != nil {
		return Committed{}, err
	}
	p := &pending{account: account, write: write, since: time.Now(), done: make(chan struct{})}
	if err := g.add(p); err != nil {
		return Committed{}, err
	}
	select {
	case <-p.done:
	case <-ctx.Done():
		if p.state.CompareAndSwap(0, pendingGivenUp) {
			return Committed{}, ctx.Err()
		}
		<-p.done
	}
	return p.out, p.err
}

func (g *groups) add(p *pending) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.stopped {
		return errClosed
	}
	of, busy := g.waiting[p.account]
	if len(of) == maxWaiting {
		return errCrowded
	}
	g.waiting[p.account] = append(of, p)
	if !busy {
		g.workers.Go(func() { g.work(p.account) })
	}
	return nil
}

// take returns the account's next group, and nothing once there is none left:
// then the account has no worker any more.
func (g *groups) take(account string) []*pending {
	g.mu.Lock()
	defer g.mu.Unlock()
	of := g.waiting[account]
	var out []*pending
	for ops := 0; len(of) > 0 && len(out) < maxSavepoints; of = of[1:] {
		p := of[0]
		if ops += p.ops(); ops > maxGroupOps && len(out) > 0 {
			break
		}
		if p.state.CompareAndSwap(0, pendingTaken) {
			out = append(out, p)
		}
	}
	g.waiting[account] = of
	if len(out) == 0 {
		delete(g.waiting, account)
	}
	return out
}

// work commits what waits for an account until nothing does.
func (g *groups) work(account string) {
	for {
		ctx, cancel := context.WithTimeout(context.Background(), commitTimeout)
		// First the connection: what comes while it is waited for is in the group.
		conn, err := acquire(ctx, g.pool)
		group := g.take(account)
		if len(group) > 0 {
			waited := time.Since(group[0].since)
			if err == nil {
				err = g.transact(ctx, conn, account, group)
			}
			if err == nil {
				g.committed(len(group), waited)
				g.ring(account)
			}
			if errors.Is(err, context.DeadlineExceeded) { // of the group, not of a caller
				err = unreachable(err)
			}
			for _, p := range group {
				if err != nil && p.err == nil {
					p.out, p.err = Committed{}, err
				}
				close(p.done)
			}
		}
		if conn != nil {
			if conn.Conn().IsClosed() {
				g.pool.Reset() // the others are of the same server
			}
			conn.Release()
		}
		cancel()
		if len(group) == 0 {
			return
		}
	}
}

// stop commits what waits, ends the workers and closes the connections.
func (g *groups) stop() {
	g.mu.Lock()
	g.stopped = true
	g.mu.Unlock()
	g.workers.Wait()
	g.pool.Close()
}
