package tenancy

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gatehouse/shards"
)

// counted is a lookup over a variable, which counts and can hold its reads.
type counted struct {
	*leased[int]
	reads atomic.Int64
	value atomic.Int64
	fail  atomic.Bool
	hold  chan struct{} // when set, a read waits for it after it has seen the value
	begun chan struct{}
}

func newCounted(c *clock) *counted {
	l := &counted{begun: make(chan struct{}, 100)}
	l.leased = newLeased(Options{Lease: maxLease, Now: c.now, CacheSize: 4}, func(ctx context.Context, key string) (int, error) {
		l.reads.Add(1)
		value := int(l.value.Load())
		hold := l.hold
		l.begun <- struct{}{}
		if hold != nil {
			<-hold
		}
		if l.fail.Load() {
			return 0, errors.New("disk on fire")
		}
		if value == 0 {
			return 0, ErrNotFound
		}
		return value, nil
	})
	return l
}

func TestAnAnswerIsUsedForALeaseAndNoLonger(t *testing.T) {
	t.Parallel()
	c := newClock()
	l := newCounted(c)
	for _, step := range []struct {
		advance   time.Duration
		set, want int
		reads     int64
	}{
		{0, 0, 0, 1},
		{maxLease - 1, 1, 0, 1}, // absence is remembered as well
		{1, 1, 1, 2},
		{maxLease - 1, 2, 1, 2},
		{1, 2, 2, 3},
	} {
		c.advance(step.advance)
		l.value.Store(int64(step.set))
		got, err := l.get(t.Context(), "k")
		if got != step.want || l.reads.Load() != step.reads || (err != nil) != (step.want == 0) {
			t.Fatalf("%+v: got %d, %v after %d reads", step, got, err, l.reads.Load())
		}
	}
}

func TestForgetIsAtOnceEvenDuringARead(t *testing.T) {
	t.Parallel()
	l := newCounted(newClock())
	hold := make(chan struct{})
	l.hold = hold
	l.value.Store(1)
	var wg sync.WaitGroup
	wg.Go(func() { _, _ = l.get(t.Context(), "k") }) // sees 1
	<-l.begun
	l.hold = nil
	l.value.Store(2)
	l.forget("k")
	if got, err := l.get(t.Context(), "k"); got != 2 || err != nil {
		t.Errorf("got %d, %v from a read that began before the change", got, err)
	}
	close(hold) // the old read ends last
	wg.Wait()
	if got, _ := l.get(t.Context(), "k"); got != 2 {
		t.Errorf("got %d: the old read's answer was remembered", got)
	}
}

func TestOneReadServesAllWhoWait(t *testing.T) {
	t.Parallel()
	l := newCounted(newClock())
	l.hold = make(chan struct{})
	l.value.Store(7)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		_, err := l.get(ctx, "k")
		if shards.CodeOf(err) != shards.Unavailable || !errors.Is(err, context.Canceled) {
			t.Errorf("the caller who left got %v", err)
		}
	})
	<-l.begun
	for range 50 {
		wg.Go(func() {
			if got, err := l.get(t.Context(), "k"); got != 7 || err != nil {
				t.Errorf("got %d, %v", got, err)
			}
		})
	}
	cancel() // the first caller's leaving fails nobody else
	close(l.hold)
	wg.Wait()
	if n := l.reads.Load(); n != 1 {
		t.Errorf("%d reads", n)
	}
}

func TestAFailureIsNotRememberedAndNotShown(t *testing.T) {
	t.Parallel()
	l := newCounted(newClock())
	l.value.Store(1)
	l.fail.Store(true)
	_, err := l.get(t.Context(), "k")
	wantError(t, err, shards.Unavailable, "the account directory can't be reached; try again")
	var e *shards.Error
	if errors.As(err, &e); e.RetryAfter != time.Second {
		t.Errorf("RetryAfter = %v", e.RetryAfter)
	}
	l.fail.Store(false)
	if got, err := l.get(t.Context(), "k"); got != 1 || err != nil {
		t.Errorf("got %d, %v", got, err)
	}
}

func TestGenerationsAreBoundedAndKeepWhatIsUsed(t *testing.T) {
	t.Parallel()
	g := newGenerations[string, int](100)
	g.put("used", 1)
	for i := range 10_000 {
		g.put(fmt.Sprint(i), i)
		if _, ok := g.get("used"); !ok {
			t.Fatalf("forgotten after %d", i)
		}
		if n := len(g.young) + len(g.old); n > 100 {
			t.Fatalf("%d entries", n)
		}
	}
	g.drop("used")
	if _, ok := g.get("used"); ok {
		t.Error("dropped, but there")
	}
}
