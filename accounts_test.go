package main

import (
	"bytes"
	"flag"
	"fmt"
	"regexp"
	"strconv"
	"sync"
	"testing"
	"time"

	"gatehouse/tenancy"
)

var (
	manyAccounts = flag.Int("accounts", 50, "how many accounts TestFiveThousandAccounts has")
	dedicated    = flag.Int("dedicated", 5, "how many of them have a shard of their own")
	untilRest    = flag.Bool("rest", false, "wait 6 minutes until the shards that nobody uses are closed")
)

// TestFiveThousandAccounts: many accounts are active in one gateway, some of
// them on shards of their own. What the gateway has open does not grow with
// them, and the second round takes nothing that the first did not.
//
//	go test -run TestFiveThousandAccounts -v -timeout 20m . -accounts 5000 -dedicated 200 -rest
func TestFiveThousandAccounts(t *testing.T) {
	if *manyAccounts < 1000 {
		t.Parallel()
	}
	data := newFolder(t)
	accounts := makeAccounts(t, data, *manyAccounts, *dedicated)
	s, private := privately(t, data, "tokens: {issuer: "+tenancy.DevIssuer+", audience: "+tenancy.DevAudience+", secrets: ['"+testSecret+"']}\n")
	state := func(what string) (awake int) {
		_, text := get(private + "/metrics")
		awake = metric(t, text, "gatehouse_shards_awake")
		descriptors, goroutines := metric(t, text, "process_open_fds"), metric(t, text, "go_goroutines")
		t.Logf("%-14s %4d shards awake, %5d descriptors, %5d goroutines, %4d MiB", what, awake, descriptors, goroutines, s.resident(t)/1024)
		if most := 100 + 13*awake; descriptors > most {
			t.Errorf("%d descriptors are open, more than %d", descriptors, most)
		}
		if most := 100 + 6*awake; goroutines > most {
			t.Errorf("%d goroutines run, more than %d", goroutines, most)
		}
		return awake
	}
	state("at first")
	for round := range 2 {
		begun := time.Now()
		visit(t, s, accounts)
		state(fmt.Sprintf("round %d, %v", round+1, time.Since(begun).Round(time.Second)))
	}
	t.Logf("%d MiB at most", s.peak(t)/1024)
	if peak := s.peak(t); peak > peopleMemory {
		t.Errorf("%d MiB of memory are too much", peak/1024)
	}
	for deadline := time.Now().Add(7 * time.Minute); *untilRest && state("at rest") > 0; time.Sleep(30 * time.Second) {
		if time.Now().After(deadline) {
			t.Fatal("they do not rest")
		}
	}
}

// makeAccounts adds accounts to the directory, the first of them on shards of
// their own, and returns their ids.
func makeAccounts(t *testing.T, data string, n, dedicated int) (ids []string) {
	t.Helper()
	at, err := claim(data)
	if err != nil {
		t.Fatal(err)
	}
	o, err := openOffice(t.Context(), at, officeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer o.close()
	do := func(args ...string) {
		var stdout, stderr bytes.Buffer
		if code := o.execute(t.Context(), append(args, "--data", data), &stdout, &stderr); code != 0 {
			t.Fatalf("%v: %s", args, stderr.String())
		}
	}
	for i := range n {
		id, shard := fmt.Sprintf("account_%d", i), "uk-1"
		if i < dedicated {
			shard = fmt.Sprint("own-", i)
			do("shards", "add", shard, "--engine", "sqlite", "--dsn", "shards/"+shard+".db", "--region", "UK", "--dedicated")
		}
		do("accounts", "create", fmt.Sprint("many-", i), "--id", id, "--residency", "UK", "--shard", shard)
		ids = append(ids, id)
	}
	return ids
}

// visit has somebody of each account write and read, on a connection of their own.
func visit(t *testing.T, s *server, accounts []string) {
	t.Helper()
	var wait sync.WaitGroup
	next := make(chan string)
	for range 32 {
		wait.Go(func() {
			for account := range next {
				c := &crowd{Address: s.url[len("http://"):], Account: account}
				if err := c.visit(); err != nil {
					t.Errorf("%s: %v", account, err)
				}
			}
		})
	}
	for _, account := range accounts {
		next <- account
	}
	close(next)
	wait.Wait()
}

func (c *crowd) visit() error {
	p, err := c.person(0)
	if err != nil {
		return err
	}
	defer p.conn.Close()
	if err := p.ask(askCreate, map[string]any{"input": map[string]any{"name": "Grace Example"}}); err != nil {
		return err
	}
	c.Clients = []string{string(madeID.FindSubmatch(p.answer)[1])}
	for range 2 {
		if _, err := p.read(); err != nil {
			return err
		}
	}
	return nil
}

// metric returns the value of a metric without labels.
func metric(t *testing.T, text, name string) int {
	t.Helper()
	found := regexp.MustCompile(`(?m)^` + name + ` (\S+)$`).FindStringSubmatch(text)
	if found == nil {
		t.Fatalf("there is no %s", name)
	}
	n, err := strconv.ParseFloat(found[1], 64)
	if err != nil {
		t.Fatal(err)
	}
	return int(n)
}
