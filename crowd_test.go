package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// crowd is what the process that is the people is told. It is one of its own, so
// that its memory and its work are not counted as the gateway's.
type crowd struct {
	Address, Account string
	People           int
	For              time.Duration
	// Pace is between two reads of a person; that of people where 0.
	Pace                   time.Duration
	Groups, Users, Clients []string
}

// crowded is what it tells: how long each answer took, by what was asked, and
// the first errors.
type crowded struct {
	Took   map[string][]time.Duration
	Errors []string
}

const (
	// crowdFolder is where the process finds the crowd, and leaves what came of it.
	crowdFolder = "GATEHOUSE_CROWD"
	crowdJob    = "job.json"
	crowdResult = "result.json"
)

// work has the crowd work, under a scheduling policy as helperCommand has it.
func (c *crowd) work(t *testing.T, policy string) (out crowded) {
	t.Helper()
	folder := t.TempDir()
	job, err := json.Marshal(c)
	if err == nil {
		err = os.WriteFile(filepath.Join(folder, crowdJob), job, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	cmd := helperCommand(t, "TestCrowd", policy, crowdFolder+"="+folder)
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	result, err := os.ReadFile(filepath.Join(folder, crowdResult))
	if err == nil {
		err = json.Unmarshal(result, &out)
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestCrowd is not a test, but the process that is the people.
func TestCrowd(t *testing.T) {
	folder := os.Getenv(crowdFolder)
	if folder == "" {
		t.Skip("run by TestFourThousandPeople and TestAFloodIsNotFelt")
	}
	var c crowd
	job, err := os.ReadFile(filepath.Join(folder, crowdJob))
	if err == nil {
		err = json.Unmarshal(job, &c)
	}
	if err != nil {
		t.Fatal(err)
	}
	result, err := json.Marshal(c.live(t))
	if err == nil {
		err = os.WriteFile(filepath.Join(folder, crowdResult), result, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// live returns when all have worked for their time.
func (c *crowd) live(t *testing.T) crowded {
	pace := c.Pace
	if pace == 0 {
		pace = min(think, c.For/readsPerWrite)
	}
	out := crowded{Took: map[string][]time.Duration{}}
	var mu sync.Mutex
	var ready, all sync.WaitGroup
	var begun time.Time
	begin, dialling := make(chan struct{}), make(chan struct{}, 100)
	for i := range c.People {
		ready.Add(1)
		all.Go(func() {
			dialling <- struct{}{}
			p, err := c.person(i)
			<-dialling
			ready.Done()
			<-begin
			if err == nil {
				defer p.conn.Close()
				err = p.live(begun, c.For, pace)
			}
			mu.Lock()
			defer mu.Unlock()
			if err != nil && len(out.Errors) < 10 {
				out.Errors = append(out.Errors, fmt.Sprintf("person %d: %v", i, err))
			}
			if p != nil {
				for _, one := range p.took {
					out.Took[one.what] = append(out.Took[one.what], one.took)
				}
			}
		})
	}
	ready.Wait()
	begun = time.Now()
	close(begin)
	all.Wait()
	return out
}
