package main

import (
	"context"
	"encoding/json"
	"errors"

	"gatehouse/shards"
)

// The statements are those that gatehouse runs; a test compares them.
const (
	selectHead = "SELECT seq, epoch, state, trimmed, -1 FROM head WHERE account_id = ?1"
	columns    = "t.account_id, t.id, t.version, t.created_at, t.updated_at, t.body"
	ofIDs      = " t WHERE t.account_id = ?1 AND t.id IN (SELECT value FROM json_each(?2))"
	getClients = "SELECT " + columns + " FROM clients" + ofIDs
	getGroups  = "SELECT " + columns + " FROM groups" + ofIDs
	getUsers   = "SELECT " + columns + " FROM users" + ofIDs
	firstPage  = "SELECT t.account_id, t.id, t.version, t.created_at, t.updated_at, t.body, '' FROM clients t INDEXED BY clients_created_at" +
		" WHERE t.account_id = ?1 ORDER BY t.created_at DESC, t.id DESC LIMIT ?2"
	nextPage = "SELECT t.account_id, t.id, t.version, t.created_at, t.updated_at, t.body, '' FROM clients t INDEXED BY clients_created_at" +
		" WHERE t.account_id = ?1 AND (t.created_at, t.id) < (?2, ?3) ORDER BY t.created_at DESC, t.id DESC LIMIT ?4"
	stageSums = "SELECT t.stage, count(*), coalesce(sum(CAST(t.value AS double precision)), 0) FROM leads t INDEXED BY leads_stage" +
		" WHERE t.account_id = ?1 AND t.value >= ?2 GROUP BY t.stage"
	firstGroups = "SELECT t.account_id, t.id, t.version, t.created_at, t.updated_at, t.body, '' FROM groups t INDEXED BY groups_created_at" +
		" WHERE t.account_id = ?1 ORDER BY t.created_at DESC, t.id DESC LIMIT ?2"
	groupClients = "SELECT t.account_id, t.id, t.version, t.created_at, t.updated_at, t.body, p.value FROM json_each(?2) p CROSS JOIN clients t" +
		" WHERE t.account_id = ?1 AND t.id IN (SELECT c.id FROM clients c INDEXED BY clients_group_id WHERE c.account_id = ?1 AND c.group_id = p.value" +
		" AND c.created_at >= ?3 ORDER BY c.created_at DESC, c.id DESC LIMIT ?4) ORDER BY p.key, t.created_at DESC, t.id DESC"
	userGroups = "SELECT t.account_id, t.id, t.version, t.created_at, t.updated_at, t.body, p.value FROM json_each(?2) p CROSS JOIN groups t" +
		" WHERE t.account_id = ?1 AND t.id IN (SELECT c.id FROM memberships m CROSS JOIN groups c ON c.account_id = m.account_id AND c.id = m.group_id" +
		" WHERE m.account_id = ?1 AND m.user_id = p.value ORDER BY c.created_at DESC, c.id DESC) ORDER BY p.key, t.created_at DESC, t.id DESC"
	stageLeads = "SELECT t.account_id, t.id, t.version, t.created_at, t.updated_at, t.body, p.value FROM json_each(?2) p CROSS JOIN leads t" +
		" WHERE t.account_id = ?1 AND t.id IN (SELECT c.id FROM leads c INDEXED BY leads_stage WHERE c.account_id = ?1 AND c.stage = p.value" +
		" AND c.value >= ?3 ORDER BY c.created_at DESC, c.id DESC LIMIT ?4) ORDER BY p.key, t.created_at DESC, t.id DESC"
)

// pageSize of the list of clients, and the name that its cursors are sealed with.
const (
	pageSize  = 50
	pageList  = "Query.clients created_at true"
	stageSize = 10
	// groupsShown, each with so many clients.
	groupsShown  = 10
	clientsShown = 10
)

// snapshot runs f on one snapshot of the caller's account and returns its position.
func (h *hand) snapshot(ctx context.Context, c *call, f func(session) error) (at shards.Position, err error) {
	err = h.db.read(ctx, c.account, func(db session) error {
		if at, err = head(ctx, db, c.account); err != nil {
			return err
		}
		return f(db)
	})
	return at, err
}

func head(ctx context.Context, db session, account string) (at shards.Position, err error) {
	state := "gone"
	var trimmed, end int64
	err = db.each(ctx, func(row scanner) error { return row.Scan(&at.Seq, &at.Epoch, &state, &trimmed, &end) }, selectHead, account)
	if err == nil && state == "gone" {
		err = errors.New("the account is not here")
	}
	return at, err
}

// rows returns the records that a statement finds.
func (c *call) rows(ctx context.Context, db session, text string, args ...any) ([]row, error) {
	var r row
	return c.collect(ctx, db, &r, []any{&r.account, &r.id, &r.version, &r.created, &r.updated, &r.body}, text, args)
}

// list returns the records that a statement finds that has a parent behind their columns.
func (c *call) list(ctx context.Context, db session, text string, args ...any) ([]row, error) {
	var r row
	return c.collect(ctx, db, &r, []any{&r.account, &r.id, &r.version, &r.created, &r.updated, &r.body, &r.parent}, text, args)
}

// collect returns what r is for each row that is scanned into it.
func (c *call) collect(ctx context.Context, db session, r *row, into []any, text string, args []any) (out []row, err error) {
	err = db.each(ctx, func(row scanner) error {
		r.body = nil
		if err := row.Scan(into...); err != nil {
			return err
		}
		out = append(out, *r)
		return own(r.account, c.account)
	}, text, args...)
	return out, err
}

// names returns the records with these ids that there are.
func (c *call) names(ctx context.Context, db session, text string, ids map[string]*named) error {
	if len(ids) == 0 {
		return nil
	}
	list := make([]string, 0, len(ids))
	for id := range ids {
		list = append(list, id)
	}
	param, err := json.Marshal(list)
	if err != nil {
		return err
	}
	found, err := c.rows(ctx, db, text, c.account, string(param))
	for _, r := range found {
		n := ids[r.id]
		n.ID = r.id
		if err := json.Unmarshal(r.body, n); err != nil {
			return err
		}
	}
	return err
}

// ref returns where the record of that id will be, nil where there is no id.
func ref(ids map[string]*named, id *string) *named {
	if id == nil {
		return nil
	}
	n := ids[*id]
	if n == nil {
		n = &named{}
		ids[*id] = n
	}
	return n
}
