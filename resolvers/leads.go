package resolvers

import (
	"context"

	"gatehouse/graph"
	"gatehouse/shards"
)

var leads = entity[graph.Lead]{name: "Lead", check: func(l *graph.Lead, f *faults) {
	f.text("name", l.Name, 200)
	f.email("email", l.Email)
	f.phone("phone", l.Phone)
	f.optional("source", l.Source, 100)
	f.optional("lostReason", l.LostReason, 500)
	if l.Stage == graph.LeadStageLost && l.LostReason == nil {
		f.add(shards.Required, "lostReason", "a lead that is LOST needs a lostReason")
	}
	if !capitals(l.Currency, 3) {
		f.invalid("currency", "currency must be a code of ISO 4217: three capital letters")
	}
	f.tags(l.Tags)
	f.customFields(l.CustomFields)
}}

type lead struct{}

// Lead resolves the edges of Lead.
func (Root) Lead() graph.LeadResolver { return lead{} }

func (lead) Owner(ctx context.Context, l *graph.Lead) (*graph.User, error) {
	return users.ref(ctx, l.OwnerID)
}

func (lead) Client(ctx context.Context, l *graph.Lead) (*graph.Client, error) {
	return clients.ref(ctx, l.ClientID)
}

func (lead) Group(ctx context.Context, l *graph.Lead) (*graph.Group, error) {
	return groups.ref(ctx, l.GroupID)
}

func (lead) History(ctx context.Context, l *graph.Lead, _ *int32, _ *string) (*graph.ChangeConnection, error) {
	return history(ctx, l.ID)
}

func (rootQuery) Lead(ctx context.Context, id string) (*graph.Lead, error) {
	return leads.load(ctx, id)
}

func (rootQuery) Leads(ctx context.Context, _ *int32, _ *string, _ *int32, _ *string, _ *graph.LeadWhere, _ *graph.LeadOrder) (*graph.LeadConnection, error) {
	return leads.list(ctx)
}

func (usage) Leads(ctx context.Context, _ *graph.AccountUsage) (int32, error) {
	return leads.count(ctx)
}

func (rootMutation) CreateLead(ctx context.Context, input graph.CreateLeadInput) (*graph.CreateLeadPayload, error) {
	l, out, err := leads.create(ctx, input)
	return &graph.CreateLeadPayload{Lead: l, Bookmark: out.Bookmark, Errors: out.Errors}, err
}

func (rootMutation) UpdateLead(ctx context.Context, id string, patch graph.LeadPatch, expectedVersion *int32) (*graph.UpdateLeadPayload, error) {
	l, out, err := leads.update(ctx, id, patch, expectedVersion)
	return &graph.UpdateLeadPayload{Lead: l, Bookmark: out.Bookmark, Errors: out.Errors}, err
}

func (rootMutation) DeleteLead(ctx context.Context, id string, expectedVersion *int32) (*graph.DeleteLeadPayload, error) {
	deleted, out, err := leads.remove(ctx, id, expectedVersion)
	return &graph.DeleteLeadPayload{DeletedID: deleted, Bookmark: out.Bookmark, Errors: out.Errors}, err
}

func (rootMutation) UpsertLeads(ctx context.Context, inputs []*graph.UpsertLeadInput) (*graph.UpsertLeadsPayload, error) {
	results, out, err := upsert(ctx, leads, inputs, func(l *graph.Lead, created bool, errors []*graph.UserError) *graph.UpsertLeadResult {
		return &graph.UpsertLeadResult{Lead: l, Created: created, Errors: errors}
	})
	return &graph.UpsertLeadsPayload{Results: results, Bookmark: out.Bookmark, Errors: out.Errors}, err
}
