package resolvers

import (
	"context"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"gatehouse/shards"
)

// ahead loads what the selection asks for below the records: breadth first,
// one statement for each edge and level, however many records there are. It
// only warms the loaders. Whatever it leaves out, because an argument is wrong
// or a scope is missing, the field's own resolver meets and reports.
func (r *response) ahead(ctx context.Context, records []*record, selection ast.SelectionSet) error {
	op := graphql.GetOperationContext(ctx)
	byKind := map[*kind][]*record{}
	seen := make(map[string]bool, len(records))
	for _, rec := range records {
		// Each record once: lists of lists repeat it, and would multiply level by level.
		if rec != nil && !seen[rec.row.ID] {
			seen[rec.row.ID] = true
			byKind[rec.kind] = append(byKind[rec.kind], rec)
		}
	}
	for k, recs := range byKind {
		for _, f := range graphql.CollectFields(op, selection, k.satisfies) {
			var err error
			if f.Name == "history" {
				err = r.aheadHistory(ctx, recs, f)
			} else if e := r.model.edges[k.name+"."+f.Name]; e != nil && r.may(e.target.read) == nil {
				if e.ref != "" {
					err = r.aheadRef(ctx, e, recs, f)
				} else {
					ids := make([]string, len(recs))
					for i, rec := range recs {
						ids[i] = rec.row.ID
					}
					err = r.aheadList(ctx, e, ids, f)
				}
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *response) aheadRef(ctx context.Context, e *edge, recs []*record, f graphql.CollectedField) error {
	var ids []string
	seen := map[string]bool{}
	for _, rec := range recs {
		if id := rec.row.Text(e.ref); id != "" && !seen[id] {
			seen[id] = true
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	targets, err := r.recordsOf(e.target).load(ctx, ids)
	if err != nil {
		return err
	}
	return r.ahead(ctx, targets, f.Selections)
}

// aheadList loads a list of every parent, and what is selected of its records.
func (r *response) aheadList(ctx context.Context, e *edge, parents []string, f graphql.CollectedField, within ...shards.Condition) error {
	op := graphql.GetOperationContext(ctx)
	snap, err := r.snapshot(ctx)
	if err != nil {
		return err
	}
	q, err := r.query(snap, e, f.ArgumentMap(op.Variables), within...)
	if err != nil {
		return nil
	}
	pages, err := r.pagesOf(q).load(ctx, parents)
	if err != nil {
		return err
	}
	below := []ast.SelectionSet{f.Selections}
	if e.paged {
		below = append(selections(ctx, f.Selections, "nodes"), selections(ctx, f.Selections, "edges", "node")...)
		if selections(ctx, f.Selections, "totalCount") != nil {
			if _, err := r.countsOf(q).load(ctx, parents); err != nil {
				return err
			}
		}
	}
	var all []*record
	for _, p := range pages {
		all = append(all, p.records...)
	}
	return r.aheadAll(ctx, all, below)
}

// aheadAll loads what each of the selections asks for below the records. They
// are walked one by one: under two aliases of one list the same name may stand
// for fields with other arguments.
func (r *response) aheadAll(ctx context.Context, records []*record, below []ast.SelectionSet) error {
	for _, selection := range below {
		if err := r.ahead(ctx, records, selection); err != nil {
			return err
		}
	}
	return nil
}

// selections returns what is selected at a path below a selection, one set for
// each alias; nil where the path is not selected.
func selections(ctx context.Context, of ast.SelectionSet, path ...string) []ast.SelectionSet {
	op := graphql.GetOperationContext(ctx)
	at := []ast.SelectionSet{of}
	for _, name := range path {
		var next []ast.SelectionSet
		for _, set := range at {
			for _, f := range graphql.CollectFields(op, set, nil) {
				if f.Name == name {
					next = append(next, f.Selections)
				}
			}
		}
		at = next
	}
	return at
}

// selected returns what is selected at a path below the field that is being
// resolved.
func selected(ctx context.Context, path ...string) []ast.SelectionSet {
	return selections(ctx, graphql.GetFieldContext(ctx).Field.Selections, path...)
}
