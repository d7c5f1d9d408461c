package main

import (
	"context"
	"flag"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gatehouse/shards"
)

var isoLoadTime = flag.Duration("isolation", 3*time.Second, "how long TestIsolationUnderLoad runs")

// TestIsolationUnderLoad: 64 clients of three accounts that have the same ids,
// whatever the schema has to read and to write, and requests that are given up
// at any moment. No answer holds what is another account's, none fails for
// want of anything but patience, and what is left behind is whole.
//
// It is not parallel: it counts goroutines.
func TestIsolationUnderLoad(t *testing.T) {
	const clients = 64
	w := newIsoWorld(t)
	calls := append(append(w.rootFields(w.schema.Query), w.edges()...), w.rootFields(w.schema.Mutation)...)
	w.server.Client().CloseIdleConnections()
	base := runtime.NumGoroutine()

	deadline := time.Now().Add(*isoLoadTime)
	var done, givenUp, wrote atomic.Int64
	var wait sync.WaitGroup
	for i := range clients {
		wait.Go(func() {
			a := []*isoAccount{w.a, w.b, w.c}[i%3]
			random := rand.New(rand.NewPCG(1, uint64(i)))
			for time.Now().Before(deadline) && !t.Failed() {
				r := a.random(random, calls)
				ctx, cancel := t.Context(), func() {}
				if random.IntN(5) == 0 {
					ctx, cancel = context.WithTimeout(ctx, time.Duration(random.IntN(20_000))*time.Microsecond)
				}
				x, err := a.all.send(ctx, r)
				cancelled := ctx.Err() != nil
				cancel()
				switch {
				case cancelled, x.status == 503 && strings.Contains(x.body, "the gateway is busy"): // which 64 clients may make it
					givenUp.Add(1)
				case err != nil:
					t.Errorf("%s\n%v", r, err)
				case strings.Contains(x.body, `"INTERNAL"`) || strings.Contains(x.body, `"UNAVAILABLE"`) || x.status != 200:
					t.Errorf("%s\n%d %s", r, x.status, isoCut(x.body))
				default:
					if done.Add(1); strings.HasPrefix(r.document, "mutation") && strings.Contains(x.body, `"errors":[]`) {
						wrote.Add(1)
					}
				}
			}
		})
	}
	wait.Wait()
	t.Logf("%d requests answered, %d of them writes, %d given up", done.Load(), wrote.Load(), givenUp.Load())
	if done.Load() == 0 || wrote.Load() == 0 || givenUp.Load() == 0 {
		t.Error("too little has happened")
	}

	for _, a := range []*isoAccount{w.a, w.b, w.c} { // gapless: as many numbers as the head says
		row := a.query("SELECT count(DISTINCT seq) n, min(seq) least, max(seq) most FROM change WHERE account_id = $1", a.id)[0]
		if head := a.head(); row["n"] != head || row["least"] != int64(1) || row["most"] != head {
			t.Errorf("the history of account %s: %v, head %d", a.name, row, head)
		}
		for _, row := range strings.Split(a.dump(), "\n") {
			if found := isoForeign(row, a.name); found != "" {
				w.finding("account %s holds %q: %s", a.name, found, isoCut(row))
			}
		}
	}
	w.server.Client().CloseIdleConnections()
	for end := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > base; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			stacks := make([]byte, 1<<20)
			t.Fatalf("%d goroutines, %d before\n%s", runtime.NumGoroutine(), base, stacks[:runtime.Stack(stacks, true)])
		}
	}
}

// random returns any request with any of the account's ids, most of which other
// accounts have, too.
func (a *isoAccount) random(random *rand.Rand, calls []isoField) isoRequest {
	w := a.w
	id := func(k *isoKind) string {
		if random.IntN(4) == 0 { // of the records that come and go
			return isoID(k, "spare", random.IntN(20))
		}
		return a.records[k][random.IntN(isoShared+isoOwn)].id
	}
	f := calls[random.IntN(len(calls))]
	k := w.about(f)
	if k == nil {
		k = w.kinds[random.IntN(len(w.kinds))]
	}
	args := map[string]any{}
	for _, arg := range f.Arguments {
		switch name := arg.Type.Name(); {
		case name == "ID" && arg.Type.Elem != nil:
			args[arg.Name] = []string{id(k), id(w.kinds[random.IntN(len(w.kinds))])}
		case name == "ID":
			of := w.target(k, arg.Name)
			if of == nil {
				of = k
			}
			args[arg.Name] = id(of)
		case arg.Type.NonNull || f.mutation && w.schema.Types[name].IsInputType() && len(w.schema.Types[name].Fields) > 0:
			args[arg.Name] = a.value(k, arg.Name, arg.Type, id)
		case arg.Name == "first" && random.IntN(2) == 0:
			args[arg.Name] = random.IntN(10)
		}
	}
	if input, ok := args["input"].(map[string]any); ok && random.IntN(2) == 0 {
		input["id"] = isoID(k, "spare", random.IntN(20))
	}
	r := w.operation(f, args, 1+random.IntN(2))
	switch random.IntN(8) {
	case 0:
		r.header = []string{"Idempotency-Key: key-" + string(rune('a'+random.IntN(26)))}
	case 1:
		r.header = []string{"Bookmark: " + w.keys.Bookmark(a.id, shards.Position{Epoch: 1, Seq: 1})}
	}
	return r
}
