package transport

import (
	"context"
	"testing"
	"time"
)

// Who is silent for long although pinged is not there any more.
func TestSilentSocketEnds(t *testing.T) {
	t.Parallel()
	s := &socket{ending: make(chan struct{}), stopWriting: func() {}}
	s.heard.Store(time.Now().Add(2*time.Second - silenceFor).Unix())
	if text := s.lookAfter(context.Background(), false); text != nil || s.why != nil {
		t.Errorf("got %s %v", text, s.why)
	}
	if text := s.lookAfter(context.Background(), true); string(text) != `{"type":"ping"}` || s.why != nil {
		t.Errorf("got %s %v", text, s.why)
	}
	s.heard.Store(time.Now().Add(-silenceFor - time.Second).Unix())
	if s.lookAfter(context.Background(), true); s.why == nil || s.why.code != closeGone || s.why.cause == nil {
		t.Errorf("it goes on: %v", s.why)
	}
	if silenceFor < 2*pingEvery {
		t.Error("a single ping that is lost must not be taken for silence")
	}
}
