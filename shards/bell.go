package shards

import (
	"context"
	"crypto/rand"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// bell tells the other gateways of a PostgreSQL shard which accounts were
// written to, and wakes those who follow them here when another one rings.
// Ringing is a transaction of its own after the commit: NOTIFY in the
// transaction that writes would make all commits of the database wait for each
// other. So a gateway that dies in between has not rung, and followers look by
// themselves now and then.
type bell struct {
	server *pgx.ConnConfig // the primary
	pool   *pgxpool.Pool   // of its connections for writing
	feeds  *feeds
	log    *slog.Logger
	self   string // tells our own ringing from that of others
	deaf   bool   // it is of no use to listen

	mu       sync.Mutex
	accounts map[string]struct{} // written to since we last rang
	rung     chan struct{}
}

const (
	channel = "gatehouse_writes"
	// lookAfter is how often followers look although nobody rang, and how often
	// it is tried whether a bell is heard at all.
	lookAfter = 5 * time.Second
	// lookDeaf is how often they look where no bell is heard, as behind a
	// PgBouncer that pools transactions.
	lookDeaf = 75 * time.Millisecond
	// deafAfter is how long our own bell may take to be heard.
	deafAfter = 2 * time.Second
	// connectAgain is the pause before the next connection.
	connectAgain = 200 * time.Millisecond
	// ringEvery is the pause after ringing, during which writes gather.
	ringEvery = 5 * time.Millisecond
	// ringOut sends notifications. What a crash of the server swallows would wake
	// nobody, since its listeners are gone too: no need to sync it.
	ringOut = "SELECT pg_notify('" + channel + "', told) FROM set_config('synchronous_commit', 'off', true), unnest($1::text[]) told"
	// maxTold is how many bytes a notification names accounts with; PostgreSQL
	// takes 7,999 in all.
	maxTold = 7000
)

func newBell(server *pgx.ConnConfig, pool *pgxpool.Pool, feeds *feeds, log *slog.Logger) *bell {
	return &bell{
		server: server, pool: pool, feeds: feeds, log: log, self: rand.Text(),
		accounts: map[string]struct{}{}, rung: make(chan struct{}, 1),
	}
}

// ring says that an account was written to. It never waits; what is rung while
// a notification is on its way goes with the next one.
func (b *bell) ring(account string) {
	b.mu.Lock()
	b.accounts[account] = struct{}{}
	b.mu.Unlock()
	select {
	case b.rung <- struct{}{}:
	default:
	}
}

// run notifies and listens until ctx ends.
func (b *bell) run(ctx context.Context) {
	var both sync.WaitGroup
	defer both.Wait()
	both.Go(func() {
		for {
			select {
			case <-b.rung:
				b.notify(ctx)
				time.Sleep(ringEvery)
			case <-ctx.Done():
				return
			}
		}
	})
	again := time.NewTimer(0)
	defer again.Stop()
	for {
		select {
		case <-again.C:
			again.Reset(b.attend(ctx))
		case <-ctx.Done():
			return
		}
	}
}

// attend wakes followers until it can't hear, and returns when to begin again.
func (b *bell) attend(ctx context.Context) time.Duration {
	if b.deaf {
		b.feeds.wakeAll()
		return lookDeaf
	}
	switch err := b.listen(ctx); {
	case ctx.Err() != nil:
	case err == nil:
		b.deaf = true
		b.log.Warn("this connection does not hear of other gateways' writes, as behind a pool of transactions: followers look instead", "every", lookDeaf)
	default:
		b.log.Warn("no connection to hear of other gateways' writes", "err", err)
	}
	return connectAgain
}

// notify rings for all accounts that wait for it, in one round trip. Where that
// fails, the others find out by looking.
func (b *bell) notify(ctx context.Context) {
	b.mu.Lock()
	accounts := slices.Collect(maps.Keys(b.accounts))
	clear(b.accounts)
	b.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	conn, err := acquire(ctx, b.pool)
	if err != nil {
		return
	}
	defer conn.Release()
	_, _ = conn.Exec(ctx, ringOut, b.told(accounts))
}

// told returns the notifications that name accounts: in each who tells and, by
// lines, what was written to.
func (b *bell) told(accounts []string) (out []string) {
	one := b.self
	for _, account := range accounts {
		if len(one)+len(account) > maxTold {
			out, one = append(out, one), b.self
		}
		one += "\n" + account
	}
	return append(out, one)
}

// listen wakes followers until the connection ends. It returns nil where nothing
// is heard on it.
func (b *bell) listen(ctx context.Context) error {
	conn, err := pgx.ConnectConfig(ctx, b.server)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if _, err := conn.Exec(ctx, "LISTEN "+channel); err != nil {
		return err
	}
	for {
		b.feeds.wakeAll() // for what nobody rang for, or we did not hear
		b.ring("")        // to hear ourselves
		if heard, err := b.hear(ctx, conn, deafAfter); err != nil || !heard {
			return err
		}
		if _, err := b.hear(ctx, conn, lookAfter); err != nil {
			return err
		}
	}
}

// hear wakes the followers of those accounts that others ring for. It returns
// once we have heard ourselves, or after a time.
func (b *bell) hear(ctx context.Context, conn *pgx.Conn, during time.Duration) (ourselves bool, err error) {
	soon, cancel := context.WithTimeout(ctx, during)
	defer cancel()
	for {
		n, err := conn.WaitForNotification(soon)
		switch {
		case ctx.Err() != nil:
			return false, ctx.Err()
		case soon.Err() != nil:
			return false, nil
		case err != nil:
			return false, err
		}
		from, told, _ := strings.Cut(n.Payload, "\n")
		switch accounts := strings.Split(told, "\n"); {
		case from != b.self:
			for _, account := range accounts {
				b.feeds.wake(account)
			}
		case slices.Contains(accounts, ""):
			return true, nil
		}
	}
}
