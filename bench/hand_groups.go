package main

import (
	"context"
	"encoding/json"

	"gatehouse/shards"
)

func (h *hand) groups(ctx context.Context, c *call) (any, shards.Position, error) {
	var in struct{ Since string }
	if err := json.Unmarshal(c.body, &in); err != nil {
		return nil, shards.Position{}, err
	}
	type owner struct {
		named
		Groups []*named `json:"groups"`
	}
	type client struct {
		ID     string `json:"id"`
		Name   string `json:"name"`
		Status string `json:"status"`
		Owner  *owner `json:"owner"`
	}
	type nodes struct {
		Nodes []client `json:"nodes"`
	}
	type group struct {
		named
		Clients nodes `json:"clients"`
	}
	var out struct {
		Groups struct {
			Nodes []*group `json:"nodes"`
		} `json:"groups"`
	}
	var found []row
	at, err := h.snapshot(ctx, c, c.records(&found, true, firstGroups, int64(groupsShown+1)), func(db session) error {
		found = found[:min(len(found), groupsShown)]
		out.Groups.Nodes = make([]*group, len(found))
		byID, ids := map[string]*group{}, make([]string, len(found))
		for i, r := range found {
			g := &group{Clients: nodes{Nodes: make([]client, 0, clientsShown)}}
			if err := json.Unmarshal(r.body, &g.named); err != nil {
				return err
			}
			g.ID = r.id
			out.Groups.Nodes[i], byID[r.id], ids[i] = g, g, r.id
		}
		found = found[:0]
		err := db.run(ctx, c.records(&found, true, groupClients, list(ids), in.Since, int64(clientsShown+1)))
		if err != nil {
			return err
		}
		owners := map[string]*owner{}
		ids = ids[:0]
		for _, r := range found {
			var b clientBody
			if err := json.Unmarshal(r.body, &b); err != nil {
				return err
			}
			g := byID[r.parent]
			if len(g.Clients.Nodes) == clientsShown {
				continue
			}
			var o *owner
			if b.OwnerID != nil {
				if o = owners[*b.OwnerID]; o == nil {
					o = &owner{Groups: []*named{}}
					owners[*b.OwnerID], ids = o, append(ids, *b.OwnerID)
				}
			}
			g.Clients.Nodes = append(g.Clients.Nodes, client{r.id, b.Name, b.Status, o})
		}
		var users, of []row
		err = db.run(ctx, c.records(&users, false, getUsers, list(ids)), c.records(&of, true, userGroups, list(ids)))
		if err != nil {
			return err
		}
		for _, r := range users {
			o := owners[r.id]
			if err := json.Unmarshal(r.body, &o.named); err != nil {
				return err
			}
			o.ID = r.id
		}
		for _, r := range of {
			n := &named{ID: r.id}
			if err := json.Unmarshal(r.body, n); err != nil {
				return err
			}
			o := owners[r.parent]
			o.Groups = append(o.Groups, n)
		}
		return nil
	})
	return out, at, err
}
