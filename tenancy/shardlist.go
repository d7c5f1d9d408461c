package tenancy

import (
	"cmp"
	"context"
	"os"
	"slices"

	"github.com/uptrace/bun"

	"gatehouse/shards"
)

// ShardState says whether a shard takes new accounts.
type ShardState string

const (
	ShardActive ShardState = "active"
	// ShardDraining shards go on serving the accounts they have.
	ShardDraining ShardState = "draining"
)

// Shard is a database that holds accounts, as the directory knows it.
type Shard struct {
	ID     string `bun:"id,pk"`
	Engine string // sqlite or postgres
	// DSN is as stored, that of a replica too: it may name environment variables
	// as ${NAME}. ExpandDSN it where it is used, and nowhere else.
	DSN string `bun:"dsn"`
	// OwnerDSN reaches a PostgreSQL shard as the role that owns its tables, for
	// those who migrate it. Its variables are theirs: gateways have no use for it.
	OwnerDSN  string   `bun:"owner_dsn"`
	Replicas  Replicas `bun:"replica_dsns"`
	Region    string   // where the data lies; an account's residency must allow it
	Dedicated bool     // holds just one account
	State     ShardState
}

// OwnerSpec is Spec for whoever makes and migrates the shard.
func (s Shard) OwnerSpec(lookup func(name string) (string, bool)) (shards.Spec, error) {
	spec, err := s.Spec(lookup)
	if err != nil {
		return spec, err
	}
	spec.OwnerDSN, err = ExpandDSN(s.OwnerDSN, lookup)
	return spec, err
}

// Spec returns what opens the shard. It fails where a DSN names a variable
// that is not set.
func (s Shard) Spec(lookup func(name string) (string, bool)) (shards.Spec, error) {
	spec := s.spec()
	var err error
	if spec.DSN, err = ExpandDSN(s.DSN, lookup); err != nil {
		return spec, err
	}
	for i, r := range s.Replicas {
		if spec.Replicas[i].DSN, err = ExpandDSN(r.DSN, lookup); err != nil {
			return spec, err
		}
	}
	return spec, nil
}

// spec is Spec with the DSNs as they are stored.
func (s Shard) spec() shards.Spec {
	spec := shards.Spec{ID: s.ID, Engine: s.Engine, DSN: s.DSN, Region: s.Region}
	for _, r := range s.Replicas {
		spec.Replicas = append(spec.Replicas, shards.Replica(r))
	}
	return spec
}

type shardRow struct {
	bun.BaseModel `bun:"table:shard,alias:s"`
	Shard
}

// AddShard registers a shard; its state is active where none is given. It does
// not connect to it. Ids and DSNs are unique.
func (d *Directory) AddShard(ctx context.Context, s Shard) error {
	if s.State == "" {
		s.State = ShardActive
	}
	if err := s.Check(); err != nil {
		return err
	}
	return d.change(ctx, func(ctx context.Context, tx bun.Tx) error {
		var taken []shardRow
		if err := tx.NewSelect().Model(&taken).Where("s.id = ? OR s.dsn = ?", s.ID, s.DSN).Scan(ctx); err != nil {
			return err
		}
		if len(taken) > 0 {
			return refuse("the shard %s has that id or DSN already", taken[0].ID)
		}
		_, err := tx.NewInsert().Model(&shardRow{Shard: s}).Exec(ctx)
		return err
	})
}

// Check returns what speaks against the shard as such; AddShard refuses it too.
func (s Shard) Check() error {
	if err := checkName("a shard's id", s.ID); err != nil {
		return err
	}
	if err := checkShardState(s.State); err != nil {
		return err
	}
	if s.Engine == "sqlite" && len(s.Replicas) > 0 {
		return refuse("an SQLite shard has no replicas")
	}
	if s.OwnerDSN != "" {
		if s.Engine == "sqlite" {
			return refuse("an SQLite shard has no other owner")
		}
		if err := checkDSN(s.Engine, s.OwnerDSN); err != nil {
			return err
		}
	}
	nodes := append([]Replica{{s.DSN, s.Region}}, s.Replicas...)
	for i, node := range nodes {
		if err := cmp.Or(checkDSN(s.Engine, node.DSN), checkRegion(node.Region)); err != nil {
			return err
		}
		if slices.ContainsFunc(nodes[:i], func(other Replica) bool { return other.DSN == node.DSN }) {
			return refuse("a replica's DSN must be its own")
		}
	}
	return nil
}

func checkShardState(s ShardState) error {
	if s != ShardActive && s != ShardDraining {
		return refuse("a shard's state must be active or draining")
	}
	return nil
}

// Here reports whether this process can have the shard. With a directory that
// other machines share, one on SQLite may lie in another gateway's data folder.
func (d *Directory) Here(s Shard) bool {
	if s.Engine != "sqlite" || !d.shared {
		return true
	}
	path, err := ExpandDSN(s.DSN, d.options.LookupEnv)
	if err == nil {
		_, err = os.Stat(path)
	}
	return err == nil
}

// SetShardState drains a shard or takes it back into use.
func (d *Directory) SetShardState(ctx context.Context, id string, state ShardState) error {
	if err := checkShardState(state); err != nil {
		return err
	}
	return d.change(ctx, func(ctx context.Context, tx bun.Tx) error {
		row, err := shardByID(ctx, tx, id)
		if err != nil {
			return err
		}
		row.State = state
		_, err = tx.NewUpdate().Model(&row).Column("state").WherePK().Exec(ctx)
		return err
	})
}

// Shards returns all shards by id.
func (d *Directory) Shards(ctx context.Context) ([]Shard, error) {
	var rows []shardRow
	if err := d.read.NewSelect().Model(&rows).Order("s.id").Scan(ctx); err != nil {
		return nil, missing(err, "shards", "")
	}
	shards := make([]Shard, len(rows))
	for i, row := range rows {
		shards[i] = row.Shard
	}
	return shards, nil
}

// Shard returns one shard, ErrNotFound where there is none.
func (d *Directory) Shard(ctx context.Context, id string) (Shard, error) {
	row, err := shardByID(ctx, d.read, id)
	return row.Shard, err
}

func shardByID(ctx context.Context, db bun.IDB, id string) (shardRow, error) {
	var row shardRow
	if err := checkName("a shard's id", id); err != nil {
		return row, err
	}
	err := db.NewSelect().Model(&row).Where("s.id = ?", id).Scan(ctx)
	return row, missing(err, "shard", id)
}
