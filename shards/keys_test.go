package shards

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"
)

// A write forgets a few of the keys that are too old, so that nobody waits for
// an account that used many; its own may be any of them.
func TestAWriteForgetsAFewKeys(t *testing.T) {
	t.Parallel()
	const count = "SELECT count(*) FROM idempotency"
	ctx := context.Background()
	var passed atomic.Int64 // of the shards' time
	start := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	opts := Options{Now: func() time.Time { return start.Add(time.Duration(passed.Load())) }}
	story := func(s *Shard, kept func() (int, error)) {
		t.Helper()
		engine, h := s.Spec.Engine, s.testHandle(t, "a")
		write := func(i, want int) {
			t.Helper()
			passed.Add(int64(time.Millisecond))
			out, err := h.Commit(ctx, &Write{Key: &IdempotencyKey{Key: fmt.Sprint("k", i), Field: "f", Input: "i"}})
			if err != nil || out.Replayed {
				t.Fatalf("%s: key %d: got %+v, %v", engine, i, out, err)
			}
			if n, err := kept(); n != want || err != nil {
				t.Errorf("%s: %d keys are kept, %v, want %d", engine, n, err, want)
			}
		}
		for i := range 250 {
			write(i, i+1)
		}
		passed.Add(int64(keepKeys))
		write(249, 150)
		write(0, 51)
		write(1, 3)
	}
	sqlite := openTest(t, opts)
	story(sqlite, func() (int, error) {
		e := sqlite.engine.(*sqliteEngine)
		c, err := e.acquire(ctx)
		if err != nil {
			return 0, err
		}
		defer e.release(c)
		var n int64
		err = c.query(ctx, Statement{SQL: count}, func(row scanner) error { return row.Scan(&n) })
		return int(n), err
	})
	c := Cluster.Cluster(t)
	postgres := openPostgresTest(t, c, c.Database(t), opts, onePrimary)
	tx := postgres.asOwner(t, "a", "SELECT $1::text")
	story(postgres, func() (n int, err error) { return n, tx.QueryRow(ctx, count).Scan(&n) })
}
