package resolvers

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"
)

// A shard has a handful of readers. If a request took a second one while it
// held its first, many at once would wait for each other for good.
func TestManyRequestsShareFewReaders(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "a")
	w.fill("a", 3)
	mark, err := w.request("a").Handle.Bookmark(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 48 {
		wg.Go(func() {
			r := w.request("a")
			if err := r.Handle.Require(mark); err != nil {
				t.Error(err)
			}
			if i%2 == 0 {
				r.IdempotencyKey = fmt.Sprint("key ", i/4) // some come twice
			}
			query := `{ groups { nodes { clients(first: 5) { totalCount nodes { owner { name } history(first: 1) { nodes { at } } } } } } }`
			switch i % 4 {
			case 0, 1:
				query = fmt.Sprintf(`mutation { a: createGroup(input: {name: "Pool %d"}) { group { id members { totalCount } } bookmark errors { code } }
					b: deleteGroup(id: "group_00000000000000000000000000") { bookmark errors { code } } }`, i)
			case 2:
				query = fmt.Sprintf(`mutation { upsertClients(inputs: [{externalId: "c0", patch: {name: "Pool %d"}}]) { results { client { name } } bookmark } }`, i)
			}
			if _, errs := w.run(r, query, nil); errs != nil {
				t.Errorf("%s: %v", query, errs)
			}
			if _, err := r.Handle.Bookmark(context.Background()); err != nil {
				t.Error(err)
			}
		})
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		t.Fatal("the requests wait for each other")
	}
}
