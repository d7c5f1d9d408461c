package checker

import (
	"math/rand/v2"
	"time"
)

// trouble is made one thing at a time, and mended before the next.
func (r *run) trouble(rnd *rand.Rand) {
	between := func(from, to int) { // milliseconds
		time.Sleep(time.Duration(from+rnd.IntN(to-from)) * time.Millisecond)
	}
	made := map[string]int{}
	for r.goesOn() {
		between(50, 300)
		replica := r.cluster.Replicas[rnd.IntN(len(r.cluster.Replicas))]
		switch n := rnd.IntN(100); {
		case n < 45:
			made["replicas paused"]++
			replica.Pause(r.t)
			between(200, 1500)
			replica.Resume(r.t)
		case n < 75:
			made["gateways killed"]++
			g := r.any(rnd)
			g.kill()
			between(0, 500)
			g.start()
		case n < 90:
			made["replicas stopped"]++
			replica.Stop(r.t)
			between(0, 500)
			replica.Start(r.t)
		default:
			made["primaries stopped"]++
			r.cluster.Primary.Stop(r.t)
			between(0, 300)
			r.cluster.Primary.Start(r.t)
		}
	}
	r.t.Logf("trouble: %v", made)
}
