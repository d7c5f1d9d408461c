package resolvers

import (
	"context"
	"io"
	"sync/atomic"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"gatehouse/shards"
)

// projector answers the root fields that lead to records straight from the
// stored bodies, and those that write one from the body that was written. What
// is selected is compiled once, loaded breadth first, and written without a
// struct or a goroutine in between. It does only what goes well: whatever does
// not, a missing scope, a wrong argument, an answer that is too large, is left to
// the generated code, which finds the records loaded and reports what is wrong in
// its place. It is safe for concurrent use.
type projector struct {
	model      *model
	schema     *ast.Schema
	fields     map[string]rootField
	operations *operations
}

// rootKey names a root field and the answers to the conditions, a bit for each.
type rootKey struct {
	alias   string
	answers uint
}

// maxConditions bounds what is compiled of one operation.
const maxConditions = 6

// root is what is selected below one root field. Where the projector leaves
// the field alone, it is the zero root.
type root struct {
	list   *link              // of a field that lists
	object *object            // of a field with a single record, and of the pipeline
	kinds  map[string]*object // of node and nodes, by the name of the kind
	alone  bool               // there is no other root field
	links  int
	size   atomic.Int64 // of the largest answer yet

	// payload is of a mutation whose payload has one record, and kind the record's.
	payload []slice
	kind    *kind
}

// grew takes note of the length of an answer.
func (r *root) grew(length int) {
	if n := int64(length); n > r.size.Load() {
		r.size.Store(n)
	}
}

func newProjector(m *model, schema *ast.Schema, o *operations) *projector {
	return &projector{model: m, schema: schema, fields: o.roots, operations: o}
}

// resolve is gqlgen's hook around each field.
func (p *projector) resolve(ctx context.Context, next graphql.Resolver) (any, error) {
	fc := graphql.GetFieldContext(ctx)
	if fc.Object == "Mutation" {
		return p.payload(ctx, fc, next)
	}
	if fc.Object != "Query" {
		return next(ctx)
	}
	field, ok := p.fields[fc.Field.Name]
	if !ok {
		return next(ctx)
	}
	r, err := from(ctx)
	if err != nil {
		return nil, err
	}
	if field.scope != "" && r.may(field.scope) != nil {
		return next(ctx)
	}
	op := graphql.GetOperationContext(ctx)
	root := p.root(op, fc.Field)
	if root == nil || root.list == nil && root.object == nil && root.kinds == nil {
		return next(ctx)
	}
	x := &projection{
		response: r, root: root, alone: root.alone && partsFrom(ctx) == nil, schema: p.schema, variables: op.Variables,
		loaded: make([]loaded, root.links), copies: map[copyKey]stretch{}, out: make([]byte, 0, root.size.Load()+64),
	}
	switch done, err := field.answer(ctx, x); {
	case err != nil:
		return nil, err
	case !done && x.handed <= maxRecords:
		return next(ctx)
	}
	// Too much is too much for the generated code as well, and it can't read any
	// more once the last of the answer has been read.
	if err := r.hand(ctx, x.handed); err != nil {
		return nil, err
	}
	root.grew(len(x.out))
	return written(x.out), nil
}

// written is an answer that is encoded already.
type written []byte

// MarshalGQL writes it as it is.
func (b written) MarshalGQL(w io.Writer) { _, _ = w.Write(b) }

