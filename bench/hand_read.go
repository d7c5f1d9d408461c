package main

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"

	"gatehouse/shards"
)

// The statements are those that gatehouse runs; a test compares them. Only the head is
// read with each request here, which gatehouse mostly knows on SQLite.
const (
	selectHead = "SELECT seq, epoch, state, trimmed, -1 FROM head WHERE account_id = ?1"
	columns    = "t.account_id, t.id, t.version, t.created_at, t.updated_at, t.body"
	ofIDs      = " t WHERE t.account_id = ?1 AND t.id IN (SELECT value FROM json_each(?2))"
	getClients = "SELECT " + columns + " FROM clients" + ofIDs
	getGroups  = "SELECT " + columns + " FROM groups" + ofIDs
	getUsers   = "SELECT " + columns + " FROM users" + ofIDs
	firstPage  = "SELECT t.account_id, t.id, t.version, t.created_at, t.updated_at, t.body, '' FROM clients t INDEXED BY clients_status" +
		" WHERE t.account_id = ?1 AND t.status = ?2 ORDER BY t.created_at DESC, t.id DESC LIMIT ?3"
	nextPage = "SELECT t.account_id, t.id, t.version, t.created_at, t.updated_at, t.body, '' FROM clients t INDEXED BY clients_status" +
		" WHERE t.account_id = ?1 AND t.status = ?2 AND (t.created_at, t.id) < (?3, ?4) ORDER BY t.created_at DESC, t.id DESC LIMIT ?5"
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

// snapshot reads on one snapshot of the caller's account and returns its
// position: first what is known from the start, then what f asks for.
func (h *hand) snapshot(ctx context.Context, c *call, first statement, f func(session) error) (at shards.Position, err error) {
	state := "gone"
	head := statement{text: selectHead, args: []any{c.account}, row: func(row scanner) error {
		var trimmed, end int64
		return row.Scan(&at.Seq, &at.Epoch, &state, &trimmed, &end)
	}}
	err = h.db.read(ctx, c.account, func(db session) error {
		if err := db.run(ctx, head, first); err != nil {
			return err
		}
		if state == "gone" {
			return errors.New("the account is not here")
		}
		return f(db)
	})
	return at, err
}

// records has a statement's records collected in out. Where they are a list's,
// their parent stands behind their columns.
func (c *call) records(out *[]row, list bool, text string, args ...any) statement {
	r := &row{}
	into := []any{&r.account, &r.id, &r.version, &r.created, &r.updated, &r.body}
	if list {
		into = append(into, &r.parent)
	}
	return statement{text: text, args: append([]any{c.account}, args...), row: func(row scanner) error {
		r.body = nil
		if err := row.Scan(into...); err != nil {
			return err
		}
		*out = append(*out, *r)
		return own(r.account, c.account)
	}}
}

// known are records by their ids, of which only the name is wanted.
type known map[string]*named

// at returns where the record of that id will be, nil where there is no id.
func (k known) at(id *string) *named {
	if id == nil {
		return nil
	}
	n := k[*id]
	if n == nil {
		n = &named{ID: *id}
		k[*id] = n
	}
	return n
}

// names reads the records that are known by now.
func (c *call) names(text string, k known) statement {
	var r row
	into := []any{&r.account, &r.id, &r.version, &r.created, &r.updated, &r.body}
	return statement{text: text, args: []any{c.account, list(slices.Collect(maps.Keys(k)))}, row: func(row scanner) error {
		r.body = nil
		if err := row.Scan(into...); err != nil {
			return err
		}
		if err := own(r.account, c.account); err != nil {
			return err
		}
		return json.Unmarshal(r.body, k[r.id])
	}}
}

// list returns ids as the one parameter that they are.
func list(ids []string) string {
	text, err := json.Marshal(ids)
	if err != nil {
		panic(err) // texts are JSON
	}
	return string(text)
}
