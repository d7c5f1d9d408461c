package shards

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
)

// A lock that somebody holds is waited for by its account alone, be there as many
// such accounts as there are connections.
func TestALockDelaysItsOwnAccountOnly(t *testing.T) {
	t.Parallel()
	c := Cluster.Cluster(t)
	one := &Write{Ops: []Op{createGroup("g2", "second")}}
	gone := &Write{Ops: []Op{{Kind: Deleted, Table: "groups", ID: "g1", Version: 1}}}
	for name, test := range map[string]struct {
		lock string
		w    *Write
	}{
		"its head":        {"SELECT FROM head WHERE account_id = $1 FOR UPDATE", one},
		"one of its rows": {"SELECT FROM groups WHERE account_id = $1 FOR UPDATE", gone},
	} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			t.Parallel()
			s := openPostgresTest(t, c, c.Database(t), Options{}, onePrimary)
			locked := s.engine.(*postgresEngine).writes.connections
			var locks []pgx.Tx
			for i := range locked {
				account := fmt.Sprint("locked", i)
				if _, err := s.testHandle(t, account).Commit(t.Context(), &Write{Ops: []Op{createGroup("g1", "first")}}); err != nil {
					t.Fatal(err)
				}
				locks = append(locks, s.asOwner(t, account, test.lock))
			}
			neighbour := s.testHandle(t, "neighbour")
			var all sync.WaitGroup
			defer all.Wait()
			waits, release := s.holdPostgres(t)
			var made atomic.Int64
			for i := range locked {
				all.Go(func() {
					_, err := s.again(fmt.Sprint("locked", i)).Commit(context.Background(), test.w)
					if err == nil {
						made.Add(1)
					} else if CodeOf(err) != Unavailable { // it has waited for too long
						t.Error(err)
					}
				})
			}
			all.Go(func() {
				defer func() {
					for _, tx := range locks {
						tx.Rollback(context.Background())
					}
				}()
				for i := range 3 { // with the others, and while they wait
					if _, err := neighbour.Commit(context.Background(), &Write{Ops: []Op{createGroup(fmt.Sprint("g", i), fmt.Sprint("G", i))}}); err != nil {
						t.Error(err)
					}
				}
				if n := made.Load(); n > 0 {
					t.Errorf("%d writes passed a lock", n)
				}
			})
			waits(locked + 1)
			release()
		})
	}
}

// A head that somebody else has is nothing that neighbours wait for, nor does its
// account count as one that spoils what it is in: another gateway that writes for
// the account has its head all the time.
func TestALockedHeadIsSkipped(t *testing.T) {
	t.Parallel()
	c := Cluster.Cluster(t)
	var mu sync.Mutex
	statements := map[any]int{} // by the account that they are of
	s := openPostgresTest(t, c, c.Database(t), Options{Trace: func(s Statement) {
		mu.Lock()
		defer mu.Unlock()
		statements[s.Args[0]]++
	}}, onePrimary)
	write := func(account string) {
		if _, err := s.again(account).Commit(context.Background(), &Write{Ops: []Op{createGroup("g", "G")}}); err != nil {
			t.Error(err)
		}
	}
	neighbours := []string{"b", "c"}
	for _, account := range append(neighbours, "locked") {
		s.testHandle(t, account)
	}
	lock := s.asOwner(t, "locked", "SELECT FROM head WHERE account_id = $1 FOR UPDATE")
	waits, release := s.holdPostgres(t)
	mu.Lock()
	clear(statements)
	mu.Unlock()
	var before, behind sync.WaitGroup
	for _, account := range neighbours {
		before.Go(func() { write(account) })
	}
	behind.Go(func() { write("locked") })
	waits(len(neighbours) + 1)
	release()
	before.Wait()
	mu.Lock()
	for _, account := range neighbours {
		if n := statements[account]; n != 1 { // more where the transaction had to begin again
			t.Errorf("%d statements for one write of %s", n, account)
		}
	}
	mu.Unlock()
	if err := lock.Rollback(context.Background()); err != nil {
		t.Error(err)
	}
	behind.Wait()
	g := s.engine.(*postgresEngine).writes
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.spoilt) > 0 {
		t.Errorf("%v count as spoilers", g.spoilt)
	}
}
