package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
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
	Replicas  tenancy.Replicas   `json:"replicas"`
	Dedicated bool               `json:"dedicated"`
	State     tenancy.ShardState `json:"state"`
	Accounts  int                `json:"accounts"` // closed ones too
}

func shardColumns() []column[shardRow] {
	return []column[shardRow]{
		{"ID", func(s shardRow) string { return s.ID }},
		{"ENGINE", func(s shardRow) string { return s.Engine }},
		{"REGION", func(s shardRow) string { return s.Region }},
		{"REPLICAS", func(s shardRow) string { return strconv.Itoa(len(s.Replicas)) }},
		{"STATE", func(s shardRow) string { return string(s.State) }},
		{"DEDICATED", func(s shardRow) string { return strconv.FormatBool(s.Dedicated) }},
		{"ACCOUNTS", func(s shardRow) string { return strconv.Itoa(s.Accounts) }},
		{"DSN", func(s shardRow) string { return s.DSN }},
	}
}

type shardsAdd struct {
	directoryFlags
	jsonFlag
	ID        string   `arg:"" name:"id" help:"The shard's id: 1 to 63 of a-z, 0-9 and -."`
	Engine    string   `required:"" enum:"sqlite,postgres" placeholder:"ENGINE" help:"sqlite or postgres."`
	DSN       string   `name:"dsn" required:"" placeholder:"DSN" help:"For SQLite the path of a file; a relative one begins in the data folder. May name environment variables of the server as $${NAME}."`
	OwnerDSN  string   `name:"owner-dsn" placeholder:"DSN" help:"The same database as the role that owns its tables, which is another than the gateway's. For PostgreSQL; used here and by migrate only."`
	Region    string   `required:"" placeholder:"REGION" help:"Where the data lies, for example UK."`
	Replica   []string `sep:"none" placeholder:"REGION=DSN" help:"A copy of a PostgreSQL shard that follows it, and where that lies. Repeat it for each."`
	Dedicated bool     `help:"The shard holds one account only."`
}

func (c *shardsAdd) run(ctx context.Context, o *office, stdout, stderr io.Writer) error {
	replicas, err := parseReplicas(c.Replica)
	if err != nil {
		return err
	}
	s := tenancy.Shard{
		ID: c.ID, Engine: c.Engine, DSN: storedDSN(c.Engine, c.DSN), OwnerDSN: c.OwnerDSN, Region: c.Region, Replicas: replicas,
		Dedicated: c.Dedicated, State: tenancy.ShardActive,
	}
	// The row comes last: nobody is sent to a shard that can't be opened.
	if err := o.checkNewShard(ctx, s); err != nil {
		return err
	}
	warnings := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	if err := o.makeShard(ctx, s, warnings); err != nil {
		return err
	}
	if err := o.directory.AddShard(ctx, s); err != nil {
		return err
	}
	return showOne(stdout, c.JSON, rowOfShard(s), shardColumns()...)
}

func rowOfShard(s tenancy.Shard) shardRow {
	return shardRow{
		ID: s.ID, Engine: s.Engine, DSN: s.DSN, Region: s.Region, Replicas: append(tenancy.Replicas{}, s.Replicas...),
		Dedicated: s.Dedicated, State: s.State,
	}
}

// parseReplicas reads REGION=DSN.
func parseReplicas(texts []string) (tenancy.Replicas, error) {
	var replicas tenancy.Replicas
	for _, text := range texts {
		region, dsn, ok := strings.Cut(text, "=")
		if !ok || strings.Contains(region, ":") {
			return nil, errors.New("write a replica as REGION=DSN, for example UK=postgres://app@replica.example.org/uk")
		}
		replicas = append(replicas, tenancy.Replica{DSN: dsn, Region: region})
	}
	return replicas, nil
}

// storedDSN is what the directory keeps of a DSN: a relative path begins in
// the data folder, wherever that is by then.
func storedDSN(engine, dsn string) string {
	if engine != "sqlite" || dsn == "" || filepath.IsAbs(dsn) || strings.HasPrefix(dsn, "${") || strings.Contains(dsn, ":") {
		return dsn
	}
	return "${" + dataVariable + "}/" + filepath.ToSlash(filepath.Clean(dsn))
}

// checkNewShard refuses what can't become a shard, before its database is made,
// and one whose database another shard has, before that is opened a second time.
func (o *office) checkNewShard(ctx context.Context, s tenancy.Shard) error {
	if s.Engine == "sqlite" && o.url != "" && (o.at == nil || !inFolder(s.DSN)) {
		// Another gateway would open the same file, or make one of the same name.
		return errors.New("with a directory on PostgreSQL, an SQLite shard must lie in a data folder; name the folder by --data and a path in it by --dsn")
	}
	if err := s.Check(); err != nil {
		return err
	}
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

func inFolder(dsn string) bool {
	path, ok := strings.CutPrefix(dsn, "${"+dataVariable+"}/")
	return ok && filepath.IsLocal(path)
}

// makeShard makes and migrates the database of a shard that is not open. log is
// told what is not as it should be there; it may be nil.
func (o *office) makeShard(ctx context.Context, s tenancy.Shard, log *slog.Logger) error {
	spec, err := s.OwnerSpec(o.lookupEnv)
	if err != nil {
		return err
	}
	db, err := shards.Open(ctx, spec, shards.Options{Create: true, Now: o.now, Log: log})
	if err != nil {
		return err
	}
	return db.Close()
}

type shardsList struct {
	directoryFlags
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

type shardsReplicas struct {
	directoryFlags
	jsonFlag
	ID      string   `arg:"" name:"id" help:"The shard's id."`
	Replica []string `arg:"" optional:"" placeholder:"REGION=DSN" help:"All its replicas; none where there is none here."`
}

func (c *shardsReplicas) run(ctx context.Context, o *office, stdout, _ io.Writer) error {
	replicas, err := parseReplicas(c.Replica)
	if err != nil {
		return err
	}
	s, err := o.directory.SetReplicas(ctx, c.ID, replicas)
	if err != nil {
		return err
	}
	return showOne(stdout, c.JSON, rowOfShard(s), shardColumns()...)
}

// openShards opens all shards of the directory. It goes on behind one that
// fails, so that all which do are named. One on PostgreSQL may be back in a
// moment and has other gateways too: it is no reason not to serve the others.
func (o *office) openShards(ctx context.Context, log *slog.Logger) error {
	all, err := o.directory.Shards(ctx)
	if err != nil {
		return err
	}
	var wrong problems
	for _, s := range all {
		if !o.directory.Here(s) {
			log.Warn("an SQLite shard is not in this data folder: its accounts are MISDIRECTED here", "shard", s.ID)
			continue
		}
		_, err := o.shard(ctx, s.ID)
		switch {
		case err != nil && s.Engine == "postgres":
			log.Error("a shard can't be opened: its accounts are UNAVAILABLE until it can", "shard", s.ID, "error", err)
		case err != nil:
			wrong = append(wrong, plain(err))
		}
	}
	if len(wrong) > 0 {
		return wrong
	}
	return nil
}
