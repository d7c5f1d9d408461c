package resolvers

import (
	"crypto/sha256"
	"runtime"
	"sync"
	"weak"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
)

// operations are what has been worked out of operations whose documents are
// kept; it goes with them. It is safe for concurrent use.
type operations struct {
	roots map[string]rootField // of the schema
	mu    sync.Mutex
	by    map[weak.Pointer[ast.OperationDefinition]]*operation
	// compiled is how many fields all of them have compiled.
	compiled int
}

// maxCompiled bounds the fields that are kept compiled, of all operations; each
// takes some 150 bytes. Documents alone do not bound them: a short one spreads a
// large fragment at each root, and its conditions have up to 64 answers.
const maxCompiled = 250_000

// operation is what has been worked out of one operation. Nothing in it leads
// back to the definition, which would keep both for good.
type operation struct {
	// conditions are the variables which its @skip and @include ask.
	conditions []string
	// digest is of its document and its name.
	digest [sha256.Size]byte
	// cacheable is so of all root fields that there are without conditions.
	cacheable bool
	// compiled is how many fields its roots have; operations.mu guards it.
	compiled int

	mu    sync.Mutex
	roots map[rootKey]*root
}

func newOperations(roots map[string]rootField) *operations {
	return &operations{roots: roots, by: map[weak.Pointer[ast.OperationDefinition]]*operation{}}
}

// of returns what is known of an operation.
func (o *operations) of(op *graphql.OperationContext) *operation {
	key := weak.Make(op.Operation)
	o.mu.Lock()
	defer o.mu.Unlock()
	if known := o.by[key]; known != nil {
		return known
	}
	text := sha256.Sum256([]byte(op.RawQuery))
	known := &operation{
		conditions: conditionsOf(op), digest: sha256.Sum256(append(text[:], op.Operation.Name...)),
		cacheable: o.onlyRecords(op), roots: map[rootKey]*root{},
	}
	o.by[key] = known
	runtime.AddCleanup(op.Operation, o.forget, key)
	return known
}

func (o *operations) forget(key weak.Pointer[ast.OperationDefinition]) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.compiled -= o.by[key].compiled
	delete(o.by, key)
}

// grew accounts for fields that were compiled of an operation. Beyond the bound
// all is forgotten, and compiled again where it is asked for.
func (o *operations) grew(op *graphql.OperationContext, fields int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.by[weak.Make(op.Operation)].compiled += fields
	if o.compiled += fields; o.compiled <= maxCompiled {
		return
	}
	o.compiled = 0
	for key, known := range o.by { // requests that have the old one go on with it
		o.by[key] = &operation{conditions: known.conditions, digest: known.digest, cacheable: known.cacheable, roots: map[rootKey]*root{}}
	}
}

// cacheable reports whether all root fields that are asked for depend on nothing
// but the account's data and the caller's scopes.
func (o *operations) cacheable(op *graphql.OperationContext, known *operation) bool {
	if len(known.conditions) == 0 {
		return known.cacheable
	}
	return o.onlyRecords(op)
}

func (o *operations) onlyRecords(op *graphql.OperationContext) bool {
	for _, f := range graphql.CollectFields(op, op.Operation.SelectionSet, []string{"Query"}) {
		if _, ok := o.roots[f.Name]; !ok && f.Name != "__typename" {
			return false
		}
	}
	return true
}