// root returns what is compiled of a root field, nil for one with more
// conditions than are worth it.
func (p *projector) root(op *graphql.OperationContext, f graphql.CollectedField) *root {
	o := p.operations.of(op)
	if len(o.conditions) > maxConditions {
		return nil
	}
	key := rootKey{alias: f.Alias}
	for i, name := range o.conditions {
		if op.Variables[name] == true {
			key.answers |= 1 << i
		}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	out, ok := o.roots[key]
	if !ok {
		c := &compiler{model: p.model, schema: p.schema, op: op}
		if out = c.root(f); out == nil {
			out = &root{}
		}
		out.links = len(c.links)
		o.roots[key] = out
		p.operations.grew(op, c.fields)
	}
	return out
}

// conditionsOf returns the variables of all @skip and @include in the operation
// and its document's fragments, each once.
func conditionsOf(op *graphql.OperationContext) (out []string) {
	seen := map[string]bool{}
	look := func(list ast.DirectiveList) {
		for _, d := range list {
			for _, a := range d.Arguments {
				if (d.Name == "skip" || d.Name == "include") && a.Value.Kind == ast.Variable && !seen[a.Value.Raw] {
					seen[a.Value.Raw] = true
					out = append(out, a.Value.Raw)
				}
			}
		}
	}
	var walk func(ast.SelectionSet)
	walk = func(set ast.SelectionSet) {
		for _, selection := range set {
			switch s := selection.(type) {
			case *ast.Field:
				look(s.Directives)
				walk(s.SelectionSet)
			case *ast.InlineFragment:
				look(s.Directives)
				walk(s.SelectionSet)
			case *ast.FragmentSpread:
				look(s.Directives)
			}
		}
	}
	walk(op.Operation.SelectionSet)
	for _, f := range op.Doc.Fragments {
		walk(f.SelectionSet)
	}
	return out
}

// projection answers one root field of one request.
type projection struct {
	*response
	root *root
	// alone: nobody else reads through the response.
	alone     bool
	schema    *ast.Schema
	variables map[string]any
	// loaded has what each link leads to, by the link's index.
	loaded []loaded
	handed int // records that lists have put into the answer

	out []byte
	// slots are the members of the bodies that are being written, a stretch for
	// each object on the way down.
	slots [][]byte
	// copies says where the target of a reference stands in out.
	copies map[copyKey]stretch
}

// one answers with a single record, or null.
func (x *projection) one(ctx context.Context, k *kind, id string) (bool, error) {
	if x.may(k.read) != nil {
		return false, nil
	}
	if o := x.root.object; x.reads(o) {
		if err := x.last(ctx, o.flat); err != nil {
			return false, err
		}
		if err := x.fetch(ctx, wantOne(k, id, o.refs)); err != nil {
			return false, err
		}
	}
	recs, err := x.recordsOf(k).direct(ctx, []string{id})
	if err != nil {
		return false, err
	}
	return x.records(ctx, recs, false)
}

// last says that what is read next is the last of the answer, where it is. All is
// loaded then that anybody could want to read, the generated code as well.
func (x *projection) last(ctx context.Context, is bool) error {
	if !is || !x.alone {
		return nil
	}
	snap, err := x.snapshot(ctx)
	if err == nil {
		snap.Last()
	}
	return err
}

// any answers with records of whatever kinds.
func (x *projection) any(ctx context.Context, ids []string, list bool) (bool, error) {
	recs, err := x.response.any(ctx, ids)
	if err != nil {
		return false, err
	}
	return x.records(ctx, recs, list)
}

// records answers with records that are loaded, null where one is missing.
func (x *projection) records(ctx context.Context, recs []*record, list bool) (bool, error) {
	object := func(k *kind) *object {
		if x.root.object != nil {
			return x.root.object
		}
		return x.root.kinds[k.name]
	}
	byKind := map[*kind][]*record{}
	seen := map[*record]bool{}
	for _, rec := range recs {
		if rec != nil && !seen[rec] {
			seen[rec] = true
			byKind[rec.kind] = append(byKind[rec.kind], rec)
		}
	}
	for k, of := range byKind {
		if done, err := x.load(ctx, object(k), of, len(byKind) == 1); !done || err != nil {
			return done, err
		}
	}
	if list {
		x.out = append(x.out, '[')
	}
	for i, rec := range recs {
		if i > 0 {
			x.out = append(x.out, ',')
		}
		if rec == nil {
			x.out = append(x.out, "null"...)
		} else if !x.object(object(rec.kind), rec) {
			return false, nil
		}
	}
	if list {
		x.out = append(x.out, ']')
	}
	return true, nil
}

// page answers with a list that has no parent.
func (x *projection) page(ctx context.Context) (bool, error) {
	l := x.root.list
	if x.may(l.edge.target.read) != nil {
		return false, nil
	}
	if done, err := x.loadPages(ctx, l, []string{""}, true); !done || err != nil {
		return done, err
	}
	to := &x.loaded[l.index]
	return x.connection(l, to.pages[""], to.counts[""]), nil
}

// rows answers with objects that are no records: what they have is given as a
// body, and their edges have the row's id as the parent.
func (x *projection) rows(ctx context.Context, rows []*shards.Row, within []shards.Condition) (bool, error) {
	recs := make([]*record, len(rows))
	for i, row := range rows {
		recs[i] = &record{row: row}
	}
	if done, err := x.load(ctx, x.root.object, recs, true, within...); !done || err != nil {
		return done, err
	}
	return x.list(x.root.object, recs), nil
}
