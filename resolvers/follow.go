package resolvers

import (
	"context"
	"slices"
	"time"

	"gatehouse/graph"
	"gatehouse/shards"
	"gatehouse/tenancy"
)

type rootSubscription struct{}

// Subscription resolves the fields of Subscription.
func (Root) Subscription() graph.SubscriptionResolver { return rootSubscription{} }

func (rootSubscription) Changes(ctx context.Context, after *string, types []graph.RecordType, recordID *string) (<-chan *graph.ChangeSet, error) {
	request, ok := tenancy.RequestFrom(ctx)
	if !ok {
		return nil, errNoTenant
	}
	if request.LastEventID != "" { // which is newer: the document is that of the first try
		after = &request.LastEventID
	}
	var start *shards.Position
	if after != nil {
		p, err := request.Handle.Position(*after)
		if err != nil {
			return nil, err
		}
		start = &p
	}
	follower, err := request.Handle.Follow(ctx, start)
	if err != nil {
		return nil, err
	}
	s := streamFrom(ctx)
	return s.begin(&follow{follower: follower, tables: s.model.tablesOf(types), recordID: recordID, carried: time.Now()}), nil
}

const (
	// An event without changes carries the bookmark forward after so many
	// writes that were filtered away, or with the first after so long a time.
	maxPassed   = 100
	maxPassTime = 10 * time.Second
)

// follow is what a subscription wants of the history.
type follow struct {
	follower *shards.Follower
	tables   []string // nil: all
	recordID *string  // nil: all
	// passed counts the writes that were filtered away since the last event, at carried.
	passed  int
	carried time.Time
}

// next waits for the next write that has something for this subscription, or
// is due without.
func (f *follow) next(ctx context.Context) (*shards.ChangeSet, error) {
	for {
		set, err := f.follower.Next(ctx)
		if err != nil {
			return nil, err
		}
		if set = f.filter(set); len(set.Changes) > 0 || f.due(time.Now()) {
			f.passed, f.carried = 0, time.Now()
			return set, nil
		}
	}
}

func (f *follow) due(now time.Time) bool {
	f.passed++
	return f.passed >= maxPassed || now.Sub(f.carried) >= maxPassTime
}

// filter returns a write with the changes that are wanted of it.
func (f *follow) filter(set *shards.ChangeSet) *shards.ChangeSet {
	if f.tables == nil && f.recordID == nil {
		return set
	}
	out := &shards.ChangeSet{Position: set.Position}
	for _, c := range set.Changes {
		if (f.tables == nil || slices.Contains(f.tables, c.Table)) && (f.recordID == nil || c.RecordID == *f.recordID) {
			out.Changes = append(out.Changes, c)
		}
	}
	return out
}
