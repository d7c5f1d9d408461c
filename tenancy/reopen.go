package tenancy

import (
	"sync"
	"time"
)

// reopenAfter spares a shard that can't be opened, and those who wait for it, a
// try by each request.
const reopenAfter = time.Second

// shut remembers which shards could not be opened a moment ago, and why. It is
// safe for concurrent use.
type shut struct {
	mu  sync.Mutex
	why map[string]failure // by the shard's id
}

type failure struct {
	err error
	at  time.Time
}

// recently returns why the shard could not be opened, nil where it is worth a try.
func (s *shut) recently(id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f, ok := s.why[id]; ok && time.Since(f.at) < reopenAfter {
		return f.err
	}
	return nil
}

// note takes the outcome of a try.
func (s *shut) note(id string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		delete(s.why, id)
		return
	}
	if s.why == nil {
		s.why = map[string]failure{}
	}
	s.why[id] = failure{err, time.Now()}
}
