package tenancy

import (
	"context"
	"database/sql/driver"
	"encoding/json"
	"fmt"

	"github.com/uptrace/bun"
)

// Replica is a copy of a shard that follows it and is only read from.
type Replica struct {
	DSN    string `json:"dsn"` // as a shard's
	Region string `json:"region"`
}

// Replicas are stored as a JSON list.
type Replicas []Replica

// Value implements driver.Valuer.
func (r Replicas) Value() (driver.Value, error) {
	text, err := json.Marshal(append([]Replica{}, r...)) // an empty list, not null
	return string(text), err
}

// Scan implements sql.Scanner.
func (r *Replicas) Scan(src any) error {
	*r = nil
	if err := readJSON("replicas", src, r); err != nil {
		return err
	}
	if len(*r) == 0 {
		*r = nil
	}
	return nil
}

// SetReplicas replaces the replicas of a shard, and returns it as it is then.
// A replica has the data of every account on the shard, so it is refused where
// one of them may not be (invariant 5). Gateways learn of it when they next
// open the shard.
func (d *Directory) SetReplicas(ctx context.Context, id string, replicas Replicas) (Shard, error) {
	var row shardRow
	err := d.change(ctx, func(ctx context.Context, tx bun.Tx) error {
		var err error
		if row, err = shardByID(ctx, tx, id); err != nil {
			return err
		}
		row.Replicas = replicas
		if err := row.Check(); err != nil {
			return err
		}
		// Closed accounts count too: their data may still lie there.
		var accounts []accountRow
		if err := tx.NewSelect().Model(&accounts).Where("a.db_shard_id = ?", id).Order("a.name").Scan(ctx); err != nil {
			return err
		}
		for _, a := range accounts {
			if err := checkResidency(a.Residency, row.spec()); err != nil {
				return refuse("the account %s: %v", a.Name, err)
			}
		}
		_, err = tx.NewUpdate().Model(&row).Column("replica_dsns").WherePK().Exec(ctx)
		return err
	})
	if err != nil {
		return Shard{}, fmt.Errorf("set replicas: %w", err)
	}
	return row.Shard, nil
}
