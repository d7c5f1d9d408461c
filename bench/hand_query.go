package main

import (
	"context"
	"encoding/json"

	"gatehouse/shards"
)

func (h *hand) client(ctx context.Context, c *call) (any, shards.Position, error) {
	var in struct{ ID string }
	if err := json.Unmarshal(c.body, &in); err != nil {
		return nil, shards.Position{}, err
	}
	type client struct {
		ID        string   `json:"id"`
		Version   int64    `json:"version"`
		Name      string   `json:"name"`
		Kind      string   `json:"kind"`
		Status    string   `json:"status"`
		Email     *string  `json:"email"`
		Phone     *string  `json:"phone"`
		Tags      []string `json:"tags"`
		CreatedAt string   `json:"createdAt"`
		UpdatedAt string   `json:"updatedAt"`
		Group     *named   `json:"group"`
		Owner     *named   `json:"owner"`
	}
	var out struct {
		Client *client `json:"client"`
	}
	var found []row
	at, err := h.snapshot(ctx, c, c.records(&found, false, getClients, list([]string{in.ID})), func(db session) error {
		if len(found) == 0 {
			return nil
		}
		r := found[0]
		var b clientBody
		if err := json.Unmarshal(r.body, &b); err != nil {
			return err
		}
		groups, users := known{}, known{}
		out.Client = &client{
			r.id, r.version, b.Name, b.Kind, b.Status, b.Email, b.Phone, b.Tags, r.created, r.updated,
			groups.at(b.GroupID), users.at(b.OwnerID),
		}
		return db.run(ctx, c.names(getGroups, groups), c.names(getUsers, users))
	})
	return out, at, err
}

func (h *hand) page(ctx context.Context, c *call) (any, shards.Position, error) {
	var in struct {
		Status string
		After  *string
	}
	if err := json.Unmarshal(c.body, &in); err != nil {
		return nil, shards.Position{}, err
	}
	text, args := firstPage, []any{in.Status, int64(pageSize + 1)}
	if in.After != nil {
		mark, err := h.keys.ParseCursor(c.account, pageList, *in.After)
		if err != nil {
			return nil, shards.Position{}, err
		}
		text, args = nextPage, []any{in.Status, mark.Value, mark.ID, int64(pageSize + 1)}
	}
	type node struct {
		ID        string  `json:"id"`
		Name      string  `json:"name"`
		Status    string  `json:"status"`
		Email     *string `json:"email"`
		Phone     *string `json:"phone"`
		UpdatedAt string  `json:"updatedAt"`
		Group     *named  `json:"group"`
		Owner     *named  `json:"owner"`
	}
	var out struct {
		Clients struct {
			Nodes    []node `json:"nodes"`
			PageInfo struct {
				HasNextPage bool    `json:"hasNextPage"`
				EndCursor   *string `json:"endCursor"`
			} `json:"pageInfo"`
		} `json:"clients"`
	}
	var found []row
	at, err := h.snapshot(ctx, c, c.records(&found, true, text, args...), func(db session) error {
		page := &out.Clients
		if page.PageInfo.HasNextPage = len(found) > pageSize; page.PageInfo.HasNextPage {
			found = found[:pageSize]
		}
		groups, users := known{}, known{}
		page.Nodes = make([]node, len(found))
		for i, r := range found {
			var b clientBody
			if err := json.Unmarshal(r.body, &b); err != nil {
				return err
			}
			page.Nodes[i] = node{r.id, b.Name, b.Status, b.Email, b.Phone, r.updated, groups.at(b.GroupID), users.at(b.OwnerID)}
		}
		if n := len(found); n > 0 {
			end := h.keys.Cursor(c.account, pageList, shards.Mark{Value: found[n-1].created, ID: found[n-1].id})
			page.PageInfo.EndCursor = &end
		}
		return db.run(ctx, c.names(getGroups, groups), c.names(getUsers, users))
	})
	return out, at, err
}

// stages as a JSON parameter, and in the order of the pipeline.
const stageList = `["NEW","QUALIFIED","PROPOSAL","WON","LOST"]`

var stages = []string{"NEW", "QUALIFIED", "PROPOSAL", "WON", "LOST"}

func (h *hand) pipeline(ctx context.Context, c *call) (any, shards.Position, error) {
	var in struct{ Least int64 }
	if err := json.Unmarshal(c.body, &in); err != nil {
		return nil, shards.Position{}, err
	}
	type lead struct {
		ID       string `json:"id"`
		Name     string `json:"name"`
		Value    *int64 `json:"value"`
		Currency string `json:"currency"`
		Owner    *named `json:"owner"`
	}
	type nodes struct {
		Nodes []lead `json:"nodes"`
	}
	type stage struct {
		Stage string `json:"stage"`
		Count int64  `json:"count"`
		Total int64  `json:"totalValue"`
		Leads nodes  `json:"leads"`
	}
	var out struct {
		Pipeline []*stage `json:"leadPipeline"`
	}
	byName := map[string]*stage{}
	for _, name := range stages {
		s := &stage{Stage: name, Leads: nodes{Nodes: make([]lead, 0, stageSize)}}
		byName[name], out.Pipeline = s, append(out.Pipeline, s)
	}
	sums := statement{text: stageSums, args: []any{c.account, in.Least}, row: func(row scanner) error {
		var one stage
		var total float64
		if err := row.Scan(&one.Stage, &one.Count, &total); err != nil {
			return err
		}
		s := byName[one.Stage]
		s.Count, s.Total = one.Count, int64(total)
		return nil
	}}
	var found []row
	at, err := h.snapshot(ctx, c, sums, func(db session) error {
		// One more than is wanted, to learn whether there are more, as gatehouse does.
		err := db.run(ctx, c.records(&found, true, stageLeads, stageList, in.Least, int64(stageSize+1)))
		if err != nil {
			return err
		}
		owners := known{}
		for _, r := range found {
			var b struct {
				Name, Currency string
				Value          *int64
				OwnerID        *string `json:"ownerId"`
			}
			if err := json.Unmarshal(r.body, &b); err != nil {
				return err
			}
			if s := byName[r.parent]; len(s.Leads.Nodes) < stageSize {
				s.Leads.Nodes = append(s.Leads.Nodes, lead{r.id, b.Name, b.Value, b.Currency, owners.at(b.OwnerID)})
			}
		}
		return db.run(ctx, c.names(getUsers, owners))
	})
	return out, at, err
}
