package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"gatehouse/shards"
)

// size is how much there is.
type size struct {
	accounts       int
	clients, leads int // an account
}

// How much there is beside clients and leads, and how it is written.
const (
	groups      = 10  // an account
	users       = 100 // an account
	opsInCommit = 50
)

// usual is what the figures are of: 50 accounts of 4,110 records.
var usual = size{accounts: 50, clients: 2000, leads: 2000}

// seeded is when the first record was written.
var seeded = time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)

// dataset is what must be known of the data to ask for it. All accounts have
// the same, down to the ids.
type dataset struct {
	Accounts               []*account
	Groups, Users, Clients []string
}

// account is one of the dataset's accounts.
type account struct {
	ID, Token string
	// Cursors are those of the list of clients, page by page.
	Cursors []string
}

// seed fills a new shard: the first account through the front door of package
// shards, the others with copies of what it has.
func seed(ctx context.Context, g ground, keys *shards.Keyring, n size) (*dataset, error) {
	d := &dataset{}
	for i := range n.accounts {
		d.Accounts = append(d.Accounts, &account{ID: fmt.Sprintf("account_%04d", i)})
	}
	// A minute a write, so that lists have an order by time.
	clock := seeded
	shard, err := shards.Open(ctx, g.shard(), shards.Options{
		Keys: keys, Create: true, Now: func() time.Time { clock = clock.Add(time.Minute); return clock },
	})
	if err != nil {
		return nil, err
	}
	first := d.Accounts[0].ID
	if err = shard.AddAccount(ctx, first); err == nil {
		route := func(context.Context, bool) (*shards.Shard, error) { return shard, nil }
		err = d.fill(ctx, shards.NewHandle(first, keys, route), n)
	}
	if err2 := shard.Close(); err == nil {
		err = err2
	}
	if err != nil {
		return nil, err
	}
	return d, g.multiply(ctx, d.Accounts)
}

// tables of the shard that have what was seeded, in the order in which they
// refer to each other.
var tables = []string{"head", "change", "groups", "users", "memberships", "clients", "leads"}

// record is a body before it is JSON.
type record map[string]any

func (d *dataset) fill(ctx context.Context, handle *shards.Handle, n size) (err error) {
	many := func(table, prefix string, n int, body func(i int) record) ([]string, error) {
		ids := make([]string, n)
		w := newWrite()
		for i := range ids {
			ids[i] = shards.NewID(prefix)
			text, err := json.Marshal(body(i))
			if err != nil {
				return nil, err
			}
			w.Ops = append(w.Ops, shards.Op{Kind: shards.Created, Table: table, ID: ids[i], Body: text, Patch: text})
			if len(w.Ops) == opsInCommit || i == n-1 {
				if _, err := handle.Commit(ctx, w); err != nil {
					return nil, err
				}
				w.Ops = w.Ops[:0]
			}
		}
		return ids, nil
	}
	if d.Groups, err = many("groups", "group", groups, group); err != nil {
		return err
	}
	if d.Users, err = many("users", "user", users, user); err != nil {
		return err
	}
	if err = d.join(ctx, handle); err != nil {
		return err
	}
	if d.Clients, err = many("clients", "client", n.clients, d.client); err != nil {
		return err
	}
	_, err = many("leads", "lead", n.leads, d.lead)
	return err
}

func newWrite() *shards.Write {
	return &shards.Write{Actor: shards.Actor{Kind: shards.ActorOperator, ID: "bench"}, RequestID: "seed"}
}

// join puts each user into two groups.
func (d *dataset) join(ctx context.Context, handle *shards.Handle) error {
	link := shards.Link{Table: "memberships", Parent: "group_id", Child: "user_id"}
	var versions [groups]int64
	for i, user := range d.Users {
		w := newWrite()
		for _, g := range []int{i % groups, (i + 3) % groups} {
			body, err := json.Marshal(group(g))
			if err != nil {
				return err
			}
			versions[g]++
			w.Ops = append(w.Ops, shards.Op{
				Kind: shards.Updated, Table: "groups", ID: d.Groups[g], Version: versions[g], Body: body,
				Patch: fmt.Appendf(nil, `{"members":{%q:{}}}`, user), Pair: &shards.Pair{Link: link, Parent: d.Groups[g], Child: user},
			})
		}
		if _, err := handle.Commit(ctx, w); err != nil {
			return err
		}
	}
	return nil
}

func group(i int) record { return record{"name": fmt.Sprintf("Team %02d", i)} }

func user(i int) record {
	return record{
		"name": fmt.Sprintf("Robin Example %03d", i), "email": fmt.Sprintf("robin.%03d@users.example", i), "role": "MEMBER", "active": true,
	}
}

func (d *dataset) client(i int) record {
	return record{
		"name": fmt.Sprintf("Ada Example %04d", i), "kind": "PERSON", "status": statuses[i%len(statuses)],
		"externalId": externalID(i), "email": fmt.Sprintf("ada.%04d@clients.example", i),
		"phone": fmt.Sprintf("+44 20 7946 %04d", i), "dateOfBirth": "1985-12-10",
		"address": record{"lines": []string{fmt.Sprintf("%d Long Lane", i), "Second floor"}, "city": "London", "postcode": "EC1A 9PN", "country": "GB"},
		"tags":    []string{"newsletter", "referred", fmt.Sprintf("batch-%d", i%20)},
		"customFields": record{
			"segment": "B", "score": i % 100, "notes": "Prefers to be rung in the afternoon; see the file for what was agreed in spring.",
		},
		"groupId": d.Groups[i%groups], "ownerId": d.Users[(i*7)%users],
	}
}

var statuses = []string{"PROSPECT", "ACTIVE", "DORMANT"}

// externalID of a client.
func externalID(i int) string { return fmt.Sprintf("crm-%06d", i) }

func (d *dataset) lead(i int) record {
	stage := []string{"NEW", "QUALIFIED", "PROPOSAL", "WON", "LOST"}[i%5]
	r := record{
		"name": fmt.Sprintf("Renewal %04d", i), "email": fmt.Sprintf("lead.%04d@leads.example", i), "stage": stage,
		"value": 1000 + i*25, "currency": "GBP", "source": "website", "tags": []string{"2026"}, "customFields": record{},
		"groupId": d.Groups[i%groups], "ownerId": d.Users[(i*3)%users], "clientId": d.Clients[i%len(d.Clients)],
	}
	if stage == "LOST" {
		r["lostReason"] = "Went with somebody else."
	}
	return r
}
