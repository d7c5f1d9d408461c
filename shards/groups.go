package shards

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// groups is what waits to be written to a PostgreSQL primary. What waits is one
// transaction, never waiting for more, whichever accounts it is of. Each has its
// share of it under its own name, and whoever would hold up the others has a
// transaction to itself.
type groups struct {
	pool   *pgxpool.Pool
	schema map[string]*Table
	now    func() time.Time
	trace  func(Statement)
	// committed is told of each transaction; see Options.Committed.
	committed func(writes int, waited time.Duration)
	// ring tells other gateways that an account was written to.
	ring func(account string)
	// here reports whether the server computes on this machine.
	here func() bool

	line *line
	// apart has room for as many transactions of single accounts as may be under
	// way at once: they may wait for locks, and leave connections to the others.
	apart       chan struct{}
	connections int

	mu      sync.Mutex
	next    bool                 // a group is about to take from the line
	open    int                  // groups that are under way, next among them
	writing int                  // writes in them
	spoilt  map[string]time.Time // when an account last spoilt what others shared with it
	stopped bool
	running sync.WaitGroup
}

func newGroups(pool *pgxpool.Pool, schema map[string]*Table, opts Options) *groups {
	connections := int(pool.Config().MaxConns)
	return &groups{
		pool: pool, schema: schema, now: opts.Now, trace: opts.Trace, committed: opts.Committed, connections: connections,
		line: newLine(), apart: make(chan struct{}, max(1, connections-leftToShare)), spoilt: map[string]time.Time{},
	}
}

const (
	// commitTimeout bounds a transaction, with the wait for a connection and for
	// other gateways that write for the account.
	commitTimeout = 10 * time.Second
	// maxGroupOps is how many changes a group has, where not its first write alone
	// has more: others wait for as long as they take.
	maxGroupOps = 500
	// maxTogether is how many writes a group has. Those of one account may need a
	// savepoint each, and a server keeps 64 of a transaction in memory.
	maxTogether = 32
	// maxShareOps is how many changes of one account may hold up its neighbours.
	maxShareOps = 64
	// fewGroups are under way at once: more would be smaller ones, so another one
	// begins only where a whole one waits.
	fewGroups = 2
	// leftToShare is how many connections those that are alone leave to the others.
	leftToShare = 2
	// serverEffort is how many times longer processors work for a group than it takes,
	// and changeEffort is the most that they work for a change, on average: what takes
	// longer waits for a disk or a lock. Measured with floods of creates.
	serverEffort = 2
	changeEffort = time.Millisecond
	// keptApart is for how long an account that spoilt a transaction shares none.
	keptApart = time.Second
)

// commit hands a write over and waits for it to be on disk, as committer.commit
// does.
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
	p.out.Spent = p.spent
	return p.out, p.err
}

func (g *groups) add(p *pending) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.stopped {
		return errClosed
	}
	if !g.line.add(p) {
		return errCrowded
	}
	g.wake()
	return nil
}

// wake begins a group where one is wanted. Its caller holds mu.
func (g *groups) wake() {
	if g.next || !g.wanted(g.line.accounts()) {
		return
	}
	g.next = true
	g.open++
	g.running.Go(g.group)
}

// wanted reports whether accounts that wait are to be written beside what is under
// way. What comes first never waits, nor does a single write beside a few others;
// but small groups beside large ones cost more than the wait for their end.
func (g *groups) wanted(waiting int) bool {
	switch {
	case waiting == 0 || g.open == g.connections:
		return false
	case g.open >= fewGroups:
		return waiting >= maxTogether
	}
	return 3*waiting >= g.writing
}

// group commits what waits.
func (g *groups) group() {
	ctx, cancel := context.WithTimeout(context.Background(), commitTimeout)
	defer cancel()
	// First the connection: what comes while it is waited for is in the group.
	conn, err := acquire(ctx, g.pool)
	group := g.take()
	defer g.over(len(group))
	defer g.putBack(conn)
	if len(group) == 0 { // they have given up
		return
	}
	waited := time.Since(group[0].since)
	together, apart := g.divide(group)
	if err == nil && len(together) > 0 {
		var more []*share
		began := time.Now()
		together, more, err = g.commitTogether(ctx, conn, together)
		apart = append(apart, more...)
		g.charge(together, began)
	}
	g.finish(together, waited, err)
	for _, s := range apart {
		g.running.Go(func() { g.alone(s) })
	}
}

