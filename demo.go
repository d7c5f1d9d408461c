package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"

	"gatehouse/shards"
	"gatehouse/tenancy"
)

// demoAccount is one of dev's accounts. Records of all of them have the same
// ids, as they may in real life, but different contents.
type demoAccount struct {
	id, name, shard string
	seed            uint64
}

// demoAccounts are the same in each data folder, ids included.
func demoAccounts() []demoAccount {
	ids := demoIDs().accounts
	return []demoAccount{
		{ids[0], "acme", "shard-1", 1},
		{ids[1], "globex", "shard-1", 2},
		{ids[2], "initech", "shard-3", 3},
	}
}

const demoRegion = "UK"

func demoShards() []tenancy.Shard {
	sqlite := func(id string, dedicated bool) tenancy.Shard {
		return tenancy.Shard{ID: id, Engine: "sqlite", DSN: storedDSN("sqlite", "shards/"+id+".db"), Region: demoRegion, Dedicated: dedicated}
	}
	return []tenancy.Shard{sqlite("shard-1", false), sqlite("shard-2", false), sqlite("shard-3", true)}
}

// openDemo opens the office of dev and makes whatever is missing. It gives
// the folder back only with the office; where it fails that is the caller's.
func openDemo(ctx context.Context, at *folder, log *slog.Logger) (o *office, secrets devSecrets, err error) {
	if secrets, err = makeSecrets(at); err != nil {
		return nil, secrets, err
	}
	keys, err := secrets.keyring()
	if err != nil {
		return nil, secrets, err
	}
	if o, err = openOffice(ctx, at, officeOptions{Keys: keys, Log: log, Make: true, Migrate: true}); err != nil {
		return nil, secrets, err
	}
	if err = o.makeDemo(ctx, keys, log); err != nil {
		return nil, secrets, errors.Join(err, o.pool.Close(), o.directory.Close())
	}
	return o, secrets, nil
}

func (o *office) makeDemo(ctx context.Context, keys *shards.Keyring, log *slog.Logger) error {
	for _, s := range demoShards() {
		_, err := o.directory.Shard(ctx, s.ID)
		if errors.Is(err, tenancy.ErrNotFound) {
			err = o.directory.AddShard(ctx, s)
		}
		if err != nil {
			return err
		}
	}
	if err := o.openShards(ctx, log); err != nil {
		return err
	}
	for _, demo := range demoAccounts() {
		_, err := o.directory.Account(ctx, demo.name)
		if err == nil {
			continue
		}
		if !errors.Is(err, tenancy.ErrNotFound) {
			return err
		}
		_, err = o.directory.CreateAccount(ctx, tenancy.NewAccount{
			ID: demo.id, Name: demo.name, Residency: demoRegion, ShardID: demo.shard,
			// Filled before the directory has it: an account that is there is whole.
			Begin: func(ctx context.Context, a tenancy.Account) error {
				if err := o.begin(ctx, a); err != nil {
					return err
				}
				route := func(ctx context.Context, _ bool) (*shards.Shard, error) { return o.shard(ctx, a.ShardID) }
				return fill(ctx, shards.NewHandle(a.ID, keys, route), newDemoData(demo, o.now()))
			},
		})
		if err != nil {
			return fmt.Errorf("make the demo account %s: %w", demo.name, err)
		}
	}
	return nil
}

const opsPerWrite = 250

// fill writes the demo data into an empty account. Each write has a key, so
// that a fill which was interrupted goes on where it stopped.
func fill(ctx context.Context, handle *shards.Handle, data *demoData) error {
	written := 0
	commit := func(ops []shards.Op) error {
		written++
		_, err := handle.Commit(ctx, &shards.Write{
			Actor:     shards.Actor{Kind: shards.ActorOperator, ID: "demo", Name: "Demo data"},
			RequestID: "demo",
			Key:       &shards.IdempotencyKey{Key: "demo-" + strconv.Itoa(written), Field: "demo", Input: "1"},
			Ops:       ops,
		})
		return err
	}
	for _, table := range data.tables {
		var ops []shards.Op
		for i, body := range table.bodies {
			text, err := json.Marshal(body)
			if err != nil {
				return err
			}
			ops = append(ops, shards.Op{Kind: shards.Created, Table: table.name, ID: table.ids[i], Body: text, Patch: text})
		}
		for chunk := range slices.Chunk(ops, opsPerWrite) {
			if err := commit(chunk); err != nil {
				return err
			}
		}
	}
	return addMembers(data, commit)
}

// addMembers puts each user into a group. A record has one part in a write at
// most, so each write adds one user to every group.
func addMembers(data *demoData, commit func([]shards.Op) error) error {
	groups, users := data.tables[0], data.tables[1]
	n := len(groups.ids)
	for first := 0; first < len(users.ids); first += n {
		var ops []shards.Op
		for g, group := range groups.ids {
			if first+g >= len(users.ids) {
				break
			}
			user := users.ids[first+g]
			body, err := json.Marshal(groups.bodies[g])
			if err != nil {
				return err
			}
			patch, err := json.Marshal(map[string]any{"members": map[string]any{user: struct{}{}}})
			if err != nil {
				return err
			}
			ops = append(ops, shards.Op{
				Kind: shards.Updated, Table: groups.name, ID: group, Version: int64(1 + first/n), Body: body, Patch: patch,
				Pair: &shards.Pair{
					Link:   shards.Link{Table: "memberships", Parent: "group_id", Child: "user_id"},
					Parent: group, Child: user,
				},
			})
		}
		if err := commit(ops); err != nil {
			return err
		}
	}
	return nil
}
