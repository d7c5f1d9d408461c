package resolvers

import (
	"context"

	"gatehouse/graph"
)

var users = entity[graph.User]{name: "User", check: func(u *graph.User, f *faults) {
	f.text("name", u.Name, 200)
	f.email("email", &u.Email)
	f.customFields(u.CustomFields)
}}

type user struct{}

// User resolves the edges of User.
func (Root) User() graph.UserResolver { return user{} }

func (user) Groups(ctx context.Context, u *graph.User) ([]*graph.Group, error) {
	return groups.all(ctx, u.ID)
}

func (user) Clients(ctx context.Context, u *graph.User, _ *int32, _ *string, _ *int32, _ *string, _ *graph.ClientWhere, _ *graph.ClientOrder) (*graph.ClientConnection, error) {
	return clients.edge(ctx, u.ID)
}

func (user) Leads(ctx context.Context, u *graph.User, _ *int32, _ *string, _ *int32, _ *string, _ *graph.LeadWhere, _ *graph.LeadOrder) (*graph.LeadConnection, error) {
	return leads.edge(ctx, u.ID)
}

func (user) History(ctx context.Context, u *graph.User, _ *int32, _ *string) (*graph.ChangeConnection, error) {
	return history(ctx, u.ID)
}

func (rootQuery) User(ctx context.Context, id string) (*graph.User, error) {
	return users.load(ctx, id)
}

func (rootQuery) Users(ctx context.Context, _ *int32, _ *string, _ *int32, _ *string, _ *graph.UserWhere, _ *graph.UserOrder) (*graph.UserConnection, error) {
	return users.list(ctx)
}

func (usage) Users(ctx context.Context, _ *graph.AccountUsage) (int32, error) {
	return users.count(ctx)
}

func (rootMutation) CreateUser(ctx context.Context, input graph.CreateUserInput) (*graph.CreateUserPayload, error) {
	u, out, err := users.create(ctx, input)
	return &graph.CreateUserPayload{User: u, Bookmark: out.Bookmark, Errors: out.Errors}, err
}

func (rootMutation) UpdateUser(ctx context.Context, id string, patch graph.UserPatch, expectedVersion *int32) (*graph.UpdateUserPayload, error) {
	u, out, err := users.update(ctx, id, patch, expectedVersion)
	return &graph.UpdateUserPayload{User: u, Bookmark: out.Bookmark, Errors: out.Errors}, err
}

func (rootMutation) DeleteUser(ctx context.Context, id string, expectedVersion *int32) (*graph.DeleteUserPayload, error) {
	deleted, out, err := users.remove(ctx, id, expectedVersion)
	return &graph.DeleteUserPayload{DeletedID: deleted, Bookmark: out.Bookmark, Errors: out.Errors}, err
}

func (rootMutation) UpsertUsers(ctx context.Context, inputs []*graph.UpsertUserInput) (*graph.UpsertUsersPayload, error) {
	results, out, err := upsert(ctx, users, inputs, func(u *graph.User, created bool, errors []*graph.UserError) *graph.UpsertUserResult {
		return &graph.UpsertUserResult{User: u, Created: created, Errors: errors}
	})
	return &graph.UpsertUsersPayload{Results: results, Bookmark: out.Bookmark, Errors: out.Errors}, err
}
