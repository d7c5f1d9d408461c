package resolvers

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"gatehouse/shards"
	"gatehouse/tenancy"
)

// cachingWorld has two executors in front of one shard: one that keeps answers.
type cachingWorld struct {
	*world
	caching *Executor
}

func newCachingWorld(t testing.TB, limit int, accounts ...string) *cachingWorld {
	t.Helper()
	w := &cachingWorld{world: newWorld(t, accounts...)}
	var err error
	if w.caching, err = NewExecutor(Options{Cache: limit}); err != nil {
		t.Fatal(err)
	}
	return w
}

// read returns an answer, where in the history it is from, and what the cache had.
func (w *cachingWorld) read(e *Executor, r *tenancy.Request, query string) (data, at string, status tenancy.CacheStatus) {
	w.t.Helper()
	data, errs := w.runBy(e, r, query, nil)
	if errs != nil {
		w.t.Fatalf("%s\n%s", query, errs)
	}
	at, err := r.Handle.Bookmark(context.Background())
	if err != nil {
		w.t.Fatal(err)
	}
	return data, at, r.Cache
}

func TestAnAnswerIsKeptForAsLongAsNothingChanges(t *testing.T) {
	t.Parallel()
	w := newCachingWorld(t, 1<<20, "a", "b")
	w.fill("a", 2)
	w.fill("b", 2)
	query := `{ clients { nodes { name } } }`
	ask := func(account string, want tenancy.CacheStatus) string {
		t.Helper()
		data, _, status := w.read(w.caching, w.request(account), query)
		if status != want {
			t.Errorf("got %q, want %q", status, want)
		}
		return data
	}
	first := ask("a", tenancy.CacheMiss)
	w.mu.Lock()
	w.statements = nil
	w.mu.Unlock()
	if again := ask("a", tenancy.CacheHit); again != first {
		t.Errorf("got %s, want %s", again, first)
	}
	most := 0
	if w.shard.Spec.Engine == "postgres" { // others write there, too: the head is read
		most = 1
	}
	if n := len(w.statements); n > most {
		t.Errorf("an answer that was kept took %d statements", n)
	}
	ask("b", tenancy.CacheMiss)
	w.must("b", `mutation { createClient(input: {name: "of b"}) { errors { code } } }`, nil)
	ask("a", tenancy.CacheHit)
	if got := ask("b", tenancy.CacheMiss); !strings.Contains(got, "of b") {
		t.Errorf("got %s", got)
	}
	// Other scopes, other variables, another document: other answers.
	r := w.request("a")
	r.Caller.Scopes = tenancy.NewScopes("clients:read")
	if _, _, status := w.read(w.caching, r, query); status != tenancy.CacheMiss {
		t.Errorf("other scopes: got %q", status)
	}
	if _, _, status := w.read(w.caching, w.request("a"), query+" "); status != tenancy.CacheMiss {
		t.Errorf("another document: got %q", status)
	}
	for _, other := range []string{`{ viewer { actor { name } } }`, `{ changes { hasMore } }`, `{ viewer { scopes } clients { nodes { name } } }`} {
		if _, _, status := w.read(w.caching, w.request("a"), other); status != "" {
			t.Errorf("%s depends on more than the data, and got %q", other, status)
		}
	}
}

func TestErrorsAreNotKept(t *testing.T) {
	t.Parallel()
	w := newCachingWorld(t, 1<<20, "a")
	w.exec = w.caching
	for range 2 {
		r := w.request("a")
		if _, errs := w.run(r, `{ clients(first: 101) { nodes { name } } }`, nil); len(errs) != 1 || r.Cache != tenancy.CacheMiss {
			t.Errorf("got %v, %q", errs, r.Cache)
		}
	}
}

// A bookmark that is ahead of everything is refused, whatever is kept.
func TestAKeptAnswerIsNoWayPastABookmark(t *testing.T) {
	t.Parallel()
	w := newCachingWorld(t, 1<<20, "a")
	w.exec = w.caching
	query := `{ clients { nodes { name } } }`
	w.must("a", query, nil)
	w.must("a", query, nil)
	r := w.request("a")
	if err := r.Handle.Require(w.keys.Bookmark("a", shards.Position{Epoch: 1, Seq: 99})); err != nil {
		t.Fatal(err)
	}
	if _, errs := w.run(r, query, nil); len(errs) != 1 || !strings.Contains(errs[0], "BOOKMARK_AHEAD") {
		t.Errorf("got %v", errs)
	}
}

