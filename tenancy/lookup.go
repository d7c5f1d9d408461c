package tenancy

import (
	"context"
	"database/sql"
	"errors"
)

// What requests ask of the directory; the argument comes last.
const (
	selectAccount = `SELECT id, name, db_shard_id, epoch, state, residency, limits, created_at FROM account WHERE id = `
	selectKey     = `SELECT id, account_id, name, secret_hash, scopes, created_at, expires_at, revoked_at, trusted_only FROM api_key WHERE id = `
	selectHost    = `SELECT account_id FROM host WHERE name = `

	selectDocument = `SELECT text FROM trusted_document WHERE key = `
)

// Lookup returns the account as it was at most a lease ago, in whatever state.
// ErrNotFound where there is none, UNAVAILABLE where the directory can't say.
func (d *Directory) Lookup(ctx context.Context, accountID string) (Account, error) {
	a, err := d.accounts.get(ctx, accountID)
	if err != nil {
		return Account{}, err
	}
	return *a, nil
}

// LookupKey returns the API key as it was at most a lease ago, also when it is
// revoked or expired. Errors as Lookup.
func (d *Directory) LookupKey(ctx context.Context, keyID string) (Key, error) {
	return d.keys.get(ctx, keyID)
}

// LookupHost returns the id of the account that host is registered for, as it
// was at most a lease ago. host is a plain lower-case name, without port.
// Errors as Lookup; ErrNotFound means that the host belongs to nobody.
func (d *Directory) LookupHost(ctx context.Context, host string) (string, error) {
	return d.hosts.get(ctx, host)
}

// Forget makes the next Lookup of the account ask the directory: for whoever
// learnt from a shard that the account has moved away.
func (d *Directory) Forget(accountID string) { d.accounts.forget(accountID) }

func (d *Directory) readAccount(ctx context.Context, id string) (*Account, error) {
	a := &Account{}
	err := d.accountByID(ctx, id).Scan(
		&a.ID, &a.Name, &a.ShardID, &a.Epoch, &a.State, &a.Residency, &a.Limits, &a.CreatedAt)
	return a, absent(err)
}

func (d *Directory) readKey(ctx context.Context, id string) (Key, error) {
	var k Key
	var hash string
	err := d.keyByID(ctx, id).Scan(
		&k.ID, &k.AccountID, &k.Name, &hash, &k.Scopes, &k.CreatedAt, &k.ExpiresAt, &k.RevokedAt, &k.TrustedOnly)
	if err != nil {
		return Key{}, absent(err)
	}
	k.credential = "key:" + k.ID
	k.hash, err = parseHash(hash)
	return k, err
}

func (d *Directory) readHost(ctx context.Context, name string) (string, error) {
	var accountID string
	err := d.hostByName(ctx, name).Scan(&accountID)
	return accountID, absent(err)
}

// absent returns the bare ErrNotFound: on this path nobody reads what was sought.
func absent(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return ErrNotFound
	}
	return err
}
