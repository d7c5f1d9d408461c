package resolvers

import (
	"context"

	"github.com/99designs/gqlgen/graphql"

	"gatehouse/graph"
	"gatehouse/shards"
)

// historyList is what the cursors of every record's history are bound to.
const historyList = "history"

// changePage is one record's part of a history.
type changePage struct {
	changes []*shards.Change
	more    bool
}

// historyOf returns the loader of histories by record, for these arguments.
func (r *response) historyOf(args arguments) (l *loader[*changePage], from bool, err error) {
	size, err := args.number("first")
	if err != nil {
		return nil, false, err
	}
	if size < 0 {
		size = defaultPage
	}
	var before int64
	if args["after"] != nil {
		after := args.text("after")
		m, err := r.handle.ParseCursor(historyList, after)
		if err != nil {
			return nil, false, err
		}
		before, _ = m.Value.(int64)
	}
	key := string(append([]byte(args.text("after")), byte(size)))
	r.mu.Lock()
	defer r.mu.Unlock()
	if l = r.history[key]; l != nil {
		return l, before > 0, nil
	}
	l = newLoader(r.caller.Account.ID, func(ctx context.Context, ids []string) (map[string]*changePage, error) {
		snap, err := r.snapshot(ctx)
		if err != nil {
			return nil, err
		}
		found, err := snap.History(ctx, ids, before, size+1)
		if err != nil {
			return nil, err
		}
		out := make(map[string]*changePage, len(ids))
		for _, id := range ids {
			p := &changePage{changes: found[id]}
			if len(p.changes) > size {
				p.changes, p.more = p.changes[:size], true
			}
			out[id] = p
		}
		return out, nil
	})
	r.history = with(r.history, key, l)
	return l, before > 0, nil
}

func (r *response) aheadHistory(ctx context.Context, recs []*record, f graphql.CollectedField) error {
	l, _, err := r.historyOf(f.ArgumentMap(graphql.GetOperationContext(ctx).Variables))
	if err != nil {
		return nil
	}
	ids := make([]string, len(recs))
	for i, rec := range recs {
		ids[i] = rec.row.ID
	}
	if _, err := l.load(ctx, ids); err != nil {
		return err
	}
	// A change's record is the one whose history it is.
	return r.aheadAll(ctx, recs, append(selections(ctx, f.Selections, "nodes", "record"), selections(ctx, f.Selections, "edges", "node", "record")...))
}

// history resolves a record's own history.
func history(ctx context.Context, id string) (*graph.ChangeConnection, error) {
	r, err := from(ctx)
	if err != nil {
		return nil, err
	}
	l, from, err := r.historyOf(argumentsOf(ctx))
	if err != nil {
		return nil, err
	}
	pages, err := l.load(ctx, []string{id})
	if err != nil {
		return nil, err
	}
	snap, err := r.snapshot(ctx)
	if err != nil {
		return nil, err
	}
	at, err := snap.Position(ctx)
	if err != nil {
		return nil, err
	}
	p := pages[0]
	if err := r.hand(ctx, len(p.changes)); err != nil {
		return nil, err
	}
	c := &graph.ChangeConnection{PageInfo: &graph.PageInfo{HasNextPage: p.more, HasPreviousPage: from}}
	for _, change := range p.changes {
		place := func() string {
			return r.handle.Cursor(historyList, shards.Mark{Value: change.Seq, ID: change.RecordID})
		}
		node := r.change(at.Epoch, change)
		c.Nodes = append(c.Nodes, node)
		c.Edges = append(c.Edges, &graph.ChangeEdge{Node: node, Place: place})
	}
	if n := len(c.Edges); n > 0 {
		start, end := c.Edges[0].Cursor(), c.Edges[n-1].Cursor()
		c.PageInfo.StartCursor, c.PageInfo.EndCursor = &start, &end
	}
	return c, nil
}

// change shows a change of a history, in its present epoch, as the schema has it.
func (r *response) change(epoch int64, c *shards.Change) *graph.Change {
	out := &graph.Change{
		Bookmark:   r.handle.BookmarkAt(shards.Position{Epoch: epoch, Seq: c.Seq}),
		Kind:       graph.ChangeKind(c.Kind),
		RecordType: r.model.tables[c.Table].recordType(),
		RecordID:   c.RecordID,
		Version:    int32(c.Version),
		Patch:      graph.JSONObject(c.Patch),
		Actor:      actorOf(c.Actor),
		At:         graph.DateTime(c.At),
	}
	if c.RequestID != "" {
		out.RequestID = &c.RequestID
	}
	return out
}

func actorOf(a shards.Actor) *graph.Actor {
	out := &graph.Actor{Kind: graph.ActorKind(a.Kind), ID: a.ID}
	if a.Name != "" {
		out.Name = &a.Name
	}
	return out
}