func (g *groups) take() []*pending {
	g.mu.Lock()
	defer g.mu.Unlock()
	group := g.line.take(maxTogether, maxGroupOps)
	g.next = false
	g.writing += len(group)
	g.wake() // for what is left
	return group
}

// over makes room for other groups after one of so many writes.
func (g *groups) over(writes int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.open--
	g.writing -= writes
	g.wake()
}

// divide makes each account's writes a share, and takes those apart for which
// others are not to wait.
func (g *groups) divide(group []*pending) (together, apart []*share) {
	of := make(map[string]*share, len(group))
	for _, p := range group {
		s := of[p.account]
		if s == nil {
			s = &share{groups: g, account: p.account, at: g.now().UTC()}
			of[p.account], together = s, append(together, s)
		}
		s.writes = append(s.writes, p)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	together = slices.DeleteFunc(together, func(s *share) bool {
		alone := s.size() > maxShareOps || time.Since(g.spoilt[s.account]) < keptApart
		if alone {
			apart = append(apart, s)
		}
		return alone
	})
	return together, apart
}

// alone commits a share in a transaction of its own.
func (g *groups) alone(s *share) {
	ctx, cancel := context.WithTimeout(context.Background(), commitTimeout)
	defer cancel()
	waited := time.Since(s.writes[0].since)
	err := g.commitApart(ctx, s)
	g.finish([]*share{s}, waited, err)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.wake() // for what has come for the account meanwhile
}

// commitApart waits for its turn among those that are alone, and commits.
func (g *groups) commitApart(ctx context.Context, s *share) error {
	select {
	case g.apart <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-g.apart }()
	conn, err := acquire(ctx, g.pool)
	if err != nil {
		return err
	}
	defer g.putBack(conn)
	defer g.charge([]*share{s}, time.Now())
	return g.commitAlone(ctx, conn, s)
}

// charge shares out among the writes of a transaction what processors worked for it
// since it began, where the server is here: what that did itself is not known.
func (g *groups) charge(shares []*share, began time.Time) {
	ops := 0
	for _, s := range shares {
		ops += s.size()
	}
	if ops == 0 || !g.here() {
		return
	}
	each := min(serverEffort*time.Since(began)/time.Duration(ops), changeEffort)
	for _, s := range shares {
		for _, p := range s.writes {
			p.spent = each * time.Duration(p.ops())
		}
	}
}

// finish tells those who wait what has become of their writes. The error, where
// there is one, is everybody's.
func (g *groups) finish(shares []*share, waited time.Duration, err error) {
	if errors.Is(err, context.DeadlineExceeded) { // of the group, not of a caller
		err = unreachable(err)
	}
	writes := 0
	for _, s := range shares {
		writes += len(s.writes)
		g.line.release(s.account)
		if err == nil {
			g.ring(s.account)
		}
		for _, p := range s.writes {
			if err != nil && p.err == nil {
				p.out, p.err = Committed{}, err
			}
			close(p.done)
		}
	}
	if err == nil && writes > 0 {
		g.committed(writes, waited)
	}
}

// spoil takes note that an account's share was of no use to those that it was
// together with: for a while it has its transactions to itself.
func (g *groups) spoil(account string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	maps.DeleteFunc(g.spoilt, func(_ string, at time.Time) bool { return time.Since(at) >= keptApart })
	g.spoilt[account] = time.Now()
}

func (g *groups) putBack(conn *pgxpool.Conn) {
	if conn == nil {
		return
	}
	if conn.Conn().IsClosed() {
		g.pool.Reset() // the others are of the same server
	}
	conn.Release()
}

// stop commits what waits, waits for the groups and closes the connections.
func (g *groups) stop() {
	g.mu.Lock()
	g.stopped = true
	g.mu.Unlock()
	g.running.Wait()
	g.pool.Close()
}
