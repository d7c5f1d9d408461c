package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

var followers = flag.Int("followers", 100, "how many sockets TestManyFollowOneAccount opens; 4000 needs ulimit -n 10000")

// TestManyFollowOneAccount opens many sockets of one account in one gateway, and
// reports what each takes of its memory and how long an event takes to all of
// them. It holds them to nothing but that all of it arrives.
func TestManyFollowOneAccount(t *testing.T) {
	if *followers < 1000 {
		t.Parallel()
	}
	data := filepath.Join(t.TempDir(), "data")
	s := start(t, nil, "dev", "--data", data, "--listen", "127.0.0.1:0")
	key := createKey(t, data, "acme", "--scope", "changes:read", "--scope", "groups:*")
	// From here on, so that nobody misses what is written before they have begun.
	_, at, _ := strings.Cut(s.send(t, key, "{ __typename }"), `"bookmark":"`)
	at = at[:strings.Index(at, `"`)]
	before := s.resident(t)

	arrived := make(chan time.Time, *followers)
	var ready, all sync.WaitGroup
	turns := make(chan struct{}, 100)
	const events = 5
	for range *followers {
		ready.Add(1)
		turns <- struct{}{}
		all.Go(func() {
			l, _ := s.bySocket(t, key, at)
			<-turns
			ready.Done()
			for range events {
				if _, _, err := l.next(); err != nil {
					t.Error(err)
					return
				}
				arrived <- time.Now()
			}
			l.drop()
		})
	}
	ready.Wait()
	opened := s.resident(t)
	t.Logf("%d sockets: %.1f KB each, of %.0f MB in all", *followers, float64(opened-before)/float64(*followers), float64(opened)/1024)
	for n := range events {
		begun := time.Now()
		if answer := s.send(t, key, fmt.Sprintf(`mutation { createGroup(input: {name: "fan %d"}) { errors { code } } }`, n)); !strings.Contains(answer, `"errors":[]`) {
			t.Fatal(answer)
		}
		written := time.Now()
		var took []time.Duration
		for range *followers {
			took = append(took, (<-arrived).Sub(begun))
		}
		slices.Sort(took)
		t.Logf("written in %v; the event at the first after %v, at half after %v, at all after %v",
			written.Sub(begun), took[0], took[len(took)/2], took[len(took)-1])
	}
	all.Wait()
}

// resident returns the memory of the process, in KB, and peak the most that it
// has had.
func (s *server) resident(t testing.TB) int { return s.memory(t, "VmRSS") }

func (s *server) peak(t testing.TB) int { return s.memory(t, "VmHWM") }

func (s *server) memory(t testing.TB, name string) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		t.Skip("it reads /proc")
	}
	n, err := strconv.Atoi(regexp.MustCompile(name + `:\s+(\d+) kB`).FindStringSubmatch(string(text))[1])
	if err != nil {
		t.Fatal(err)
	}
	return n
}
