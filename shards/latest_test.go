package shards

import (
	"errors"
	"fmt"
	"testing"
)

func testHead(seq int64) head { return head{Position: Position{1, seq}, state: stateActive, end: -1} }

func (l *latest) testAge() uint64 { _, _, age := l.begins("a"); return age }

// wantLatest checks what is known of account a; 0 is nothing.
func (l *latest) wantLatest(t *testing.T, seq int64) {
	t.Helper()
	want := head{}
	if seq > 0 {
		want = testHead(seq)
	}
	if h, known, _ := l.begins("a"); known != (seq > 0) || h != want {
		t.Errorf("known %t: %+v; want %+v", known, h, want)
	}
}

// A head that was read before all was forgotten is not kept, and neither is what is
// older; a commit's is, whatever was forgotten meanwhile.
func TestWhatWasForgottenMeanwhileIsNotKnown(t *testing.T) {
	t.Parallel()
	l := newLatest()
	age := l.testAge()
	l.forget()
	l.saw(l.testAge(), "a", testHead(9))
	l.saw(age, "a", testHead(10)) // by a read that began before
	l.wantLatest(t, 0)
	err := l.commits(map[string]*tally{"a": {head: testHead(11)}}, false, func() error { l.forget(); return nil })
	if err != nil {
		t.Error(err)
	}
	l.saw(age, "a", testHead(10))
	l.wantLatest(t, 11)
}

// What is read beside a COMMIT does not take its place, nor that of what somebody was
// told before.
func TestWhatIsReadBesideACommitIsNotKept(t *testing.T) {
	t.Parallel()
	l := newLatest()
	age := l.testAge()
	err := l.commits(map[string]*tally{"a": {head: testHead(7)}}, false, func() error {
		l.saw(age, "a", testHead(7)) // by who came last, and is told of it
		l.wantLatest(t, 0)
		l.saw(age, "a", testHead(6)) // by who came before
		l.wantLatest(t, 0)
		l.saw(age, "b", testHead(1))
		if h, known, _ := l.begins("b"); !known || !l.still(age, "b", h) {
			t.Error("another account's head does not move")
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	l.wantLatest(t, 7)
}

// A head is what it was until a COMMIT that moves it begins, and then never again.
func TestAHeadIsStillUntilItMoves(t *testing.T) {
	t.Parallel()
	l := newLatest()
	l.saw(l.testAge(), "a", testHead(3))
	h, known, age := l.begins("a")
	if !known || !l.still(age, "a", h) {
		t.Error("nothing has happened")
	}
	for _, anything := range []bool{false, true} {
		heads := map[string]*tally{"a": {head: testHead(4)}}
		if anything {
			heads = nil
		}
		h, _, age := l.begins("a")
		if err := l.commits(heads, anything, func() error {
			if l.still(age, "a", h) {
				t.Errorf("anything %t: it moves", anything)
			}
			return nil
		}); err != nil {
			t.Error(err)
		}
		if l.still(age, "a", h) {
			t.Errorf("anything %t: it has moved", anything)
		}
	}
	l.wantLatest(t, 0) // anything might have become of it
	l.saw(l.testAge(), "a", testHead(4))
	h, _, age = l.begins("a")
	l.forget()
	l.saw(l.testAge(), "a", h)
	if l.still(age, "a", h) {
		t.Error("it may have changed, and changed back")
	}
}

// Nobody knows what a COMMIT has done that failed.
func TestAfterAFailedCommitNothingIsKnown(t *testing.T) {
	t.Parallel()
	failed := errors.New("failed")
	for name, commit := range map[string]func() error{
		"an error": func() error { return failed },
		"a panic":  func() error { panic(failed) },
	} {
		l := newLatest()
		l.saw(l.testAge(), "a", testHead(3))
		h, _, age := l.begins("a")
		func() {
			defer func() { recover() }()
			if err := l.commits(map[string]*tally{"a": {head: testHead(4)}}, false, commit); err != failed {
				t.Errorf("%s: %v", name, err)
			}
		}()
		l.wantLatest(t, 0)
		if l.still(age, "a", h) || l.moves("a") {
			t.Errorf("after %s: still %t, moves %t", name, l.still(age, "a", h), l.moves("a"))
		}
	}
}

func TestKnownHeadsAreBounded(t *testing.T) {
	t.Parallel()
	l := newLatest()
	for n := range maxLatest + 10 {
		l.saw(l.testAge(), fmt.Sprint(n), testHead(1))
	}
	if n := len(l.known); n > maxLatest || n == 0 {
		t.Errorf("%d heads are known", n)
	}
}
