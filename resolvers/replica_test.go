package resolvers

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"gatehouse/shards"
	"gatehouse/shards/pgtest"
)

// Who writes without a bookmark, while the replica is behind, is not refused
// for what the replica does not know.
func TestAWriteIsPreparedFromThePrimary(t *testing.T) {
	t.Parallel()
	c := pgtest.Start(t, 1)
	db := c.Database(t)
	w := newWorldOn(t, shards.Spec{
		ID: "1", Engine: "postgres", DSN: db.App(c.Primary), OwnerDSN: db.Owner(c.Primary),
		Replicas: []shards.Replica{{DSN: db.App(c.Replicas[0])}},
	}, "a")
	create := func(name string) string {
		made := w.must("a", fmt.Sprintf(`mutation { createGroup(input: {name: %q}) { group { id } } }`, name), nil)
		return made["createGroup"].(map[string]any)["group"].(map[string]any)["id"].(string)
	}
	update := func(id, description string) {
		t.Helper()
		data, errs := w.run(w.request("a"), fmt.Sprintf(
			`mutation { updateGroup(id: %q, patch: {description: %q}) { group { description } errors { code } } }`, id, description), nil)
		if errs != nil || !strings.Contains(data, fmt.Sprintf(`{"description":%q}`, description)) {
			t.Errorf("got %s, %v", data, errs)
		}
	}
	old := create("Old")
	c.CaughtUp(t)
	node := func() string {
		s, err := w.request("a").Handle.Snapshot(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if _, err := s.Get(t.Context(), "groups", []string{old}); err != nil {
			t.Fatal(err)
		}
		return s.Node()
	}
	for deadline := time.Now().Add(30 * time.Second); node() != "replica-1"; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the replica is never read")
		}
	}
	c.Replicas[0].Pause(t)
	w.statements = nil
	update(old, "once")
	update(old, "twice") // of a version that the replica does not have
	update(create("New"), "once")
	if n := len(w.statements); n > 40 {
		t.Errorf("it took %d statements", n) // and the time until the replica was left out
	}
}