// With the cache and without, the answers at one position are one answer, while
// others write.
func TestAnswersAreTheSameAtEachPosition(t *testing.T) {
	t.Parallel()
	w := newCachingWorld(t, 1<<16, "a", "b") // so small that answers come and go
	w.fill("a", 3)
	w.fill("b", 3)
	ids := strings.Split(w.ask(w.request("a"), `{ clients { nodes { id } } }`).Get("clients.nodes.#.id").String(), `"`)
	var mu sync.Mutex
	seen := map[string]string{} // by account, position and query
	hits := 0
	var wg sync.WaitGroup
	for worker := range uint64(8) {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(worker, 1))
			for range 150 {
				account := []string{"a", "b"}[random.IntN(2)]
				if random.IntN(6) == 0 {
					w.must(account, fmt.Sprintf(`mutation { createClient(input: {name: "%d"}) { errors { code } } }`, random.IntN(1000)), nil)
					continue
				}
				query := []string{
					`{ clients(first: 3) { nodes { name owner { name } } } }`,
					`{ clients(first: 2, orderBy: {field: NAME}) { totalCount nodes { name } } }`,
					`{ leadPipeline { count } clients(last: 1) { nodes { name } } }`,
					fmt.Sprintf(`{ client(id: %q) { name version } }`, ids[1+2*random.IntN(len(ids)/2)]),
				}[random.IntN(4)]
				e := []*Executor{w.exec, w.caching, w.caching}[random.IntN(3)]
				data, at, status := w.read(e, w.request(account), query)
				mu.Lock()
				if status == tenancy.CacheHit {
					hits++
				}
				key := account + at + query
				if before, ok := seen[key]; ok && before != data {
					t.Errorf("%s at one position:\n%s\n%s", query, before, data)
				}
				seen[key] = data
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if hits == 0 {
		t.Error("nothing was kept: the test proves nothing")
	}
}

func TestTheCacheIsBoundedAndFair(t *testing.T) {
	t.Parallel()
	c := newCache(100_000)
	put := func(account string, n int) {
		c.put(account, &kept{key: cacheKey{byte(n), byte(n >> 8)}, asked: asking{text: fmt.Sprint(n)}, Answered: tenancy.Answered{At: shards.Position{Epoch: 1, Seq: 1}, Data: make([]byte, 1000)}})
	}
	for n := range 20 {
		put("quiet", n)
	}
	for n := range 1000 {
		put("loud", n)
		if c.bytes > c.limit {
			t.Fatalf("%d bytes are kept", c.bytes)
		}
	}
	for n := range 20 {
		if _, ok := c.get("quiet", cacheKey{byte(n)}, shards.Position{Epoch: 1, Seq: 1}); !ok {
			t.Errorf("the quiet account's answer %d is gone", n)
		}
	}
	c.put("huge", &kept{Answered: tenancy.Answered{Data: make([]byte, 50_000)}})
	if c.accounts["huge"] != nil {
		t.Error("one answer took half of the cache")
	}
	// An older answer does not take the place of a newer one.
	c.put("quiet", &kept{key: cacheKey{1}, asked: asking{text: "1"}, Answered: tenancy.Answered{At: shards.Position{Epoch: 1}}})
	if _, ok := c.get("quiet", cacheKey{1}, shards.Position{Epoch: 1, Seq: 1}); !ok {
		t.Error("an older answer took the place of a newer one")
	}
	sum := 0
	for _, s := range c.accounts {
		of := 0
		for e := s.recent.Front(); e != nil; e = e.Next() {
			of += e.Value.(*kept).size()
		}
		if of != s.bytes || len(s.answers) != s.recent.Len() || len(s.asked) != s.recent.Len() {
			t.Errorf("%s: %d bytes counted, %d there; %d answers, %d in order, %d by what was asked", s.account, s.bytes, of, len(s.answers), s.recent.Len(), len(s.asked))
		}
		sum += of
	}
	if sum != c.bytes {
		t.Errorf("%d bytes counted, %d there", c.bytes, sum)
	}
}

// While one makes an answer, others wait for it, but only those who ask the same.
func TestOneMakesTheAnswerForAllWhoWait(t *testing.T) {
	t.Parallel()
	c, at := newCache(1<<20), shards.Position{Epoch: 1, Seq: 1}
	none, land := c.board("a", cacheKey{1}, at)
	if none != nil {
		t.Fatal("there is nobody to wait for")
	}
	same, _ := c.board("a", cacheKey{1}, at)
	for what, other := range map[string]func() (*flight, func(*kept)){
		"account":  func() (*flight, func(*kept)) { return c.board("b", cacheKey{1}, at) },
		"key":      func() (*flight, func(*kept)) { return c.board("a", cacheKey{2}, at) },
		"position": func() (*flight, func(*kept)) { return c.board("a", cacheKey{1}, shards.Position{Epoch: 1, Seq: 2}) },
	} {
		f, landOther := other()
		if f != nil {
			t.Errorf("another %s waits for this answer", what)
			continue
		}
		landOther(nil)
	}
	land(&kept{key: cacheKey{1}, Answered: tenancy.Answered{At: at, Data: []byte("x")}})
	if got := same.wait(t.Context()); string(got) != "x" {
		t.Errorf("got %q", got)
	}
	_, land = c.board("a", cacheKey{3}, at)
	failed, _ := c.board("a", cacheKey{3}, at)
	land(nil)
	if got := failed.wait(t.Context()); got != nil {
		t.Errorf("got %q", got)
	}
	if n := len(c.accounts["a"].flights); n > 0 {
		t.Errorf("%d flights are left", n)
	}
	if c.accounts["b"] != nil {
		t.Error("an account that has nothing is kept")
	}
}

// Those who wait for another's answer must not hold what it needs to be made.
func TestWaitingForAnAnswerLeavesTheProcessor(t *testing.T) {
	t.Parallel()
	w := newCachingWorld(t, 1<<20, "a")
	w.fill("a", 3)
	turns := tenancy.NewTurns(0, 0, nil)
	query := `{ clients(first: 100) { nodes { name owner { name } group { name } } } }`
	var wg sync.WaitGroup
	for n := range 20 {
		w.must("a", fmt.Sprintf(`mutation { createGroup(input: {name: "new %d"}) { errors { code } } }`, n), nil)
		for range 40 {
			wg.Go(func() {
				r := w.request("a")
				turn, err := turns.Wait(t.Context(), &r.Caller.Account)
				if err != nil {
					t.Error(err)
					return
				}
				defer turn.End()
				r.Turn = turn
				r.Handle.InTurn(turn)
				if _, errs := w.runBy(w.caching, r, query, nil); errs != nil {
					t.Error(errs)
				}
			})
		}
		wg.Wait()
	}
}

// Variables that differ in anything have keys that differ.
func TestNoTwoVariablesReadAlike(t *testing.T) {
	t.Parallel()
	seen := map[string]int{}
	for i, v := range []map[string]any{
		nil, {"a": nil}, {"a": ""}, {"a": "1"}, {"a": json.Number("1")}, {"a": int64(1)}, {"a": 1.5}, {"a": true}, {"a": false},
		{"a": []any{}}, {"a": []any{"1"}}, {"a": []string{"1"}}, {"a": []any{nil}}, {"a": []any{"1", "2"}}, {"a": []any{[]any{"1"}, "2"}}, {"a": []any{[]any{"1", "2"}}},
		{"a": map[string]any{}}, {"a": map[string]any{"b": nil}}, {"a": map[string]any{}, "b": nil}, {"b": "1"}, {"a": "1", "b": "2"}, {"a": "2", "b": "1"},
		{"a": "1t\x00\x00\x00\x012"}, {"a": "1", "b": map[string]any{"c": "2"}}, {"a": "1", "b": map[string]any{}, "c": "2"},
	} {
		key := string(appendValue(nil, v))
		if before, ok := seen[key]; ok {
			t.Errorf("variables %d and %d read alike", before, i)
		}
		seen[key] = i
	}
}
