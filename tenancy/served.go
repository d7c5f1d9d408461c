package tenancy

import "time"

// kept is a turn that its operation keeps while it waits for a server.
type kept struct {
	turn  *Turn
	here  bool          // the server is on this machine
	asked time.Duration // the clock when it began to wait
	until time.Time
}

// keeping are those that are kept, or were a moment ago, in the order in which they lapse.
type keeping []*kept

// Served is Idle while a server computes for the operation. Where that is here, on
// the processors that turns share out, the operation keeps its turn, unless its
// account is alone. So does one that came after those of others, wherever the server
// is: its account has no more of the server than of the processors here. After a lull
// it is idle in any case: the server waits for something itself.
func (turn *Turn) Served(here bool) (resume func()) {
	turn.change(func(now time.Time) {
		t := turn.turns
		if turn.idle > 0 || !turn.late && !(here && t.shared(turn.member, now)) {
			turn.stand(now)
			return
		}
		turn.idle++
		turn.kept = &kept{turn: turn, here: here, asked: t.read(now), until: now.Add(t.lull)}
		t.kept = append(t.kept, turn.kept)
	})
	return turn.resume
}

// answered takes note that the server has answered an operation that kept its turn,
// or that this lapses. What a server did elsewhere does not count. Whoever came after
// others leaves one that is here alone for as long as it has had it, and for all that
// a write counts: what a server computes can't give way.
func (turn *Turn) answered(now time.Time) {
	k, t := turn.kept, turn.turns
	turn.kept = nil
	waited := t.read(now) - k.asked
	switch {
	case !k.here:
		turn.since += waited
	case turn.late:
		turn.member.pause(waited, t.lull, now)
	}
}

// lapse has operations go idle that have kept their turns for too long.
func (t *Turns) lapse(now time.Time) {
	for len(t.kept) > 0 {
		k := t.kept[0]
		if k.turn.kept == k {
			if now.Before(k.until) {
				t.lookAt(k.until, now)
				return
			}
			k.turn.answered(now)
			t.stop(k.turn, now)
		}
		t.kept[0] = nil
		t.kept = t.kept[1:]
	}
}
