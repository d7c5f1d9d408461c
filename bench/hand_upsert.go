package main

import (
	"context"
	"encoding/json"

	"gatehouse/shards"
)

const getImported = "SELECT " + columns + " FROM clients t INDEXED BY clients_external_id" +
	" WHERE t.account_id = ?1 AND t.external_id IN (SELECT value FROM json_each(?2))"

func (h *hand) upsert(_ context.Context, c *call) (any, shards.Position, error) {
	var in struct {
		Inputs []struct {
			ExternalID string
			Patch      json.RawMessage
		}
	}
	if err := json.Unmarshal(c.body, &in); err != nil {
		return nil, shards.Position{}, err
	}
	type client struct {
		ID      string `json:"id"`
		Version int64  `json:"version"`
	}
	type result struct {
		Client  client      `json:"client"`
		Created bool        `json:"created"`
		Errors  []userError `json:"errors"`
	}
	ids := make([]string, len(in.Inputs))
	for i, input := range in.Inputs {
		ids[i] = input.ExternalID
	}
	var at shards.Position
	results := make([]result, len(in.Inputs))
	when := now()
	err := h.db.write(c.account, func(ctx context.Context, db session) error {
		var found []row
		var err error
		if at, err = raise(ctx, db, c.account, c.records(&found, false, getImported, list(ids))); err != nil {
			return err
		}
		known := make(map[string]*row, len(found))
		for i := range found {
			var b clientBody
			if err := json.Unmarshal(found[i].body, &b); err != nil {
				return err
			}
			known[*b.ExternalID] = &found[i]
		}
		statements := make([]statement, 0, 2*len(in.Inputs))
		for i, input := range in.Inputs {
			r := known[input.ExternalID]
			if r == nil {
				b := clientBody{}
				if err := json.Unmarshal(input.Patch, &b); err != nil {
					return err
				}
				b.ExternalID = &input.ExternalID
				b, body, err := b.created()
				if err != nil {
					return err
				}
				id := shards.NewID("client")
				results[i] = result{client{id, 1}, true, []userError{}}
				statements = append(statements, c.insert(id, b, body, when), c.change(at.Seq, i, "CREATED", id, 1, body, when))
				continue
			}
			p := patch{}
			if err := json.Unmarshal(input.Patch, &p); err != nil {
				return err
			}
			b, body, change, err := p.merge(r.body)
			if err != nil {
				return err
			}
			version := r.version + 1
			results[i] = result{client{r.id, version}, false, []userError{}}
			statements = append(statements, c.update(r.id, version, p, b, body, when), c.change(at.Seq, i, "UPDATED", r.id, version, change, when))
		}
		return db.run(ctx, statements...)
	})
	var out struct {
		Upsert struct {
			Results  []result    `json:"results"`
			Bookmark string      `json:"bookmark"`
			Errors   []userError `json:"errors"`
		} `json:"upsertClients"`
	}
	out.Upsert.Results, out.Upsert.Bookmark, out.Upsert.Errors = results, h.keys.Bookmark(c.account, at), []userError{}
	return out, at, err
}
