package transport

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"time"
)

// A deadline ends as context's own does, whoever looks at it first.
func TestADeadlineEndsAsAContextDoes(t *testing.T) {
	t.Parallel()
	ways := map[string]func(ctx context.Context) error{
		"asked": func(ctx context.Context) error {
			for ctx.Err() == nil {
				runtime.Gosched()
			}
			return ctx.Err()
		},
		"waited for": func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
		"waited for by a part": func(ctx context.Context) error {
			below, cancel := context.WithCancel(context.WithValue(ctx, exchangeKey{}, nil))
			defer cancel()
			<-below.Done()
			return errors.Join(below.Err(), context.Cause(below))
		},
		"by its cause": func(ctx context.Context) error { <-ctx.Done(); return context.Cause(ctx) },
	}
	for what, way := range ways {
		if err := way(new(deadline).begin(context.Background(), time.Now().Add(time.Millisecond))); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s, by the time: got %v", what, err)
		}
		ended := new(deadline).begin(context.Background(), time.Now().Add(time.Hour))
		ended.end()
		if err := way(ended); !errors.Is(err, context.Canceled) {
			t.Errorf("%s, by end: got %v", what, err)
		}
		ending := new(deadline).begin(context.Background(), time.Now().Add(time.Hour))
		ending.Done()
		go ending.end()
		if err := way(ending); !errors.Is(err, context.Canceled) {
			t.Errorf("%s, by end while somebody waits: got %v", what, err)
		}
		parent, cancel := context.WithCancelCause(context.Background())
		of := new(deadline).begin(parent, time.Now().Add(time.Hour))
		go cancel(errNoResponse)
		if err := way(of); !errors.Is(err, context.Canceled) && !errors.Is(err, errNoResponse) {
			t.Errorf("%s, with its parent: got %v", what, err)
		}
	}
	parent, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	want, _ := parent.Deadline()
	if at, ok := new(deadline).begin(parent, time.Now().Add(time.Hour)).Deadline(); !ok || !at.Equal(want) {
		t.Errorf("got %v, %v, want the parent's %v", at, ok, want)
	}
	if d := new(deadline).begin(context.Background(), time.Now().Add(time.Hour)); d.Err() != nil || d.timed.Load() != nil {
		t.Error("a timer for nobody")
	}
}
