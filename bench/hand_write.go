package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"unicode/utf8"

	"gatehouse/shards"
)

const (
	raiseHead    = "UPDATE head SET seq = seq + 1 WHERE account_id = ?1 AND state = 'active' RETURNING seq, epoch"
	insertClient = "INSERT INTO clients (account_id, id, version, created_at, updated_at, body, external_id_fold, name_fold, email_fold) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"
	updateClient = "UPDATE clients SET version = ?3, updated_at = ?5, body = ?6, external_id_fold = ?7, name_fold = ?8, email_fold = ?9" +
		" WHERE account_id = ?1 AND id = ?2 AND version = ?4"
	insertChange = "INSERT INTO change (account_id, seq, n, kind, record_table, record_id, version, patch, actor, request_id, at)" +
		" VALUES (?1, ?2, 0, ?3, 'clients', ?4, ?5, ?6, ?7, ?8, ?9)"
)

// payload is what a mutation answers.
type payload struct {
	Client   any         `json:"client"`
	Bookmark string      `json:"bookmark"`
	Errors   []userError `json:"errors"`
}

type userError struct {
	Code    string   `json:"code"`
	Message string   `json:"message"`
	Field   []string `json:"field"`
}

// invalid returns what is wrong with a client's fields.
func invalid(name string, email *string) error {
	if n := utf8.RuneCountInString(name); n == 0 || n > 200 {
		return errors.New("name must have 1 to 200 characters")
	}
	if email != nil && (len(*email) > 254 || !strings.Contains(*email, "@")) {
		return errors.New("email must be an email address")
	}
	return nil
}

func (h *hand) create(_ context.Context, c *call) (any, shards.Position, error) {
	var in struct{ Input clientBody }
	if err := json.Unmarshal(c.body, &in); err != nil {
		return nil, shards.Position{}, err
	}
	in.Input.Kind = cmp.Or(in.Input.Kind, "PERSON")
	in.Input.Status = cmp.Or(in.Input.Status, "PROSPECT")
	if in.Input.Tags == nil {
		in.Input.Tags = []string{}
	}
	if err := invalid(in.Input.Name, in.Input.Email); err != nil {
		return nil, shards.Position{}, err
	}
	body, err := json.Marshal(struct {
		clientBody
		CustomFields struct{} `json:"customFields"`
	}{clientBody: in.Input})
	if err != nil {
		return nil, shards.Position{}, err
	}
	var at shards.Position
	id, when := shards.NewID("client"), now()
	err = h.db.write(c.account, func(ctx context.Context, db session) (err error) {
		if at, err = raise(ctx, db, c.account); err != nil {
			return err
		}
		if _, err := db.exec(ctx, insertClient, c.account, id, int64(1), when, when, string(body),
			nil, shards.Fold(in.Input.Name), fold(in.Input.Email)); err != nil {
			return err
		}
		return change(ctx, db, c, at.Seq, "CREATED", id, 1, body, when)
	})
	var out struct {
		Create payload `json:"createClient"`
	}
	out.Create = payload{Errors: []userError{}, Bookmark: h.keys.Bookmark(c.account, at), Client: struct {
		ID        string `json:"id"`
		Version   int64  `json:"version"`
		Name      string `json:"name"`
		Status    string `json:"status"`
		CreatedAt string `json:"createdAt"`
	}{id, 1, in.Input.Name, in.Input.Status, when}}
	return out, at, err
}

// update merges a patch into the body's top level, which is all that the
// benchmark's patches need; gatehouse merges at every depth.
func (h *hand) update(_ context.Context, c *call) (any, shards.Position, error) {
	var in struct {
		ID    string
		Patch map[string]json.RawMessage
	}
	if err := json.Unmarshal(c.body, &in); err != nil {
		return nil, shards.Position{}, err
	}
	type client struct {
		ID        string  `json:"id"`
		Version   int64   `json:"version"`
		Name      string  `json:"name"`
		Phone     *string `json:"phone"`
		UpdatedAt string  `json:"updatedAt"`
	}
	patch, err := json.Marshal(in.Patch)
	if err != nil {
		return nil, shards.Position{}, err
	}
	id, err := json.Marshal([]string{in.ID})
	if err != nil {
		return nil, shards.Position{}, err
	}
	var at shards.Position
	var changed client
	when := now()
	err = h.db.write(c.account, func(ctx context.Context, db session) error {
		if at, err = raise(ctx, db, c.account); err != nil {
			return err
		}
		found, err := c.rows(ctx, db, getClients, c.account, string(id))
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return errors.New("no such client")
		}
		r := found[0]
		fields := map[string]json.RawMessage{}
		if err := json.Unmarshal(r.body, &fields); err != nil {
			return err
		}
		for name, value := range in.Patch {
			if string(value) == "null" {
				delete(fields, name)
			} else {
				fields[name] = value
			}
		}
		body, err := json.Marshal(fields)
		if err != nil {
			return err
		}
		var b struct {
			clientBody
			ExternalID *string `json:"externalId"`
		}
		if err := json.Unmarshal(body, &b); err != nil {
			return err
		}
		if err := invalid(b.Name, b.Email); err != nil {
			return err
		}
		if n, err := db.exec(ctx, updateClient, c.account, in.ID, r.version+1, r.version, when, string(body),
			fold(b.ExternalID), shards.Fold(b.Name), fold(b.Email)); err != nil || n != 1 {
			return errors.Join(err, errors.New("not updated"))
		}
		changed = client{in.ID, r.version + 1, b.Name, b.Phone, when}
		return change(ctx, db, c, at.Seq, "UPDATED", in.ID, r.version+1, patch, when)
	})
	var out struct {
		Update payload `json:"updateClient"`
	}
	out.Update = payload{Errors: []userError{}, Bookmark: h.keys.Bookmark(c.account, at), Client: changed}
	return out, at, err
}

// raise locks the head and takes the next number.
func raise(ctx context.Context, db session, account string) (at shards.Position, err error) {
	err = db.each(ctx, func(row scanner) error { return row.Scan(&at.Seq, &at.Epoch) }, raiseHead, account)
	if err == nil && at.Seq == 0 {
		err = errors.New("the account can't be written")
	}
	return at, err
}

func change(ctx context.Context, db session, c *call, seq int64, kind, id string, version int64, patch []byte, when string) error {
	actor, err := json.Marshal(c.Caller.Actor)
	if err != nil {
		return err
	}
	_, err = db.exec(ctx, insertChange, c.account, seq, kind, id, version, string(patch), string(actor), c.ID, when)
	return err
}

// fold returns what a folded column holds, NULL where there is no text.
func fold(s *string) any {
	if s == nil {
		return nil
	}
	return shards.Fold(*s)
}
