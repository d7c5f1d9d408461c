package main

import (
	"bytes"
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
	// updateOthers is of a patch that leaves alone what is folded.
	updateOthers = "UPDATE clients SET version = ?3, updated_at = ?5, body = ?6 WHERE account_id = ?1 AND id = ?2 AND version = ?4"
	insertChange = "INSERT INTO change (account_id, seq, n, kind, record_table, record_id, version, patch, actor, request_id, at)" +
		" VALUES (?1, ?2, ?3, ?4, 'clients', ?5, ?6, ?7, ?8, ?9, ?10)"
)

// payload is what a mutation of one client answers.
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
func (b *clientBody) invalid() error {
	if n := utf8.RuneCountInString(b.Name); n == 0 || n > 200 {
		return errors.New("name must have 1 to 200 characters")
	}
	if b.Email != nil && (len(*b.Email) > 254 || !strings.Contains(*b.Email, "@")) {
		return errors.New("email must be an email address")
	}
	return nil
}

// created returns the body of a new client.
func (b clientBody) created() (clientBody, []byte, error) {
	b.Kind, b.Status = cmp.Or(b.Kind, "PERSON"), cmp.Or(b.Status, "PROSPECT")
	if b.Tags == nil {
		b.Tags = []string{}
	}
	if err := b.invalid(); err != nil {
		return b, nil, err
	}
	text, err := json.Marshal(struct {
		clientBody
		CustomFields struct{} `json:"customFields"`
	}{clientBody: b})
	return b, text, err
}

// patch is a merge patch of a client's top level, which is all that the
// benchmark's patches need; gatehouse merges at every depth.
type patch map[string]json.RawMessage

// merge returns what becomes of a body, as text too, and the part of the patch
// that changes anything.
func (p patch) merge(old []byte) (b clientBody, body, change []byte, err error) {
	fields, changed := patch{}, patch{}
	if err := json.Unmarshal(old, &fields); err != nil {
		return b, nil, nil, err
	}
	for name, value := range p {
		if bytes.Equal(fields[name], value) {
			continue
		}
		if changed[name] = value; string(value) == "null" {
			delete(fields, name)
		} else {
			fields[name] = value
		}
	}
	if body, err = json.Marshal(fields); err != nil {
		return b, nil, nil, err
	}
	if err = json.Unmarshal(body, &b); err != nil {
		return b, nil, nil, err
	}
	if change, err = json.Marshal(changed); err == nil {
		err = b.invalid()
	}
	return b, body, change, err
}

func (h *hand) create(_ context.Context, c *call) (any, shards.Position, error) {
	var in struct{ Input clientBody }
	if err := json.Unmarshal(c.body, &in); err != nil {
		return nil, shards.Position{}, err
	}
	b, body, err := in.Input.created()
	if err != nil {
		return nil, shards.Position{}, err
	}
	var at shards.Position
	id, when := shards.NewID("client"), now()
	if h.noHistory {
		err = h.db.insert(c.account, c.insert(id, b, body, when))
	} else {
		err = h.db.write(c.account, func(ctx context.Context, db session) (err error) {
			if at, err = raise(ctx, db, c.account); err != nil {
				return err
			}
			return db.run(ctx, c.insert(id, b, body, when), c.change(at.Seq, 0, "CREATED", id, 1, body, when))
		})
	}
	var out struct {
		Create payload `json:"createClient"`
	}
	out.Create = payload{Errors: []userError{}, Bookmark: h.keys.Bookmark(c.account, at), Client: struct {
		ID        string `json:"id"`
		Version   int64  `json:"version"`
		Name      string `json:"name"`
		Status    string `json:"status"`
		CreatedAt string `json:"createdAt"`
	}{id, 1, b.Name, b.Status, when}}
	return out, at, err
}

func (h *hand) update(_ context.Context, c *call) (any, shards.Position, error) {
	var in struct {
		ID    string
		Patch patch
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
	var at shards.Position
	var updated client
	when := now()
	err := h.db.write(c.account, func(ctx context.Context, db session) error {
		var found []row
		var err error
		if at, err = raise(ctx, db, c.account, c.records(&found, false, getClients, list([]string{in.ID}))); err != nil {
			return err
		}
		if len(found) == 0 {
			return errors.New("no such client")
		}
		b, body, change, err := in.Patch.merge(found[0].body)
		if err != nil {
			return err
		}
		version := found[0].version + 1
		updated = client{in.ID, version, b.Name, b.Phone, when}
		return db.run(ctx, c.update(in.ID, version, in.Patch, b, body, when), c.change(at.Seq, 0, "UPDATED", in.ID, version, change, when))
	})
	var out struct {
		Update payload `json:"updateClient"`
	}
	out.Update = payload{Errors: []userError{}, Bookmark: h.keys.Bookmark(c.account, at), Client: updated}
	return out, at, err
}

// raise locks the head and takes the next number, and runs what can go with that.
func raise(ctx context.Context, db session, account string, more ...statement) (at shards.Position, err error) {
	head := statement{text: raiseHead, args: []any{account}, row: func(row scanner) error { return row.Scan(&at.Seq, &at.Epoch) }}
	err = db.run(ctx, append([]statement{head}, more...)...)
	if err == nil && at.Seq == 0 {
		err = errors.New("the account can't be written")
	}
	return at, err
}

func (c *call) insert(id string, b clientBody, body []byte, when string) statement {
	return statement{text: insertClient, args: []any{
		c.account, id, int64(1), when, when, string(body), fold(b.ExternalID), shards.Fold(b.Name), fold(b.Email),
	}}
}

func (c *call) update(id string, version int64, p patch, b clientBody, body []byte, when string) statement {
	s := statement{text: updateOthers, args: []any{c.account, id, version, version - 1, when, string(body)}}
	if p["externalId"] != nil || p["name"] != nil || p["email"] != nil {
		s.text = updateClient
		s.args = append(s.args, fold(b.ExternalID), shards.Fold(b.Name), fold(b.Email))
	}
	return s
}

// change adds the n-th change of a write to the history.
func (c *call) change(seq int64, n int, kind, id string, version int64, patch []byte, when string) statement {
	return statement{text: insertChange, args: []any{
		c.account, seq, int64(n), kind, id, version, string(patch), c.actor, c.ID, when,
	}}
}

// fold returns what a folded column holds, NULL where there is no text.
func fold(s *string) any {
	if s == nil {
		return nil
	}
	return shards.Fold(*s)
}
