package checker

import (
	"math/rand/v2"
	"time"
)

// trouble is made one thing at a time, and mended before the next: each kind
// once, then as it comes.
func (r *run) trouble(rnd *rand.Rand) {
	between := func(from, to int) { // milliseconds
		time.Sleep(time.Duration(from+rnd.IntN(to-from)) * time.Millisecond)
	}
	kinds := []struct {
		name  string
		often int // of a hundred
		make  func()
	}{
		{"replicas paused", 45, func() {
			replica := r.cluster.Replicas[rnd.IntN(replicas)]
			replica.Pause(r.t)
			between(200, 1500)
			replica.Resume(r.t)
		}},
		{"gateways killed", 30, func() {
			g := r.any(rnd)
			g.kill()
			between(0, 500)
			g.start()
		}},
		{"replicas stopped", 15, func() {
			replica := r.cluster.Replicas[rnd.IntN(replicas)]
			replica.Stop(r.t)
			between(0, 500)
			replica.Start(r.t)
		}},
		{"primaries stopped", 10, func() {
			r.cluster.Primary.Stop(r.t)
			between(0, 300)
			r.cluster.Primary.Start(r.t)
		}},
	}
	made := map[string]int{}
	first := rnd.Perm(len(kinds))
	for r.goesOn() {
		between(50, 300)
		kind := 0
		if len(first) > 0 {
			kind, first = first[0], first[1:]
		} else {
			for n := rnd.IntN(100); n >= kinds[kind].often; kind++ {
				n -= kinds[kind].often
			}
		}
		made[kinds[kind].name]++
		kinds[kind].make()
	}
	r.t.Logf("trouble: %v", made)
}
