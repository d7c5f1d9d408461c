package resolvers

import (
	"context"

	"gatehouse/graph"
	"gatehouse/shards"
)

func (rootQuery) Viewer(ctx context.Context) (*graph.Viewer, error) {
	r, err := from(ctx)
	if err != nil {
		return nil, err
	}
	a := r.caller.Account
	return &graph.Viewer{
		Account: &graph.Account{
			ID: a.ID, Name: a.Name, Residency: string(a.Residency), Usage: &graph.AccountUsage{},
			CreatedAt: graph.DateTime(a.CreatedAt.UTC().Format(shards.TimeFormat)),
		},
		Actor:  actorOf(r.caller.Actor),
		Scopes: r.caller.Scopes.List(),
	}, nil
}

type viewer struct{}

// Viewer resolves the edge of Viewer.
func (Root) Viewer() graph.ViewerResolver { return viewer{} }

func (viewer) User(ctx context.Context, _ *graph.Viewer) (*graph.User, error) {
	r, err := from(ctx)
	if err != nil || r.caller.Actor.Kind != shards.ActorUser {
		return nil, err
	}
	return users.load(ctx, r.caller.Actor.ID)
}

type usage struct{}

// AccountUsage resolves the fields of AccountUsage, each only where it is asked for.
func (Root) AccountUsage() graph.AccountUsageResolver { return usage{} }

// count returns how many records of the type the account has.
func (e entity[T]) count(ctx context.Context) (int32, error) {
	r, k, err := e.begin(ctx)
	if err != nil {
		return 0, err
	}
	snap, err := r.snapshot(ctx)
	if err != nil {
		return 0, err
	}
	n, err := snap.Count(ctx, shards.Page{Table: snap.Table(k.table), Order: shards.Order{Column: "created_at"}})
	return int32(n[""]), err
}
