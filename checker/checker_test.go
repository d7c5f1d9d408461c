package checker

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

var (
	length = flag.Duration("for", 20*time.Second, "how long the sessions go on")
	seed   = flag.Uint64("seed", 1, "decides what the sessions do and what is broken")
)

const sessions = 4 // of each account

var program string // the built gateway

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "gatehouse-checker-")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(dir)
		program = filepath.Join(dir, "gatehouse")
		if out, err := exec.Command("go", "build", "-o", program, "gatehouse").CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "build: %v\n%s", err, out)
			return 1
		}
		return m.Run()
	}())
}

// TestSessions checks a deployment that is broken again and again.
func TestSessions(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a minute; left out by -short")
	}
	for _, finding := range check(t, program, *length, false) {
		t.Error(finding)
	}
}

// check runs sessions on a deployment of the program for some time, and returns
// what it finds; where first is set, it ends with the first finding.
func check(t *testing.T, program string, length time.Duration, first bool) []string {
	t.Helper()
	d := deploy(t, program)
	r := newRun(d, length, first)
	var wg sync.WaitGroup
	var followers []*follower
	for i, account := range accounts {
		session := func(name string, n int) *session {
			return &session{run: r, name: name, account: account, rnd: rand.New(rand.NewPCG(*seed, uint64(i*100+n)))}
		}
		for n := range sessions {
			wg.Go(session(fmt.Sprintf("s%d", n), n).work)
		}
		f := &follower{session: session("follower", sessions)}
		followers = append(followers, f)
		wg.Go(f.work)
	}
	r.trouble(rand.New(rand.NewPCG(*seed, 7)))
	wg.Wait()
	if first && len(r.found()) > 0 {
		return r.found()
	}
	for _, f := range followers { // to the end, in peace
		for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); f.pause() {
			if more, ok := f.next(); ok && !more {
				break
			}
		}
	}
	r.verdict(followers)
	t.Logf("failures that trouble explains: %v", r.refused)
	return r.found()
}
