package transport

import (
	"context"
	"sync"
	"time"

	"gatehouse/shards"
	"gatehouse/tenancy"
)

// confirmEvery is how often a stream's caller is looked up again, and
// unconfirmedFor how long a stream goes on while the directory can't say.
const (
	confirmEvery   = time.Second
	unconfirmedFor = 5 * time.Second
)

// authority says for as long as a stream lives whether its caller may still be
// served (tenancy's invariant 3). It is safe for concurrent use.
type authority struct {
	gate Gate
	host string

	mu        sync.Mutex
	caller    *tenancy.Caller
	confirmed time.Time
}

func (h *handler) authorityOf(caller *tenancy.Caller, host string) *authority {
	return &authority{gate: h.gate, host: host, caller: caller, confirmed: time.Now()}
}

// now returns the caller as they are now, or why they may not be served.
func (a *authority) now(ctx context.Context) (*tenancy.Caller, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	caller, err := a.gate.Confirm(ctx, a.caller, a.host)
	if err == nil {
		a.caller, a.confirmed = caller, time.Now()
	}
	return caller, err
}

// confirm returns why the stream must end, nil while it may go on: for a while
// also where nobody can say, which lets nothing new begin.
func (a *authority) confirm(ctx context.Context) error {
	_, err := a.now(ctx)
	if err == nil || ctx.Err() != nil {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if shards.CodeOf(err) == shards.Unavailable && time.Since(a.confirmed) < unconfirmedFor {
		return nil
	}
	return err
}
