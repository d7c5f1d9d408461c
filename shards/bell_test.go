package shards

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"gatehouse/shards/pgtest"
)

// What is written through one gateway wakes who follows on another.
func TestWritesWakeFollowersOfOtherGateways(t *testing.T) {
	t.Parallel()
	c := Cluster.Cluster(t)
	bouncer := c.Primary.Bouncer(t)
	for name, test := range map[string]struct {
		dsn  func(pgtest.Database) string
		most time.Duration // of the median, on a busy machine
	}{
		"direct": {func(db pgtest.Database) string { return db.App(c.Primary) }, 100 * time.Millisecond},
		"behind PgBouncer": {func(db pgtest.Database) string {
			return db.App(bouncer) + "?pool_max_conns=3&default_query_exec_mode=exec"
		}, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			db := c.Database(t)
			gateway := func() *Shard {
				return openPostgresTest(t, c, db, Options{}, func(spec *Spec) { onePrimary(spec); spec.DSN = test.dsn(db) })
			}
			here, there := gateway(), gateway()
			h := here.testHandle(t, "a")
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			f, err := there.again("a").Follow(ctx, nil)
			if err != nil {
				t.Fatal(err)
			}
			next := func(id string) time.Duration {
				want := here.write(t, h, id)
				start := time.Now()
				set, err := f.Next(ctx)
				if err != nil || set.Position != want || set.Changes[0].RecordID != id {
					t.Fatalf("got %+v, %v, want the write at %+v", set, err, want)
				}
				return time.Since(start)
			}
			var took []time.Duration
			for i := range 40 {
				took = append(took, next(fmt.Sprint("g", i)))
			}
			slices.Sort(took)
			t.Logf("median %s, longest %s", took[len(took)/2], took[len(took)-1])
			if took[len(took)/2] > test.most {
				t.Errorf("the median is %s", took[len(took)/2])
			}
			if name == "direct" { // who listens is thrown out, and listens again
				c.Primary.Exec(t, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND datname = '"+db.Name+"'")
				for i := range 20 {
					next(fmt.Sprint("again", i))
				}
			}
		})
	}
}

// A gateway that dies before it has rung is found out by looking.
func TestAWriteThatNobodyRangFor(t *testing.T) {
	t.Parallel()
	c := Cluster.Cluster(t)
	db := c.Database(t)
	here, there := openPostgresTest(t, c, db, Options{}, onePrimary), openPostgresTest(t, c, db, Options{}, onePrimary)
	here.engine.(*postgresEngine).writes.ring = func(string) {}
	h := here.testHandle(t, "a")
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	f, err := there.again("a").Follow(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := here.write(t, h, "g1")
	if set, err := f.Next(ctx); err != nil || set.Position != want {
		t.Errorf("got %+v, %v", set, err)
	}
}
