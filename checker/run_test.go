package checker

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"sync"
	"time"

	"gatehouse/shards"
)

// run is a deployment under sessions and trouble, and what was noted meanwhile.
type run struct {
	*deployment
	until time.Time // sessions begin nothing after it, and give up some time later

	mu       sync.Mutex
	findings []string
	notes    map[string]*notes // by account
	first    bool              // the first finding ends the run
	stopped  bool
	refused  map[string]int // what was expected, by kind
}

// notes are what sessions of one account have seen.
type notes struct {
	begun  map[string]bool            // writes, by key
	acked  map[string]shards.Position // those that were acknowledged, and where
	newest shards.Position            // of all that were acknowledged
	sights []sight
}

// sight is what a query has shown.
type sight struct {
	session string
	seq     int64
	total   int
	records []record
}

func newRun(d *deployment, length time.Duration, first bool) *run {
	r := &run{deployment: d, until: time.Now().Add(length), first: first, notes: map[string]*notes{}, refused: map[string]int{}}
	for _, account := range accounts {
		r.notes[account] = &notes{begun: map[string]bool{}, acked: map[string]shards.Position{}}
	}
	return r
}

// finding notes what must not be. Ten say enough.
func (r *run) finding(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.findings) < 10 {
		r.findings = append(r.findings, fmt.Sprintf(format, args...))
	}
	r.stopped = r.stopped || r.first
}

func (r *run) found() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.findings)
}

// expected checks a failure that trouble explains.
func (r *run) expected(a answer, err error) {
	kind := "network"
	if err == nil {
		kind = a.code
		if a.wait == "" {
			r.finding("an answer is %s (%s), and does not say when to come back", a.code, a.message)
		}
	}
	r.mu.Lock()
	r.refused[kind]++
	r.mu.Unlock()
}

// goesOn reports whether something new may begin, mayEnd whether what has begun
// may be tried again.
func (r *run) goesOn() bool { return r.before(0) }
func (r *run) mayEnd() bool { return r.before(20 * time.Second) }

func (r *run) before(grace time.Duration) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !r.stopped && time.Now().Before(r.until.Add(grace))
}

func (r *run) any(rnd *rand.Rand) *gateway { return r.gateways[rnd.IntN(len(r.gateways))] }

func (r *run) began(account, key string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.notes[account].begun[key] = true
}

func (r *run) acknowledged(account, key string, at shards.Position) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := r.notes[account]
	if was, ok := n.acked[key]; !ok || at.Before(was) {
		n.acked[key] = at
	}
	if n.newest.Before(at) {
		n.newest = at
	}
}

func (r *run) newest(account string) shards.Position {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.notes[account].newest
}

func (r *run) saw(account string, s sight) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.notes[account].sights = append(r.notes[account].sights, s)
}

// verdict compares what was seen with the history, as each gateway tells it.
func (r *run) verdict(followers []*follower) {
	for _, f := range followers {
		r.judge(f.account, f.events)
	}
}

func (r *run) judge(account string, followed []event) {
	var whole []event
	for i, g := range r.gateways {
		events, err := r.history(g, account)
		if err != nil {
			r.finding("the history of %s can't be read in the end: %v", account, err)
			return
		}
		if i > 0 && !reflect.DeepEqual(events, whole) {
			r.finding("two gateways tell the history of %s otherwise", account)
		}
		whole = events
	}
	t, err := newTimeline(whole)
	if err != nil {
		r.finding("the history of %s: %v", account, err)
		return
	}
	if len(followed) > len(whole) || len(followed) > 0 && !reflect.DeepEqual(followed, whole[:len(followed)]) {
		r.finding("a follower of %s has seen another history", account)
	}
	n := r.notes[account]
	for _, key := range slices.Sorted(maps.Keys(n.begun)) {
		effects, at := t.named[key], n.acked[key]
		switch {
		case len(effects) > 1:
			r.finding("%s has had the effects %v", key, effects)
		case at != (shards.Position{}) && len(effects) == 0:
			r.finding("%s was acknowledged at %v and is lost", key, at)
		case at != (shards.Position{}) && at.Seq < effects[0]:
			r.finding("%s was acknowledged at %v and stands at %d", key, at, effects[0])
		}
	}
	for _, s := range n.sights {
		r.compare(account, t, s)
	}
	r.t.Logf("%s: %d writes acknowledged of %d, %d in the history, %d reads compared", account, len(n.acked), len(n.begun), len(whole), len(n.sights))
}

// compare holds a sight against the state at its own position.
func (r *run) compare(account string, t *timeline, s sight) {
	if want := t.count(s.seq); s.total != want {
		r.finding("%s of %s counts %d clients at %d, the history has %d", s.session, account, s.total, s.seq, want)
	}
	for _, got := range s.records {
		if want, ok := t.at(got.ID, s.seq); !ok || got != want {
			r.finding("%s of %s sees %+v at %d, the history has %+v", s.session, account, got, s.seq, want)
			return
		}
	}
}

// history reads all of it, at the primary.
func (r *run) history(g *gateway, account string) ([]event, error) {
	var events []event
	variables := map[string]any{}
	for deadline := time.Now().Add(20 * time.Second); ; {
		a, err := r.ask(r.t.Context(), g, account, historyDocument, variables, map[string]string{"Consistency": "strong"})
		if err == nil && a.code != "" {
			err = fmt.Errorf("%s: %s", a.code, a.message)
		}
		if err != nil {
			if time.Now().After(deadline) {
				return nil, err
			}
			time.Sleep(20 * time.Millisecond)
			continue
		}
		p, err := r.parseHistory(account, a.data)
		if err != nil {
			return nil, err
		}
		events = append(events, p.events...)
		if !p.more {
			return events, nil
		}
		variables["after"] = p.bookmark
	}
}
