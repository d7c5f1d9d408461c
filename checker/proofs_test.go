package checker

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"gatehouse/shards"
)

// node returns which node served a request, as the gateway's log has it.
func (g *gateway) node(request string) string {
	g.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		text, err := os.ReadFile(g.log)
		if err != nil {
			g.t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			var entry struct{ Msg, Request, Node string }
			if json.Unmarshal([]byte(line), &entry) == nil && entry.Msg == "request" && entry.Request == request {
				return entry.Node
			}
		}
	}
	g.t.Fatal("the log has no request ", request)
	return ""
}

// TestAPausedReplica: with replay paused everywhere, who brings the bookmark of
// a write sees the write, from the primary, and who brings none is told from
// when the answer is.
func TestAPausedReplica(t *testing.T) {
	t.Parallel()
	d := deploy(t, program)
	s := &session{run: newRun(d, time.Minute, false), name: "s", account: "acme", rnd: rand.New(rand.NewPCG(1, 1))}
	s.own = s.create()
	d.cluster.CaughtUp(t)
	for _, r := range d.cluster.Replicas {
		r.Pause(t)
	}
	before := s.at
	s.write(updateDocument, map[string]any{"id": s.own})
	g := d.gateways[0]
	n := 0
	read := func(document string, variables map[string]any, bookmark string) (answer, string) {
		t.Helper()
		n++
		id := fmt.Sprint("paused-", n)
		a, err := d.ask(t.Context(), g, "acme", document, variables, map[string]string{"Bookmark": bookmark, "X-Request-Id": id})
		if err != nil || a.code != "" {
			t.Fatalf("%s %s %v", a.code, a.message, err)
		}
		return a, g.node(id)
	}
	own := map[string]any{"id": s.own}
	if a, node := read(readDocument, own, s.bookmark); node != "primary" || a.at != s.at || !strings.Contains(string(a.data), `"s-2"`) {
		t.Errorf("with the bookmark: %s at %v of %v: %s", node, a.at, s.at, a.data)
	}
	if a, node := read(readDocument, own, ""); !strings.HasPrefix(node, "replica-") || a.at != before || !strings.Contains(string(a.data), `"s-1"`) {
		t.Errorf("without: %s at %v of %v: %s", node, a.at, before, a.data)
	}
	if a, node := read(historyDocument, map[string]any{"after": s.bookmark}, ""); node != "primary" || a.at != s.at {
		t.Errorf("what comes after the write: %s at %v", node, a.at)
	}
	for _, r := range d.cluster.Replicas {
		r.Resume(t)
	}
	d.cluster.CaughtUp(t)
	if a, node := read(readDocument, own, s.bookmark); !strings.HasPrefix(node, "replica-") || a.at != s.at {
		t.Errorf("resumed: %s at %v", node, a.at)
	}
	for _, finding := range s.found() {
		t.Error(finding)
	}
}

// TestThePrimaryIsGoneForAWhile: reads go on from replicas, what needs the
// primary is UNAVAILABLE and says when to come back, nothing acknowledged is
// lost, and all is well soon after it is back.
func TestThePrimaryIsGoneForAWhile(t *testing.T) {
	t.Parallel()
	d := deploy(t, program)
	r := newRun(d, 8*time.Second, false)
	var load sync.WaitGroup
	for i, account := range accounts {
		for n := range sessions {
			s := &session{run: r, name: fmt.Sprint("s", n), account: account, rnd: rand.New(rand.NewPCG(uint64(i), uint64(n)))}
			load.Go(s.work)
		}
	}
	time.Sleep(time.Second)
	d.cluster.CaughtUp(t)
	d.cluster.Primary.Stop(t)
	write := func(g *gateway, account string) answer {
		a, err := d.ask(t.Context(), g, account, createDocument, map[string]any{"name": "while it is gone"}, nil)
		if err != nil {
			t.Error(err)
		}
		return a
	}
	for range 10 {
		for _, g := range d.gateways {
			for _, account := range accounts {
				if a, err := d.ask(t.Context(), g, account, readDocument, map[string]any{"id": "client_1"}, nil); err != nil || a.code != "" {
					t.Errorf("a read is answered %s %s, %v", a.code, a.message, err)
				}
				strong, err := d.ask(t.Context(), g, account, readDocument, map[string]any{"id": "client_1"}, map[string]string{"Consistency": "strong"})
				if err != nil {
					t.Error(err)
				}
				for what, a := range map[string]answer{"strong read": strong, "write": write(g, account)} {
					if a.code != string(shards.Unavailable) || a.wait == "" {
						t.Errorf("a %s is answered %q %s, Retry-After %q", what, a.code, a.message, a.wait)
					}
				}
			}
		}
	}
	d.cluster.Primary.Start(t)
	back := time.Now()
	for _, g := range d.gateways {
		for _, account := range accounts {
			for a := write(g, account); a.code != ""; a = write(g, account) {
				if time.Since(back) > 20*time.Second {
					t.Fatalf("20 s after the primary was back: %s %s", a.code, a.message)
				}
				time.Sleep(10 * time.Millisecond)
			}
		}
	}
	t.Logf("all gateways write %v after the primary is back", time.Since(back).Round(time.Millisecond))
	load.Wait()
	for _, account := range accounts {
		r.judge(account, nil)
	}
	for _, finding := range r.found() {
		t.Error(finding)
	}
}
