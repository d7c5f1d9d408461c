package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"gatehouse/shards"
)

// How much there is.
const (
	accounts    = 10
	groups      = 10   // an account
	users       = 100  // an account
	clients     = 2000 // an account
	leads       = 2000 // an account
	opsInCommit = 500
)

// seeded is when the first of it was written.
var seeded = time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)

// dataset is what a load generator must know of the data to ask for it.
type dataset struct{ Accounts []*account }

// account is one of the dataset's accounts, with the ids of its records.
type account struct {
	ID, Token              string
	Groups, Users, Clients []string
	// Cursors are those of the list of clients, page by page.
	Cursors []string
	members [groups]int64 // how often each group has been joined
}

// seed fills a new shard through the front door of package shards.
func seed(ctx context.Context, spec shards.Spec, keys *shards.Keyring, accounts int) (*dataset, error) {
	// A minute a write, so that lists have an order by time.
	clock := seeded
	shard, err := shards.Open(ctx, spec, shards.Options{
		Keys: keys, Create: true, Now: func() time.Time { clock = clock.Add(time.Minute); return clock },
	})
	if err != nil {
		return nil, err
	}
	d := &dataset{}
	for i := range accounts {
		a := &account{ID: fmt.Sprintf("account_%02d", i)}
		d.Accounts = append(d.Accounts, a)
		if err = shard.AddAccount(ctx, a.ID); err != nil {
			break
		}
		route := func(context.Context, bool) (*shards.Shard, error) { return shard, nil }
		if err = a.fill(ctx, shards.NewHandle(a.ID, keys, route)); err != nil {
			break
		}
	}
	if err2 := shard.Close(); err == nil {
		err = err2
	}
	return d, err
}

// record is a body before it is JSON.
type record map[string]any

func (a *account) fill(ctx context.Context, handle *shards.Handle) error {
	many := func(table, prefix string, n int, body func(i int) record) ([]string, error) {
		ids := make([]string, n)
		w := &shards.Write{Actor: shards.Actor{Kind: shards.ActorOperator, ID: "bench"}, RequestID: "seed"}
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
	var err error
	if a.Groups, err = many("groups", "group", groups, a.group); err != nil {
		return err
	}
	if a.Users, err = many("users", "user", users, a.user); err != nil {
		return err
	}
	if err = a.join(ctx, handle); err != nil {
		return err
	}
	if a.Clients, err = many("clients", "client", clients, a.client); err != nil {
		return err
	}
	_, err = many("leads", "lead", leads, a.lead)
	return err
}

// join puts each user into two groups.
func (a *account) join(ctx context.Context, handle *shards.Handle) error {
	link := shards.Link{Table: "memberships", Parent: "group_id", Child: "user_id"}
	for i, user := range a.Users {
		w := &shards.Write{Actor: shards.Actor{Kind: shards.ActorOperator, ID: "bench"}, RequestID: "seed"}
		for _, g := range []int{i % groups, (i + 3) % groups} {
			body, err := json.Marshal(a.group(g))
			if err != nil {
				return err
			}
			a.members[g]++
			w.Ops = append(w.Ops, shards.Op{
				Kind: shards.Updated, Table: "groups", ID: a.Groups[g], Version: a.members[g], Body: body,
				Patch: fmt.Appendf(nil, `{"members":{%q:{}}}`, user), Pair: &shards.Pair{Link: link, Parent: a.Groups[g], Child: user},
			})
		}
		if _, err := handle.Commit(ctx, w); err != nil {
			return err
		}
	}
	return nil
}

func (a *account) group(i int) record {
	return record{"name": fmt.Sprintf("Team %02d of %s", i, a.ID)}
}

func (a *account) user(i int) record {
	return record{
		"name": fmt.Sprintf("Robin Example %03d", i), "email": fmt.Sprintf("robin.%03d@%s.example", i, a.ID),
		"role": "MEMBER", "active": true,
	}
}

func (a *account) client(i int) record {
	return record{
		"name": fmt.Sprintf("Ada Example %04d", i), "kind": "PERSON", "status": []string{"PROSPECT", "ACTIVE", "DORMANT"}[i%3],
		"externalId": fmt.Sprintf("crm-%06d", i), "email": fmt.Sprintf("ada.%04d@clients.example", i),
		"phone": fmt.Sprintf("+44 20 7946 %04d", i), "dateOfBirth": "1985-12-10",
		"address": record{"lines": []string{fmt.Sprintf("%d Long Lane", i), "Second floor"}, "city": "London", "postcode": "EC1A 9PN", "country": "GB"},
		"tags":    []string{"newsletter", "referred", fmt.Sprintf("batch-%d", i%20)},
		"customFields": record{
			"segment": "B", "score": i % 100, "notes": "Prefers to be rung in the afternoon; see the file for what was agreed in spring.",
		},
		"groupId": a.Groups[i%groups], "ownerId": a.Users[(i*7)%users],
	}
}

func (a *account) lead(i int) record {
	stage := []string{"NEW", "QUALIFIED", "PROPOSAL", "WON", "LOST"}[i%5]
	r := record{
		"name": fmt.Sprintf("Renewal %04d", i), "email": fmt.Sprintf("lead.%04d@leads.example", i), "stage": stage,
		"value": 1000 + i*25, "currency": "GBP", "source": "website", "tags": []string{"2026"}, "customFields": record{},
		"groupId": a.Groups[i%groups], "ownerId": a.Users[(i*3)%users], "clientId": a.Clients[i%clients],
	}
	if stage == "LOST" {
		r["lostReason"] = "Went with somebody else."
	}
	return r
}

// copyFile gives each handler a file of its own, so that none profits from, or
// waits for, what another one writes.
func copyFile(from, to string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	if _, err = io.Copy(out, in); err == nil {
		err = out.Sync()
	}
	if err2 := out.Close(); err == nil {
		err = err2
	}
	return err
}
