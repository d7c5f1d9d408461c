package shards

import "testing"

// A position that was committed while all was forgotten is not known, and neither is
// an older one that was read before the COMMIT.
func TestWhatWasForgottenMeanwhileIsNotKnown(t *testing.T) {
	t.Parallel()
	l := newLatest()
	age := l.began() // of a group
	l.forget()       // since it was full
	l.saw(l.began(), "a", Position{1, 9})
	l.saw(age, "a", Position{1, 10}) // the group is committed
	if p, known := l.get("a"); known {
		t.Errorf("write 10 was acknowledged, and the newest is %v", p)
	}
	l.saw(l.began(), "a", Position{1, 10})
	l.saw(age, "a", Position{1, 9})
	if p, known := l.get("a"); !known || p.Seq != 10 {
		t.Errorf("known %t: %v", known, p)
	}
}
