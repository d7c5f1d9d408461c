package tenancy

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/uptrace/bun"
)

// Key is an API key as the directory knows it: never its secret.
type Key struct {
	ID        string `bun:"id,pk"` // the look-up part of the key's text
	AccountID string
	Name      string // for people; the actor's name in the history
	Scopes    Scopes
	CreatedAt Instant
	ExpiresAt Instant // zero: never
	RevokedAt Instant // zero: not revoked
	// TrustedOnly: it takes registered documents only.
	TrustedOnly bool

	// Set on look-ups only.
	hash       [sha256.Size]byte
	credential string
}

// usableAt reports whether the key is neither revoked nor expired.
func (k *Key) usableAt(now time.Time) bool {
	return k.RevokedAt.IsZero() && (k.ExpiresAt.IsZero() || now.Before(k.ExpiresAt.Time))
}

type keyRow struct {
	bun.BaseModel `bun:"table:api_key,alias:k"`
	Key
	SecretHash string
}

// NewKey is what it takes to create an API key.
type NewKey struct {
	Account   string // id or name
	Name      string // 1 to 100 characters
	Scopes    []string
	ExpiresAt time.Time // zero: never
	// TrustedOnly keeps it to registered documents.
	TrustedOnly bool
}

// CreateKey makes an API key and returns its text, the only time that it is
// known: it is not stored. Scopes must be some of Options.Scopes.
func (d *Directory) CreateKey(ctx context.Context, n NewKey) (key Key, text string, err error) {
	if err := d.checkKey(n); err != nil {
		return Key{}, "", err
	}
	id, text := newKey()
	_, secret, _ := splitKey(text)
	hash := hashSecret(secret)
	row := keyRow{SecretHash: hex.EncodeToString(hash[:]), Key: Key{
		ID: id, Name: n.Name, Scopes: NewScopes(n.Scopes...),
		CreatedAt: instant(d.options.Now()), ExpiresAt: instant(n.ExpiresAt),
		TrustedOnly: n.TrustedOnly,
	}}
	defer d.keys.forget(id)
	err = d.change(ctx, func(ctx context.Context, tx bun.Tx) error {
		owner, err := accountBy(ctx, tx, n.Account)
		if err != nil {
			return err
		}
		if owner.State == Closed {
			return refuse("the account %s is closed", owner.Name)
		}
		row.AccountID = owner.ID
		_, err = tx.NewInsert().Model(&row).Exec(ctx)
		return err
	})
	if err != nil {
		return Key{}, "", fmt.Errorf("create key: %w", err)
	}
	return row.Key, text, nil
}

func (d *Directory) checkKey(n NewKey) error {
	if err := checkText("a key's name", n.Name, 100); err != nil {
		return err
	}
	known := NewScopes(d.options.Scopes...)
	for _, scope := range n.Scopes {
		if !known.Has(scope) {
			return refuse("unknown scope %q; known are: %s", scope, known)
		}
	}
	if len(n.Scopes) == 0 {
		return refuse("a key needs at least one scope; known are: %s", known)
	}
	if !n.ExpiresAt.IsZero() && !n.ExpiresAt.After(d.options.Now()) {
		return refuse("a key's expiry must lie in the future")
	}
	return nil
}

// Keys returns the keys of the account (id or name) from the oldest on, also
// those which are revoked or expired.
func (d *Directory) Keys(ctx context.Context, account string) ([]Key, error) {
	owner, err := d.Account(ctx, account)
	if err != nil {
		return nil, err
	}
	var rows []keyRow
	err = d.read.NewSelect().Model(&rows).Where("k.account_id = ?", owner.ID).Order("k.created_at", "k.id").Scan(ctx)
	if err != nil {
		return nil, missing(err, "keys", account)
	}
	keys := make([]Key, len(rows))
	for i, row := range rows {
		keys[i] = row.Key
	}
	return keys, nil
}

// RevokeKey refuses the key from now on: here when RevokeKey returns, and
// everywhere within a second (invariant 3). It can't be undone; revoking again
// changes nothing. id is the key's look-up part; ErrNotFound where there is none.
func (d *Directory) RevokeKey(ctx context.Context, id string) error {
	if err := checkID("a key's id", id); err != nil {
		return err
	}
	defer d.keys.forget(id)
	err := d.change(ctx, func(ctx context.Context, tx bun.Tx) error {
		var row keyRow
		if err := tx.NewSelect().Model(&row).Where("k.id = ?", id).Scan(ctx); err != nil {
			return missing(err, "key", id)
		}
		if !row.RevokedAt.IsZero() {
			return nil
		}
		row.RevokedAt = instant(d.options.Now())
		_, err := tx.NewUpdate().Model(&row).Column("revoked_at").WherePK().Exec(ctx)
		return err
	})
	if err != nil {
		return fmt.Errorf("revoke key: %w", err)
	}
	return nil
}
