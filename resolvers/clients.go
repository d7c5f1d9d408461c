package resolvers

import (
	"context"
	"fmt"

	"gatehouse/graph"
)

var clients = entity[graph.Client]{name: "Client", check: func(c *graph.Client, f *faults) {
	f.text("name", c.Name, 200)
	f.email("email", c.Email)
	f.phone("phone", c.Phone)
	f.tags(c.Tags)
	f.customFields(c.CustomFields)
	f.address(c.Address)
}}

func (f *faults) address(a *graph.Address) {
	if a == nil {
		return
	}
	if len(a.Lines) > 6 {
		f.invalid("address.lines", "an address has at most 6 lines")
		return
	}
	for i, line := range a.Lines {
		f.text(fmt.Sprintf("address.lines.%d", i), line, 200)
	}
	f.optional("address.city", a.City, 200)
	f.optional("address.postcode", a.Postcode, 20)
	if !capitals(a.Country, 2) {
		f.invalid("address.country", "country must be a code of ISO 3166-1: two capital letters")
	}
}

type client struct{}

// Client resolves the edges of Client.
func (Root) Client() graph.ClientResolver { return client{} }

func (client) Group(ctx context.Context, c *graph.Client) (*graph.Group, error) {
	return groups.ref(ctx, c.GroupID)
}

func (client) Owner(ctx context.Context, c *graph.Client) (*graph.User, error) {
	return users.ref(ctx, c.OwnerID)
}

func (client) Leads(ctx context.Context, c *graph.Client, _ *int32, _ *string, _ *int32, _ *string, _ *graph.LeadWhere, _ *graph.LeadOrder) (*graph.LeadConnection, error) {
	return leads.edge(ctx, c.ID)
}

func (client) Documents(ctx context.Context, c *graph.Client, _ *int32, _ *string, _ *int32, _ *string, _ *graph.DocumentWhere, _ *graph.DocumentOrder) (*graph.DocumentConnection, error) {
	return documents.edge(ctx, c.ID)
}

func (client) History(ctx context.Context, c *graph.Client, _ *int32, _ *string) (*graph.ChangeConnection, error) {
	return history(ctx, c.ID)
}

func (rootQuery) Client(ctx context.Context, id string) (*graph.Client, error) {
	return clients.load(ctx, id)
}

func (rootQuery) Clients(ctx context.Context, _ *int32, _ *string, _ *int32, _ *string, _ *graph.ClientWhere, _ *graph.ClientOrder) (*graph.ClientConnection, error) {
	return clients.list(ctx)
}

func (usage) Clients(ctx context.Context, _ *graph.AccountUsage) (int32, error) {
	return clients.count(ctx)
}

func (rootMutation) CreateClient(ctx context.Context, input graph.CreateClientInput) (*graph.CreateClientPayload, error) {
	c, out, err := clients.create(ctx, input)
	return &graph.CreateClientPayload{Client: c, Bookmark: out.Bookmark, Errors: out.Errors}, err
}

func (rootMutation) UpdateClient(ctx context.Context, id string, patch graph.ClientPatch, expectedVersion *int32) (*graph.UpdateClientPayload, error) {
	c, out, err := clients.update(ctx, id, patch, expectedVersion)
	return &graph.UpdateClientPayload{Client: c, Bookmark: out.Bookmark, Errors: out.Errors}, err
}

func (rootMutation) DeleteClient(ctx context.Context, id string, expectedVersion *int32) (*graph.DeleteClientPayload, error) {
	deleted, out, err := clients.remove(ctx, id, expectedVersion)
	return &graph.DeleteClientPayload{DeletedID: deleted, Bookmark: out.Bookmark, Errors: out.Errors}, err
}

func (rootMutation) UpsertClients(ctx context.Context, inputs []*graph.UpsertClientInput) (*graph.UpsertClientsPayload, error) {
	results, out, err := upsert(ctx, clients, inputs, func(c *graph.Client, created bool, errors []*graph.UserError) *graph.UpsertClientResult {
		return &graph.UpsertClientResult{Client: c, Created: created, Errors: errors}
	})
	return &graph.UpsertClientsPayload{Results: results, Bookmark: out.Bookmark, Errors: out.Errors}, err
}
