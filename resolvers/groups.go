package resolvers

import (
	"context"
	"encoding/json"

	"github.com/tidwall/gjson"

	"gatehouse/graph"
	"gatehouse/shards"
)

var groups = entity[graph.Group]{name: "Group", check: func(g *graph.Group, f *faults) {
	f.text("name", g.Name, 200)
	f.optional("description", g.Description, 2000)
	f.customFields(g.CustomFields)
}, relate: noRing}

// noRing refuses a parent that is the group itself or below it. Two changes at
// once can still close a ring, each from a half that was none: clients that
// walk up must not trust the data so far as to walk for ever.
func noRing(ctx context.Context, d *draft, id string, body []byte) error {
	l := d.response.recordsOf(d.response.model.kinds["Group"])
	seen := map[string]bool{id: true}
	for up := gjson.GetBytes(body, "parentId").Str; up != ""; {
		if seen[up] {
			d.faults.invalid("parentId", "a group can't be below itself")
			return nil
		}
		seen[up] = true
		recs, err := l.load(ctx, []string{up})
		if err != nil || recs[0] == nil { // the database refuses what is missing
			return err
		}
		up = recs[0].row.Text("parentId")
	}
	return nil
}

type group struct{}

// Group resolves the edges of Group.
func (Root) Group() graph.GroupResolver { return group{} }

func (group) Parent(ctx context.Context, g *graph.Group) (*graph.Group, error) {
	return groups.ref(ctx, g.ParentID)
}

func (group) Children(ctx context.Context, g *graph.Group, _ *int32, _ *string, _ *int32, _ *string, _ *graph.GroupWhere, _ *graph.GroupOrder) (*graph.GroupConnection, error) {
	return groups.edge(ctx, g.ID)
}

func (group) Members(ctx context.Context, g *graph.Group, _ *int32, _ *string, _ *int32, _ *string, _ *graph.UserWhere, _ *graph.UserOrder) (*graph.UserConnection, error) {
	return users.edge(ctx, g.ID)
}

func (group) Clients(ctx context.Context, g *graph.Group, _ *int32, _ *string, _ *int32, _ *string, _ *graph.ClientWhere, _ *graph.ClientOrder) (*graph.ClientConnection, error) {
	return clients.edge(ctx, g.ID)
}

func (group) History(ctx context.Context, g *graph.Group, _ *int32, _ *string) (*graph.ChangeConnection, error) {
	return history(ctx, g.ID)
}

func (rootQuery) Group(ctx context.Context, id string) (*graph.Group, error) {
	return groups.load(ctx, id)
}

func (rootQuery) Groups(ctx context.Context, _ *int32, _ *string, _ *int32, _ *string, _ *graph.GroupWhere, _ *graph.GroupOrder) (*graph.GroupConnection, error) {
	return groups.list(ctx)
}

func (usage) Groups(ctx context.Context, _ *graph.AccountUsage) (int32, error) {
	return groups.count(ctx)
}

func (rootMutation) CreateGroup(ctx context.Context, input graph.CreateGroupInput) (*graph.CreateGroupPayload, error) {
	g, out, err := groups.create(ctx, input)
	return &graph.CreateGroupPayload{Group: g, Bookmark: out.Bookmark, Errors: out.Errors}, err
}

func (rootMutation) UpdateGroup(ctx context.Context, id string, patch graph.GroupPatch, expectedVersion *int32) (*graph.UpdateGroupPayload, error) {
	g, out, err := groups.update(ctx, id, patch, expectedVersion)
	return &graph.UpdateGroupPayload{Group: g, Bookmark: out.Bookmark, Errors: out.Errors}, err
}

func (rootMutation) DeleteGroup(ctx context.Context, id string, expectedVersion *int32) (*graph.DeleteGroupPayload, error) {
	deleted, out, err := groups.remove(ctx, id, expectedVersion)
	return &graph.DeleteGroupPayload{DeletedID: deleted, Bookmark: out.Bookmark, Errors: out.Errors}, err
}

func (rootMutation) UpsertGroups(ctx context.Context, inputs []*graph.UpsertGroupInput) (*graph.UpsertGroupsPayload, error) {
	results, out, err := upsert(ctx, groups, inputs, func(g *graph.Group, created bool, errors []*graph.UserError) *graph.UpsertGroupResult {
		return &graph.UpsertGroupResult{Group: g, Created: created, Errors: errors}
	})
	return &graph.UpsertGroupsPayload{Results: results, Bookmark: out.Bookmark, Errors: out.Errors}, err
}

func (rootMutation) AddGroupMember(ctx context.Context, groupID, userID string) (*graph.AddGroupMemberPayload, error) {
	g, u, out, err := setMember(ctx, groupID, userID, true)
	return &graph.AddGroupMemberPayload{Group: g, User: u, Bookmark: out.Bookmark, Errors: out.Errors}, err
}

func (rootMutation) RemoveGroupMember(ctx context.Context, groupID, userID string) (*graph.RemoveGroupMemberPayload, error) {
	g, u, out, err := setMember(ctx, groupID, userID, false)
	return &graph.RemoveGroupMemberPayload{Group: g, User: u, Bookmark: out.Bookmark, Errors: out.Errors}, err
}

// setMember makes a user a member of a group, or no member. It is a change of
// the group; where it is so already, nothing is written.
func setMember(ctx context.Context, groupID, userID string, member bool) (g *graph.Group, u *graph.User, out outcome, err error) {
	r, k, err := groups.begin(ctx)
	if err != nil {
		return nil, nil, outcome{}, err
	}
	ku := r.model.kinds[users.name]
	out, err = mutate(ctx, r, []any{groupID, userID}, func(ctx context.Context, d *draft) error {
		row, err := d.current(ctx, k, groupID, "groupId", nil)
		if err != nil {
			return err
		}
		user, err := d.current(ctx, ku, userID, "userId", nil)
		if err != nil || row == nil || user == nil {
			return err
		}
		link := r.model.edges["Group.members"].through
		snap, err := r.snapshot(ctx)
		if err != nil {
			return err
		}
		is, err := snap.Linked(ctx, *link, groupID, userID)
		if err != nil {
			return err
		}
		var op *shards.Op
		if is != member {
			var mark any // null, which a merge patch takes for removal
			if member {
				mark = struct{}{}
			}
			patch, err := json.Marshal(map[string]any{"members": map[string]any{userID: mark}})
			if err != nil {
				return err
			}
			op = &shards.Op{
				Kind: shards.Updated, Table: k.table, ID: groupID, Version: row.Version, Body: row.Body, Patch: patch,
				Pair: &shards.Pair{Link: *link, Parent: groupID, Child: userID, Remove: !member},
			}
		}
		d.part(k, groupID, row, op)
		d.part(ku, userID, user, nil)
		return nil
	}, func(d *draft, c shards.Committed) error {
		recs, err := d.after(ctx, c)
		if err != nil {
			return err
		}
		if g, err = pick[graph.Group](ctx, r, recs[0], "group"); err != nil {
			return err
		}
		u, err = pick[graph.User](ctx, r, recs[1], "user")
		return err
	})
	return g, u, out, err
}
