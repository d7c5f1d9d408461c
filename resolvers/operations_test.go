package resolvers

import (
	"runtime"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2"
)

// What is known of an operation goes with its document, although it is compiled
// of its parts.
func TestWhatIsKnownOfAnOperationGoesWithIt(t *testing.T) {
	t.Parallel()
	m, err := newModel(whole())
	if err != nil {
		t.Fatal(err)
	}
	known := newOperations(rootFieldsOf(m, whole().Query))
	p := newProjector(m, whole(), known)
	func() {
		const text = `query($on: Boolean!) { clients { nodes { ...f owner { name } } } } fragment f on Client { name group @include(if: $on) { id } }`
		doc, faults := gqlparser.LoadQueryWithRules(whole(), text, nil)
		if len(faults) > 0 {
			t.Fatal(faults)
		}
		op := &graphql.OperationContext{RawQuery: text, Doc: doc, Operation: doc.Operations[0], Variables: map[string]any{"on": true}}
		for _, f := range graphql.CollectFields(op, op.Operation.SelectionSet, []string{"Query"}) {
			if root := p.root(op, f); root == nil || root.list == nil {
				t.Fatal("nothing was compiled")
			}
		}
		runtime.KeepAlive(doc)
	}()
	left := func() int {
		known.mu.Lock()
		defer known.mu.Unlock()
		return len(known.by)
	}
	for deadline := time.Now().Add(30 * time.Second); left() > 0; runtime.GC() {
		if time.Now().After(deadline) {
			t.Fatal("it is kept for good")
		}
	}
}
