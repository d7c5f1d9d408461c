package resolvers

import (
	"strings"
	"testing"

	"gatehouse/shards"
	"gatehouse/shards/pgtest"
)

// An answer takes a round trip a level: a record comes with what it refers to,
// and the read ends with its last statements.
func TestAnswersTakeATripALevel(t *testing.T) {
	t.Parallel()
	cluster := postgres.Cluster(t)
	db := cluster.Database(t)
	p := pgtest.NewProxy(t, cluster.Primary)
	w := newWorldOn(t, shards.Spec{
		ID: "1", Engine: "postgres", DSN: p.DSN(t, db.App(cluster.Primary)) + "?pool_max_conns=1", OwnerDSN: db.Owner(cluster.Primary),
	}, "a")
	w.fill("a", 3)
	id := w.must("a", `{ clients(first: 1) { nodes { id } } }`, nil)["clients"].(map[string]any)["nodes"].([]any)[0].(map[string]any)["id"].(string)
	trips := func(query string) int64 {
		least := int64(1 << 20)
		for range 4 { // the first prepares the statements; in any of them the gateway may listen for its bell
			p.Settle()
			p.Trips.Store(0)
			w.must("a", strings.ReplaceAll(query, "ID", id), nil)
			p.Settle()
			least = min(least, p.Trips.Load())
		}
		return least
	}
	for _, test := range []struct {
		query string
		want  int64
	}{
		{`{ client(id: "ID") { name } }`, 1},
		{`{ client(id: "ID") { name group { name } owner { name } } }`, 1},
		{`{ client(id: "client_none") { name group { name } owner { name } } }`, 1},
		{`{ client(id: "ID") { owner { name } group { parent { name } } } }`, 2}, // it has none, so only the end
		{`{ client(id: "ID") { owner { name clients(first: 2) { nodes { name } } } } }`, 2},
		{`{ node(id: "ID") { id } }`, 2}, // which is not known to be the last
		{`{ clients(first: 5) { nodes { name } } }`, 1},
		{`{ clients(first: 5) { totalCount nodes { name } } }`, 2},
		{`{ clients(first: 5) { nodes { name group { name } } } }`, 2},
		{`{ clients(first: 5) { edges { node { owner { name } } } nodes { name group { name } owner { name } } } }`, 3},
		{`{ leadPipeline { stage count totalValue leads(first: 10) { nodes { name owner { name } } } } }`, 3},
		{`{ groups { nodes { clients(first: 2) { nodes { owner { groups { name } } } } } } }`, 4},
		{`{ a: client(id: "ID") { name } b: client(id: "ID") { name } }`, 2}, // nobody knows which is the last
	} {
		if got := trips(test.query); got != test.want {
			t.Errorf("%d round trips, want %d: %s", got, test.want, test.query)
		}
	}
	// An answer that is kept takes the head.
	var err error
	if w.exec, err = NewExecutor(Options{Cache: 1 << 20}); err != nil {
		t.Fatal(err)
	}
	if got := trips(`{ clients(first: 5) { nodes { name group { name } owner { name } } } }`); got != 1 {
		t.Errorf("what is kept took %d round trips", got)
	}
}
