package tenancy

import (
	"cmp"
	"context"
	"fmt"

	"github.com/uptrace/bun"
)

type accountRow struct {
	bun.BaseModel `bun:"table:account,alias:a"`
	Account
}

// NewAccount is what it takes to create an account.
type NewAccount struct {
	ID        string // optional where the directory can make ids
	Name      string
	Residency string // the regions in which the data must stay, for example UK or EU,UK
	// ShardID is optional: without it, of the active shards in those regions the
	// one with the fewest accounts is taken, dedicated ones left out.
	ShardID string
	Limits  Limits // optional
	// Begin, where set, makes room for the account on its shard. It is called
	// once nothing speaks against the account any more, and before anybody can
	// find it; its error means that there is no account. The directory takes no
	// other change meanwhile.
	Begin func(ctx context.Context, a Account) error
}

// CreateAccount puts a new, active account into the directory, with epoch 1,
// and says on which shard. Nothing but Begin writes to the shard.
func (d *Directory) CreateAccount(ctx context.Context, n NewAccount) (Account, error) {
	a, err := d.newAccount(n)
	if err != nil {
		return Account{}, err
	}
	defer d.accounts.forget(a.ID) // its absence may be remembered
	err = d.change(ctx, func(ctx context.Context, tx bun.Tx) error {
		// Ids and names share one space, so that a command may name either.
		clash, err := tx.NewSelect().Model((*accountRow)(nil)).
			Where("a.id IN (?, ?) OR a.name IN (?, ?)", a.ID, a.Name, a.ID, a.Name).Exists(ctx)
		if err != nil {
			return err
		}
		if clash {
			return refuse("there is an account with that name or id already")
		}
		if a.ShardID, err = pickShard(ctx, tx, n.ShardID, a.Residency); err != nil {
			return err
		}
		if n.Begin != nil {
			if err := n.Begin(ctx, a); err != nil {
				return err
			}
		}
		_, err = tx.NewInsert().Model(&accountRow{Account: a}).Exec(ctx)
		return err
	})
	if err != nil {
		return Account{}, fmt.Errorf("create account: %w", err)
	}
	return a, nil
}

func (d *Directory) newAccount(n NewAccount) (Account, error) {
	if n.ID == "" {
		if d.options.NewID == nil {
			return Account{}, refuse("an account's id is missing")
		}
		n.ID = d.options.NewID()
	}
	residency, err := ParseResidency(n.Residency)
	if err := cmp.Or(checkID("an account's id", n.ID), checkName("an account's name", n.Name), err, n.Limits.check()); err != nil {
		return Account{}, err
	}
	return Account{
		ID: n.ID, Name: n.Name, Epoch: 1, State: Active, Residency: residency,
		Limits: n.Limits, CreatedAt: instant(d.options.Now()),
	}, nil
}

// pickShard returns the shard for one more account (invariant 5): the given one
// if it may take it, else the least populated of those that may.
func pickShard(ctx context.Context, tx bun.Tx, id string, residency Residency) (string, error) {
	if id != "" {
		return id, checkPlace(ctx, tx, id, residency)
	}
	var rows []shardRow
	err := tx.NewSelect().Model(&rows).
		Where("s.state = ?", ShardActive).
		Where("NOT s.dedicated").
		OrderExpr("(SELECT count(*) FROM account AS a WHERE a.db_shard_id = s.id), s.id").
		Scan(ctx)
	if err != nil {
		return "", err
	}
	for _, row := range rows {
		if checkResidency(residency, row.spec()) == nil {
			return row.ID, nil
		}
	}
	return "", refuse("no shared, active shard lies in %s with all its replicas; add one, or name a dedicated one", residency)
}

func checkPlace(ctx context.Context, tx bun.Tx, shardID string, residency Residency) error {
	row, err := shardByID(ctx, tx, shardID)
	if err == nil {
		err = checkResidency(residency, row.spec())
	}
	switch {
	case err != nil:
		return err
	case row.State != ShardActive:
		return refuse("the shard %s is being drained and takes no new account", row.ID)
	case row.Dedicated:
		// Closed accounts count too: their data may still lie there.
		taken, err := tx.NewSelect().Model((*accountRow)(nil)).Where("a.db_shard_id = ?", row.ID).Exists(ctx)
		if err != nil {
			return err
		}
		if taken {
			return refuse("the shard %s is dedicated to another account", row.ID)
		}
	}
	return nil
}

// Account returns the account with this id or name, ErrNotFound where there is
// none. It reads the directory each time; requests use Lookup.
func (d *Directory) Account(ctx context.Context, idOrName string) (Account, error) {
	row, err := accountBy(ctx, d.read, idOrName)
	return row.Account, err
}

func accountBy(ctx context.Context, db bun.IDB, idOrName string) (accountRow, error) {
	var row accountRow
	if err := checkID("an account's id or name", idOrName); err != nil {
		return row, err
	}
	err := db.NewSelect().Model(&row).Where("a.id = ? OR a.name = ?", idOrName, idOrName).Scan(ctx)
	return row, missing(err, "account", idOrName)
}

// Accounts returns all accounts by name, those of every state.
func (d *Directory) Accounts(ctx context.Context) ([]Account, error) {
	var rows []accountRow
	if err := d.read.NewSelect().Model(&rows).Order("a.name").Scan(ctx); err != nil {
		return nil, missing(err, "accounts", "")
	}
	accounts := make([]Account, len(rows))
	for i, row := range rows {
		accounts[i] = row.Account
	}
	return accounts, nil
}

// SetState suspends, resumes (Active) or closes an account, by id or name. A
// closed account stays closed. It is in force here when SetState returns, and
// everywhere within a second (invariant 3).
func (d *Directory) SetState(ctx context.Context, idOrName string, state State) error {
	if state != Active && state != Suspended && state != Closed {
		return refuse("an account's state must be active, suspended or closed")
	}
	var id string
	err := d.change(ctx, func(ctx context.Context, tx bun.Tx) error {
		row, err := accountBy(ctx, tx, idOrName)
		if err != nil {
			return err
		}
		if row.State == Closed && state != Closed {
			return refuse("the account %s is closed for good", row.Name)
		}
		id, row.State = row.ID, state
		_, err = tx.NewUpdate().Model(&row).Column("state").WherePK().Exec(ctx)
		return err
	})
	if id != "" {
		d.accounts.forget(id) // also after an error: the commit may have come through
	}
	if err != nil {
		return fmt.Errorf("set state: %w", err)
	}
	return nil
}
