package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"

	"gatehouse/shards"
	"gatehouse/tenancy"
)

type shardRow struct {
	ID        string             `json:"id"`
	Engine    string             `json:"engine"`
	DSN       string             `json:"dsn"`
	Region    string             `json:"region"`
	Dedicated bool               `json:"dedicated"`
	State     tenancy.ShardState `json:"state"`
	Accounts  int                `json:"accounts"` // closed ones too
}

func shardColumns() []column[shardRow] {
	return []column[shardRow]{
		{"ID", func(s shardRow) string { return s.ID }},
		{"ENGINE", func(s shardRow) string { return s.Engine }},
		{"REGION", func(s shardRow) string { return s.Region }},
		{"STATE", func(s shardRow) string { return string(s.State) }},
		{"DEDICATED", func(s shardRow) string { return strconv.FormatBool(s.Dedicated) }},
		{"ACCOUNTS", func(s shardRow) string { return strconv.Itoa(s.Accounts) }},
		{"DSN", func(s shardRow) string { return s.DSN }},
	}
}

type shardsAdd struct {
	folderFlag
	jsonFlag
	ID        string `arg:"" name:"id" help:"The shard's id: 1 to 63 of a-z, 0-9 and -."`
	Engine    string `required:"" enum:"sqlite,postgres" placeholder:"ENGINE" help:"sqlite or postgres."`
	DSN       string `name:"dsn" required:"" placeholder:"DSN" help:"For SQLite the path of a file; a relative one begins in the data folder. May name environment variables of the server as $${NAME}."`
	Region    string `required:"" placeholder:"REGION" help:"Where the data lies, for example UK."`
	Dedicated bool   `help:"The shard holds one account only."`
}

func (c *shardsAdd) run(ctx context.Context, o *office, stdout, _ io.Writer) error {
	s := tenancy.Shard{
		ID: c.ID, Engine: c.Engine, DSN: storedDSN(c.Engine, c.DSN), Region: c.Region, Dedicated: c.Dedicated, State: tenancy.ShardActive,
	}
	// The row comes last: nobody is sent to a shard that can't be opened.
	if err := o.checkNewShard(ctx, s); err != nil {
		return err
	}
	if err := o.makeShard(ctx, s); err != nil {
		return err
	}
	if err := o.directory.AddShard(ctx, s); err != nil {
		return err
	}
	return showOne(stdout, c.JSON, rowOfShard(s), shardColumns()...)
}

func rowOfShard(s tenancy.Shard) shardRow {
	return shardRow{ID: s.ID, Engine: s.Engine, DSN: s.DSN, Region: s.Region, Dedicated: s.Dedicated, State: s.State}
}

// storedDSN is what the directory keeps of a DSN: a relative path begins in
// the data folder, wherever that is by then.
func storedDSN(engine, dsn string) string {
	if engine != "sqlite" || dsn == "" || filepath.IsAbs(dsn) || strings.HasPrefix(dsn, "${") || strings.Contains(dsn, ":") {
		return dsn
	}
	return "${" + dataVariable + "}/" + filepath.ToSlash(filepath.Clean(dsn))
}

// checkNewShard refuses a shard whose database another one has, before it is
// opened a second time.
func (o *office) checkNewShard(ctx context.Context, s tenancy.Shard) error {
	others, err := o.directory.Shards(ctx)
	if err != nil {
		return err
	}
	spec, err := s.Spec(o.lookupEnv)
	if err != nil {
		return err
	}
	for _, other := range others {
		// One whose variables are not set here can't be compared.
		if theirs, err := other.Spec(o.lookupEnv); other.ID == s.ID || err == nil && theirs.DSN == spec.DSN {
			return fmt.Errorf("the shard %s has that id or DSN already", other.ID)
		}
	}
	return nil
}

// makeShard makes and migrates the database of a shard that is not open.
func (o *office) makeShard(ctx context.Context, s tenancy.Shard) error {
	spec, err := s.Spec(o.lookupEnv)
	if err != nil {
		return err
	}
	db, err := shards.Open(ctx, spec, shards.Options{Create: true, Now: o.now})
	if err != nil {
		return err
	}
	return db.Close()
}

type shardsList struct {
	folderFlag
	jsonFlag
}

func (c *shardsList) run(ctx context.Context, o *office, stdout, _ io.Writer) error {
	all, err := o.directory.Shards(ctx)
	if err != nil {
		return err
	}
	accounts, err := o.directory.Accounts(ctx)
	if err != nil {
		return err
	}
	on := map[string]int{}
	for _, a := range accounts {
		on[a.ShardID]++
	}
	rows := make([]shardRow, len(all))
	for i, s := range all {
		rows[i] = rowOfShard(s)
		rows[i].Accounts = on[s.ID]
	}
	return show(stdout, c.JSON, rows, shardColumns()...)
}

// openShards opens all shards of the directory. It goes on behind one that
// fails, so that all which do are named.
func (o *office) openShards(ctx context.Context) error {
	all, err := o.directory.Shards(ctx)
	if err != nil {
		return err
	}
	var wrong problems
	for _, s := range all {
		if _, err := o.shard(ctx, s.ID); err != nil {
			wrong = append(wrong, plain(err))
		}
	}
	if len(wrong) > 0 {
		return wrong
	}
	return nil
}
