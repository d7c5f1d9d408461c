package tenancy

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// TestAccountsWaitInTheOrderInWhichTheyAreDue: whatever happens to them, those
// that wait, and no others, are in their places.
func TestAccountsWaitInTheOrderInWhichTheyAreDue(t *testing.T) {
	t.Parallel()
	turns := NewTurns(2, 0, nil)
	now := time.Now()
	var all []*member
	for i := range 50 {
		all = append(all, turns.accounts.get(&Account{ID: fmt.Sprint("account_", i)}, now))
	}
	for range 5000 {
		now = now.Add(time.Duration(rand.IntN(2)) * time.Millisecond) // some come at once
		switch m := all[rand.IntN(len(all))]; rand.IntN(3) {
		case 0:
			m.queue = append(m.queue, &Turn{came: now})
			turns.waiting.place(m)
		case 1:
			if len(m.queue) > 0 {
				m.queue = m.queue[1:]
				turns.waiting.place(m)
			}
		case 2:
			turns.uses(m, time.Duration(rand.IntN(300))*time.Millisecond, now)
		}
		waiting := 0
		for _, m := range all {
			if len(m.queue) > 0 {
				waiting++
			}
		}
		if len(turns.waiting) != waiting || slices.ContainsFunc(turns.waiting, func(m *member) bool { return len(m.queue) == 0 }) {
			t.Fatalf("%d wait, and %d do", len(turns.waiting), waiting)
		}
		if !slices.IsSortedFunc(turns.waiting, func(a, b *member) int { return a.due().Compare(b.due()) }) {
			t.Fatal("they are not in order")
		}
	}
}

// BenchmarkTurnsAmongWaiting is what an operation's turn costs where so many
// accounts wait for theirs.
func BenchmarkTurnsAmongWaiting(b *testing.B) {
	for _, accounts := range []int{20, 500, 5000} {
		b.Run(fmt.Sprint(accounts), func(b *testing.B) {
			turns := NewTurns(2, 0, nil)
			turns.patience, turns.lull = time.Hour, 0
			var running []*Turn
			for i := range crowd * 2 {
				turn, err := turns.Wait(b.Context(), &Account{ID: fmt.Sprint("first_", i)})
				if err != nil {
					b.Fatal(err)
				}
				running = append(running, turn)
			}
			begun := make(chan *Turn)
			again := func(id string) {
				if turn, err := turns.Wait(b.Context(), &Account{ID: id}); err == nil {
					begun <- turn
				}
			}
			for i := range accounts {
				go again(fmt.Sprint("account_", i))
			}
			for waiting := 0; waiting < accounts; time.Sleep(time.Millisecond) {
				turns.mu.Lock()
				waiting = len(turns.waiting)
				turns.mu.Unlock()
			}
			b.ResetTimer()
			for i := 0; b.Loop(); i++ {
				running[i%len(running)].End()
				running[i%len(running)] = <-begun
				go again(running[i%len(running)].member.account)
			}
		})
	}
}
