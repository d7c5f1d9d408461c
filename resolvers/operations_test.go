package resolvers

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
)

// compiling returns a projector of the schema that has compiled nothing yet.
func compiling(t *testing.T) *projector {
	t.Helper()
	m, err := newModel(whole())
	if err != nil {
		t.Fatal(err)
	}
	return newProjector(m, whole(), newOperations(rootFieldsOf(m, whole().Query)))
}

// What is known of an operation goes with its document, although it is compiled
// of its parts.
func TestWhatIsKnownOfAnOperationGoesWithIt(t *testing.T) {
	t.Parallel()
	p := compiling(t)
	known := p.operations
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

// A document of a few lines takes little memory, whatever its conditions are
// answered with, and however many such documents come.
func TestWhatIsCompiledIsBounded(t *testing.T) {
	t.Parallel()
	p := compiling(t)
	known := p.operations
	const names = "abcdef" // of its conditions
	text := `query($a: Boolean!, $b: Boolean!, $c: Boolean!, $d: Boolean!, $e: Boolean!, $f: Boolean!) {`
	for i := range 20 {
		text += fmt.Sprintf(` r%d: clients(first: 0) { nodes { ...all } }`, i)
	}
	text += `} fragment all on Client {
		id @include(if: $a) version @include(if: $b) name @include(if: $c) email @include(if: $d) phone @include(if: $e) tags @include(if: $f)
		group { clients { nodes { ...some owner { ...who } } edges { node { ...some owner { ...who } } } } }
		documents { nodes { id title author { ...who } client { ...some } } edges { node { id title author { ...who } client { ...some } } } }
	} fragment some on Client { id version createdAt updatedAt name email phone tags } fragment who on User { id version name email }`
	var kept []*ast.QueryDocument
	for range 3 {
		doc, faults := gqlparser.LoadQueryWithRules(whole(), text, nil)
		if len(faults) > 0 {
			t.Fatal(faults)
		}
		kept = append(kept, doc)
		for answers := range 1 << len(names) {
			op := &graphql.OperationContext{RawQuery: text, Doc: doc, Operation: doc.Operations[0], Variables: map[string]any{}}
			for i, name := range names {
				op.Variables[string(name)] = answers>>i&1 == 1
			}
			for _, f := range graphql.CollectFields(op, op.Operation.SelectionSet, []string{"Query"}) {
				if root := p.root(op, f); root == nil || root.list == nil {
					t.Fatal("nothing was compiled")
				}
			}
		}
	}
	roots, compiled := 0, 0
	for _, o := range known.by {
		roots += len(o.roots)
		compiled += o.compiled
	}
	if compiled != known.compiled || compiled > maxCompiled || roots == 0 || roots > maxCompiled/50 {
		t.Errorf("%d fields of %d roots are kept, and %d are accounted for", compiled, roots, known.compiled)
	}
	runtime.KeepAlive(kept)
}
