package shards

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gatehouse/shards/pgtest"
)

// A replica that dies is left out at once, and comes back by itself; without
// its primary a shard is still read, and soon written again when that is back.
func TestNodesComeAndGo(t *testing.T) {
	t.Parallel()
	c := pgtest.Start(t, 2)
	s := openPostgresTest(t, c, c.Database(t), Options{}, nil)
	ctx := context.Background()
	h := s.testHandle(t, "a")
	at := s.write(t, h, "g1")
	c.CaughtUp(t)
	nodes := func() string {
		seen := map[string]bool{}
		for range 4 {
			node, got, there, err := h.served(t, "g1")
			if err != nil || !there || got != at {
				t.Fatalf("got %t at %+v, %v", there, got, err)
			}
			seen[node] = true
		}
		return fmt.Sprint(seen)
	}
	both, second := "map[replica-1:true replica-2:true]", "map[replica-2:true]"
	if got := nodes(); got != both {
		t.Errorf("got %s", got)
	}
	c.Replicas[0].Kill(t)
	if got := nodes(); got != second { // nobody noticed
		t.Errorf("got %s", got)
	}
	c.Replicas[0].Start(t)
	eventually(t, "the replica is read again", func() bool { return nodes() == both })

	c.Primary.Stop(t)
	for range 3 { // on connections of before, and on new ones
		_, err := h.Commit(ctx, &Write{Ops: []Op{createGroup("g2", "G2")}})
		wantUnavailable(t, err)
		strong := s.again("a")
		strong.Strong()
		_, _, _, err = strong.served(t, "g1")
		wantUnavailable(t, err)
		if got := nodes(); got != both {
			t.Errorf("got %s", got)
		}
	}
	late, err := Open(ctx, s.Spec, Options{Keys: testKeys}) // a gateway that starts now
	if err != nil {
		t.Fatal(err)
	}
	defer late.Close()
	if node, got, there, err := late.again("a").served(t, "g1"); err != nil || !there || got != at {
		t.Errorf("a gateway that started late: %s has it %t at %+v, %v", node, there, got, err)
	}
	c.Primary.Start(t)
	start := time.Now()
	eventually(t, "it is written again", func() bool {
		out, err := h.Commit(ctx, &Write{Ops: []Op{createGroup("g2", "G2")}})
		at = out.Position
		return err == nil
	})
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("writes came back after %s", took)
	}
	for _, r := range c.Replicas {
		r.Kill(t)
	}
	if got := nodes(); got != "map[primary:true]" {
		t.Errorf("got %s", got)
	}
}

func wantUnavailable(t *testing.T, err error) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || e.Code != Unavailable || e.RetryAfter == 0 || strings.Contains(e.Message, "127.0.0.1") {
		t.Errorf("got %v, want UNAVAILABLE with a time to wait", err)
	}
}

// The primary is killed under load, again and again: what was acknowledged is
// there, once, and the history has no gaps.
func TestPrimaryIsKilledUnderLoad(t *testing.T) {
	t.Parallel()
	c := pgtest.Start(t, 1)
	s := openPostgresTest(t, c, c.Database(t), Options{}, nil)
	accounts := []string{"a", "b", "c"}
	for _, a := range accounts {
		s.testHandle(t, a)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var acked sync.Map // account and id -> seq
	var n, failed atomic.Int64
	var writers sync.WaitGroup
	for i := range 12 {
		account := accounts[i%len(accounts)]
		h := s.again(account)
		writers.Go(func() {
			for k := 0; ctx.Err() == nil; k++ {
				id := fmt.Sprintf("g_%d_%d", i, k)
				out, err := h.Commit(context.Background(), &Write{Ops: []Op{createGroup(id, id)}})
				if err == nil {
					n.Add(1)
					acked.Store(account+" "+id, out.Position.Seq)
					continue
				}
				failed.Add(1)
				wantUnavailable(t, err)
				time.Sleep(10 * time.Millisecond) // as Retry-After says, but sooner
			}
		})
	}
	for range 3 {
		before := n.Load()
		eventually(t, "writes", func() bool { return n.Load() > before+200 })
		c.Primary.Stop(t)
		if _, _, _, err := s.again("a").served(t, "g_0_0"); err != nil {
			t.Errorf("a read while the primary is away: %v", err)
		}
		c.Primary.Start(t)
		start, before := time.Now(), n.Load()
		eventually(t, "writes again", func() bool { return n.Load() > before })
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("writes came back after %s", took)
		}
	}
	cancel()
	writers.Wait()
	t.Logf("%d acknowledged, %d refused", n.Load(), failed.Load())
	for _, account := range accounts {
		h := s.again(account)
		h.Strong()
		snap, at, err := h.open(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		defer snap.Close()
		changes, err := snap.Changes(context.Background(), 0, at.Seq, nil, 1<<30)
		if err != nil || int64(len(changes)) != at.Seq {
			t.Fatalf("%s: %d changes up to %d, %v", account, len(changes), at.Seq, err)
		}
		where := map[string]int64{}
		for i, c := range changes {
			if c.Seq != int64(i+1) {
				t.Fatalf("%s: write %d stands at %d", account, c.Seq, i+1)
			}
			where[account+" "+c.RecordID] = c.Seq
		}
		acked.Range(func(id, seq any) bool {
			if strings.HasPrefix(id.(string), account+" ") && where[id.(string)] != seq {
				t.Errorf("%s was acknowledged at %d, the history has it at %d", id, seq, where[id.(string)])
			}
			return true
		})
	}
}
