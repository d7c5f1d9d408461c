package resolvers

import (
	"context"

	"gatehouse/graph"
)

// Root has a resolver for each type that needs one. It is empty: what a
// resolver needs comes with the response in its context.
type Root struct{}

var _ graph.ResolverRoot = Root{}

// Query resolves the fields of Query.
func (Root) Query() graph.QueryResolver { return rootQuery{} }

// Mutation resolves the fields of Mutation.
func (Root) Mutation() graph.MutationResolver { return rootMutation{} }

type (
	rootQuery    struct{}
	rootMutation struct{}
)

func (rootQuery) Node(ctx context.Context, id string) (graph.Node, error) {
	nodes, err := rootQuery{}.nodes(ctx, []string{id})
	if err != nil {
		return nil, err
	}
	return nodes[0], nil
}

const maxNodes = 100

func (rootQuery) Nodes(ctx context.Context, ids []string) ([]graph.Node, error) {
	if len(ids) > maxNodes {
		return nil, bad("ids may have at most %d values", maxNodes)
	}
	return rootQuery{}.nodes(ctx, ids)
}

func (rootQuery) nodes(ctx context.Context, ids []string) ([]graph.Node, error) {
	r, err := from(ctx)
	if err != nil {
		return nil, err
	}
	recs, err := r.any(ctx, ids)
	if err != nil {
		return nil, err
	}
	if err := r.aheadAll(ctx, recs, selected(ctx)); err != nil {
		return nil, err
	}
	out := make([]graph.Node, len(ids))
	for i, rec := range recs {
		if rec == nil {
			continue
		}
		v, err := rec.decode()
		if err != nil {
			return nil, err
		}
		out[i] = v
	}
	return out, nil
}

// any loads records of whatever kinds, one statement a kind, in the order of
// ids; nil where there is none.
func (r *response) any(ctx context.Context, ids []string) ([]*record, error) {
	byKind := map[*kind][]string{}
	for _, id := range ids {
		if k := r.model.kindOf(id); k != nil {
			byKind[k] = append(byKind[k], id)
		}
	}
	found := make(map[string]*record, len(ids))
	for k, of := range byKind {
		if err := r.may(k.read); err != nil {
			return nil, err
		}
		recs, err := r.recordsOf(k).load(ctx, of)
		if err != nil {
			return nil, err
		}
		for i, rec := range recs {
			found[of[i]] = rec
		}
	}
	out := make([]*record, len(ids))
	for i, id := range ids {
		out[i] = found[id]
	}
	return out, nil
}
