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
		Groups []named `json:"groups"`
	}
	type client struct {
		ID     string `json:"id"`
		Name   string `json:"name"`
		Status string `json:"status"`
		Owner  *owner `json:"owner"`
	}
	type list struct {
		Nodes []client `json:"nodes"`
	}
	type group struct {
		named
		Clients list `json:"clients"`
	}
	var out struct {
		Groups struct {
			Nodes []*group `json:"nodes"`
		} `json:"groups"`
	}
	at, err := h.snapshot(ctx, c, func(db session) error {
		found, err := c.list(ctx, db, firstGroups, c.account, int64(groupsShown+1))
		if err != nil {
			return err
		}
		found = found[:min(len(found), groupsShown)]
		out.Groups.Nodes = make([]*group, len(found))
		byID, ids := map[string]*group{}, make([]string, len(found))
		for i, r := range found {
			g := &group{Clients: list{Nodes: make([]client, 0, clientsShown)}}
			if err := json.Unmarshal(r.body, &g.named); err != nil {
				return err
			}
			g.ID = r.id
			out.Groups.Nodes[i], byID[r.id], ids[i] = g, g, r.id
		}
		param, err := json.Marshal(ids)
		if err != nil {
			return err
		}
		found, err = c.list(ctx, db, groupClients, c.account, string(param), in.Since, int64(clientsShown+1))
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
					o = &owner{Groups: []named{}}
					owners[*b.OwnerID], ids = o, append(ids, *b.OwnerID)
				}
			}
			g.Clients.Nodes = append(g.Clients.Nodes, client{r.id, b.Name, b.Status, o})
		}
		if param, err = json.Marshal(ids); err != nil {
			return err
		}
		if found, err = c.rows(ctx, db, getUsers, c.account, string(param)); err != nil {
			return err
		}
		for _, r := range found {
			o := owners[r.id]
			if err := json.Unmarshal(r.body, &o.named); err != nil {
				return err
			}
			o.ID = r.id
		}
		if found, err = c.list(ctx, db, userGroups, c.account, string(param)); err != nil {
			return err
		}
		for _, r := range found {
			n := named{}
			if err := json.Unmarshal(r.body, &n); err != nil {
				return err
			}
			n.ID = r.id
			o := owners[r.parent]
			o.Groups = append(o.Groups, n)
		}
		return nil
	})
	return out, at, err
}
