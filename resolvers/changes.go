package resolvers

import (
	"context"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"gatehouse/graph"
	"gatehouse/shards"
	"gatehouse/tenancy"
)

// maxChanges bounds the changes on a page of the feed, whose writes may have
// hundreds each.
const maxChanges = 1000

func (rootQuery) Changes(ctx context.Context, after *string, _ *int32, types []graph.RecordType) (*graph.ChangeFeed, error) {
	r, err := from(ctx)
	if err != nil {
		return nil, err
	}
	first, err := argumentsOf(ctx).number("first")
	if err != nil {
		return nil, err
	}
	if first < 0 {
		first = maxPage
	}
	snap, err := r.snapshot(ctx)
	if err != nil {
		return nil, err
	}
	var start shards.Position
	if after != nil {
		if start, err = r.handle.Position(*after); err != nil {
			return nil, err
		}
	}
	if err := snap.Reaches(ctx, start); err != nil {
		return nil, err
	}
	head, err := snap.Position(ctx)
	if err != nil {
		return nil, err
	}
	sets, end, err := r.feed(ctx, snap, start.Seq, min(start.Seq+int64(first), head.Seq), types)
	if err != nil {
		return nil, err
	}
	return &graph.ChangeFeed{
		ChangeSets: sets,
		Bookmark:   r.handle.BookmarkAt(shards.Position{Epoch: head.Epoch, Seq: end}),
		HasMore:    end < head.Seq,
	}, nil
}

// requireAfter makes a query read at or past the positions behind which it asks
// for changes: to a replica that is not there yet they would be ahead.
func requireAfter(ctx context.Context, op *graphql.OperationContext) {
	request, ok := tenancy.RequestFrom(ctx)
	if !ok || op.Operation.Operation != ast.Query || !strings.Contains(op.RawQuery, "changes") {
		return
	}
	for _, f := range graphql.CollectFields(op, op.Operation.SelectionSet, []string{"Query"}) {
		if after, ok := f.ArgumentMap(op.Variables)["after"].(string); ok && f.Name == "changes" {
			_ = request.Handle.Require(after) // the field itself says what is wrong with it
		}
	}
}

// feed returns the writes after one up to and with another, and the last one
// that it looked at.
func (r *response) feed(ctx context.Context, snap *shards.Snapshot, after, end int64, types []graph.RecordType) ([]*graph.ChangeSet, int64, error) {
	changes, err := snap.Changes(ctx, after, end, r.model.tablesOf(types), maxChanges+1)
	if err != nil {
		return nil, 0, err
	}
	if len(changes) > maxChanges { // the last write may be cut: leave it to the next page
		last := changes[len(changes)-1].Seq
		for len(changes) > 0 && changes[len(changes)-1].Seq == last {
			changes = changes[:len(changes)-1]
		}
		end = last - 1
	}
	if err := r.hand(ctx, len(changes)); err != nil {
		return nil, 0, err
	}
	sets := []*graph.ChangeSet{}
	var ids []string
	at, err := snap.Position(ctx)
	if err != nil {
		return nil, 0, err
	}
	for _, c := range changes {
		node := r.change(at.Epoch, c)
		if n := len(sets); n == 0 || sets[n-1].Bookmark != node.Bookmark {
			sets = append(sets, &graph.ChangeSet{Bookmark: node.Bookmark})
		}
		set := sets[len(sets)-1]
		set.Changes = append(set.Changes, node)
		if r.may(r.model.tables[c.Table].read) == nil {
			ids = append(ids, c.RecordID)
		}
	}
	if below := selected(ctx, "changeSets", "changes", "record"); below != nil {
		recs, err := r.any(ctx, ids)
		if err == nil {
			err = r.aheadAll(ctx, recs, below)
		}
		if err != nil {
			return nil, 0, err
		}
	}
	return sets, end, nil
}

// tablesOf returns the tables of the types, nil for all.
func (m *model) tablesOf(types []graph.RecordType) []string {
	if types == nil {
		return nil
	}
	tables := []string{}
	for _, k := range m.kinds {
		for _, t := range types {
			if k.recordType() == t {
				tables = append(tables, k.table)
			}
		}
	}
	return tables
}

type change struct{}

// Change resolves the edge of Change.
func (Root) Change() graph.ChangeResolver { return change{} }

func (change) Record(ctx context.Context, c *graph.Change) (graph.Record, error) {
	r, err := from(ctx)
	if err != nil {
		return nil, err
	}
	if err := r.loadTogether(ctx); err != nil {
		return nil, err
	}
	recs, err := r.any(ctx, []string{c.RecordID})
	if err != nil || recs[0] == nil {
		return nil, err
	}
	if err := r.aheadAll(ctx, recs, selected(ctx)); err != nil {
		return nil, err
	}
	return recs[0].decode()
}
