package resolvers

import (
	"context"
	"fmt"

	"github.com/99designs/gqlgen/graphql"

	"gatehouse/graph"
	"gatehouse/shards"
)

func (rootQuery) LeadPipeline(ctx context.Context, _ *graph.LeadWhere) ([]*graph.LeadStageSummary, error) {
	r, err := from(ctx)
	if err != nil {
		return nil, err
	}
	out, within, err := pipeline(ctx, r)
	if err != nil {
		return nil, err
	}
	stages := make([]string, len(out))
	for i, s := range out {
		stages[i] = string(s.Stage)
	}
	op := graphql.GetOperationContext(ctx)
	for _, f := range graphql.CollectFields(op, graphql.GetFieldContext(ctx).Field.Selections, nil) {
		if f.Name == "leads" {
			if err := r.aheadList(ctx, r.model.edges["LeadStageSummary.leads"], stages, f, within...); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// pipeline returns the five stages in their order, without their leads, and the
// conditions that the leads fulfil.
func pipeline(ctx context.Context, r *response) ([]*graph.LeadStageSummary, []shards.Condition, error) {
	table := r.model.kinds[leads.name].table
	snap, err := r.snapshot(ctx)
	if err != nil {
		return nil, nil, err
	}
	within, err := pipelineFilter(ctx, snap.Table(table))
	if err != nil {
		return nil, nil, err
	}
	sums, err := snap.Sums(ctx, table, "stage", "value", within)
	if err != nil {
		return nil, nil, err
	}
	var out []*graph.LeadStageSummary
	for _, stage := range graph.AllLeadStage {
		sum := sums[string(stage)]
		out = append(out, &graph.LeadStageSummary{Stage: stage, Count: int32(sum.Count), TotalValue: sum.Total})
	}
	return out, within, nil
}

// pipelineFilter reads the where of the leadPipeline that is being resolved,
// or that the field being resolved is a part of.
func pipelineFilter(ctx context.Context, t *shards.Table) ([]shards.Condition, error) {
	for fc := graphql.GetFieldContext(ctx); fc != nil; fc = fc.Parent {
		if fc.Field.Field != nil && fc.Field.Name == "leadPipeline" {
			where, _ := fc.Field.ArgumentMap(graphql.GetOperationContext(ctx).Variables)["where"].(map[string]any)
			return t.Filter(where)
		}
	}
	return nil, nil
}

type leadStageSummary struct{}

// LeadStageSummary resolves the edge of LeadStageSummary.
func (Root) LeadStageSummary() graph.LeadStageSummaryResolver { return leadStageSummary{} }

func (leadStageSummary) Leads(ctx context.Context, s *graph.LeadStageSummary, _ *int32, _ *string, _ *graph.LeadOrder) (*graph.LeadConnection, error) {
	r, k, err := leads.begin(ctx)
	if err != nil {
		return nil, err
	}
	snap, err := r.snapshot(ctx)
	if err != nil {
		return nil, err
	}
	within, err := pipelineFilter(ctx, snap.Table(k.table))
	if err != nil {
		return nil, err
	}
	return leads.edge(ctx, string(s.Stage), within...)
}

// ConvertLead sets the stage to WON and, where the lead has no client, makes
// one of it in the same write.
func (rootMutation) ConvertLead(ctx context.Context, id string, expectedVersion *int32) (*graph.ConvertLeadPayload, error) {
	r, k, err := leads.begin(ctx)
	if err != nil {
		return nil, err
	}
	kc := r.model.kinds[clients.name]
	payload := &graph.ConvertLeadPayload{}
	out, err := mutate(ctx, r, []any{id, expectedVersion}, func(ctx context.Context, d *draft) error {
		row, err := d.current(ctx, k, id, "id", expectedVersion)
		if err != nil || row == nil {
			return err
		}
		clientID := row.Text("clientId")
		if clientID != "" {
			recs, err := r.recordsOf(kc).load(ctx, []string{clientID})
			if err != nil {
				return err
			}
			d.part(kc, clientID, recs[0].row, nil)
		} else {
			input, err := clientOf(row)
			if err != nil {
				return err
			}
			before := len(d.parts)
			if err := clients.creates(ctx, d, kc, input); err != nil || len(d.parts) == before {
				return err
			}
			clientID = d.parts[before].id
		}
		return leads.updates(ctx, d, k, row, shards.Object{"stage": shards.Quote(string(graph.LeadStageWon)), "clientId": shards.Quote(clientID)})
	}, func(d *draft, c shards.Committed) (err error) {
		if payload.Client, err = clients.written(ctx, d, kc, c); err == nil {
			payload.Lead, err = leads.written(ctx, d, k, c)
		}
		return err
	})
	payload.Bookmark, payload.Errors = out.Bookmark, out.Errors
	return payload, err
}

// clientOf returns the input for the client that a lead becomes.
func clientOf(lead *shards.Row) (shards.Object, error) {
	of, err := shards.ParseObject(lead.Body)
	if err != nil {
		return nil, fmt.Errorf("the body of %s: %w", lead.ID, err)
	}
	input := shards.Object{"status": `"ACTIVE"`}
	for _, field := range []string{"name", "email", "phone", "tags", "ownerId", "groupId"} {
		if value, ok := of[field]; ok {
			input[field] = value
		}
	}
	return input, nil
}
