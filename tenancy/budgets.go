package tenancy

import (
	"fmt"
	"sync"
	"time"

	"gatehouse/shards"
)

// BudgetOptions say what a credential may spend where its account's limits
// don't say otherwise.
type BudgetOptions struct {
	// Points a second, and how many may be saved up; 2,000 and 20,000 by default.
	Points, Burst int64
	// Credentials is how many budgets are remembered at once; 100,000 by default.
	Credentials int
	// Now is the clock; time.Now by default.
	Now func() time.Time
}

// Defaults of BudgetOptions.
const (
	DefaultPoints = 2_000
	DefaultBurst  = 20_000
)

// Budgets are what the credentials of all accounts have left to spend on this
// instance. They are bounded in memory, and who is forgotten gains nothing by
// it, unless the account's own limits restore a budget more slowly than the
// default does. Safe for concurrent use.
type Budgets struct {
	options BudgetOptions

	mu sync.Mutex
	// full says for each credential when its budget will be full again. One
	// number is enough: what is missing until then has been spent.
	full generations[budgetKey, *time.Time]
	// floor is the latest of those that were forgotten before they were full,
	// though no later than a default budget that was empty then. Whoever is not
	// known is taken for them, in any account.
	floor time.Time
}

type budgetKey struct{ account, credential string }

// NewBudgets returns full budgets for everybody.
func NewBudgets(o BudgetOptions) *Budgets {
	if o.Points <= 0 {
		o.Points = DefaultPoints
	}
	if o.Burst <= 0 {
		o.Burst = DefaultBurst
	}
	if o.Credentials <= 0 {
		o.Credentials = 100_000
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	b := &Budgets{options: o, full: newGenerations[budgetKey, *time.Time](o.Credentials)}
	b.full.dropped = func(old map[budgetKey]*time.Time) {
		most := o.Now().Add(duration(o.Burst, o.Points))
		for _, full := range old {
			if full.After(b.floor) {
				b.floor = *full
			}
		}
		if b.floor.After(most) {
			b.floor = most
		}
	}
	return b
}

// Throttle is the state of a budget as its owner is told it.
type Throttle struct {
	Limit       int64 `json:"limit"` // the most points that may be saved up
	Remaining   int64 `json:"remaining"`
	RestoreRate int64 `json:"restoreRate"` // points a second
}

// Cost is what a request took from its caller's budget: Requested at first,
// Actual in the end.
type Cost struct {
	Requested int64    `json:"requested"`
	Actual    int64    `json:"actual"`
	Throttle  Throttle `json:"throttle"`
}

// Spending is one request's part of a budget; the zero value is of nobody's, and may
// take anything. One goroutine uses it at a time.
type Spending struct {
	budgets     *Budgets
	key         budgetKey
	rate, burst int64
	cost        Cost
	taken       int64 // by this request, of what it may cost or did
}

// Begin returns a spending of the caller's that has taken nothing yet.
func (b *Budgets) Begin(c *Caller) Spending {
	s := Spending{budgets: b, key: budgetKey{c.Account.ID, c.Credential}, rate: b.options.Points, burst: b.options.Burst}
	if n := c.Account.Limits.Points; n > 0 {
		s.rate = n
	}
	if n := c.Account.Limits.Burst; n > 0 {
		s.burst = n
	}
	return s
}

// Counted reports whether the spending is of a budget.
func (s *Spending) Counted() bool { return s.budgets != nil }

// Request takes what the request may cost, all in all: another Request takes
// what is more. RATE_LIMITED, with nothing taken, where the budget does not
// have it, and COST_LIMIT where it never will.
func (s *Spending) Request(cost int64) error { return s.request(cost, cost) }

// Spare is Request for what turns out to cost no more than was taken already:
// the budget must have all of it, and keeps it.
func (s *Spending) Spare(cost int64) error { return s.request(cost, s.taken) }

func (s *Spending) request(cost, actual int64) error {
	if !s.Counted() {
		return nil
	}
	s.cost.Requested = cost
	if cost > s.burst {
		s.move(0, 0)
		return &shards.Error{Code: shards.CostLimit, Message: fmt.Sprintf("this would cost %d points, and no more than %d can be saved up", cost, s.burst)}
	}
	if s.move(cost-s.taken, actual-s.taken) {
		s.taken, s.cost.Actual = actual, actual
		return nil
	}
	// What was taken already stays taken, so the next try needs all of it.
	lacking := cost - s.cost.Throttle.Remaining
	return &shards.Error{
		Code: shards.RateLimited, Message: fmt.Sprintf("this costs %d points, and %d are left", cost, s.cost.Throttle.Remaining),
		RetryAfter: max(time.Second, duration(lacking, s.rate)),
	}
}

// Settle says what the request has cost so far: what was taken for nothing is
// given back, and what was not foreseen is taken, into debt if need be.
func (s *Spending) Settle(actual int64) {
	if s.cost.Actual = actual; actual == s.taken || !s.Counted() {
		return
	}
	s.owe(actual - s.taken)
	s.taken = actual
}

// Cost returns what the request took, and the budget as it was then; nil where nobody
// counts. It is not to be changed, and is another one once more is taken.
func (s *Spending) Cost() *Cost {
	if !s.Counted() {
		return nil
	}
	return &s.cost
}

// move takes points from a budget that has so many, and reports whether it had.
func (s *Spending) move(has, points int64) bool {
	b := s.budgets
	b.mu.Lock()
	defer b.mu.Unlock()
	now, full := s.now()
	ok := has <= max(0, s.remaining(full.Sub(now)))
	if ok {
		*full = full.Add(duration(points, s.rate))
	}
	s.tell(full.Sub(now))
	return ok
}

// owe takes points whether the budget has them or not, or gives them back.
func (s *Spending) owe(points int64) {
	b := s.budgets
	b.mu.Lock()
	defer b.mu.Unlock()
	now, full := s.now()
	*full = full.Add(duration(points, s.rate))
	s.tell(full.Sub(now))
}

// now returns the time, and when the budget will be full, which is now at the
// earliest; to be changed where it is. The caller has the lock.
func (s *Spending) now() (now time.Time, full *time.Time) {
	b := s.budgets
	now = b.options.Now()
	full, ok := b.full.get(s.key)
	if !ok {
		floor := b.floor
		full = &floor
		b.full.put(s.key, full)
	}
	if full.Before(now) {
		*full = now
	}
	return now, full
}

func (s *Spending) tell(missing time.Duration) {
	s.cost.Throttle = Throttle{Limit: s.burst, Remaining: max(0, min(s.burst, s.remaining(missing))), RestoreRate: s.rate}
}

// remaining returns what a budget has that will be full after a while.
func (s *Spending) remaining(missing time.Duration) int64 {
	return s.burst - int64(missing.Seconds()*float64(s.rate)+0.5)
}

// duration returns how long it takes to restore points, at so many a second.
func duration(points, rate int64) time.Duration {
	return time.Duration(float64(points) / float64(rate) * float64(time.Second))
}
