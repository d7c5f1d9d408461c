package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"gatehouse/tenancy"
)

// keyRow is an API key as the commands show it. Key, the text that callers
// send, is known when the key is created only.
type keyRow struct {
	ID          string     `json:"id"`
	AccountID   string     `json:"accountId"`
	Name        string     `json:"name"`
	Scopes      []string   `json:"scopes"`
	TrustedOnly bool       `json:"trustedOnly"`
	CreatedAt   time.Time  `json:"createdAt"`
	ExpiresAt   *time.Time `json:"expiresAt"`
	RevokedAt   *time.Time `json:"revokedAt"`
	Key         string     `json:"key,omitzero"`
	scopes      tenancy.Scopes
}

func rowOfKey(k tenancy.Key) keyRow {
	return keyRow{
		ID: k.ID, AccountID: k.AccountID, Name: k.Name, Scopes: k.Scopes.List(), TrustedOnly: k.TrustedOnly, CreatedAt: k.CreatedAt.Time,
		ExpiresAt: optional(k.ExpiresAt.Time), RevokedAt: optional(k.RevokedAt.Time), scopes: k.Scopes,
	}
}

func keyColumns() []column[keyRow] {
	return []column[keyRow]{
		{"ID", func(k keyRow) string { return k.ID }},
		{"NAME", func(k keyRow) string { return k.Name }},
		{"CREATED", func(k keyRow) string { return when(&k.CreatedAt) }},
		{"EXPIRES", func(k keyRow) string { return when(k.ExpiresAt) }},
		{"REVOKED", func(k keyRow) string { return when(k.RevokedAt) }},
		{"DOCUMENTS", func(k keyRow) string {
			if k.TrustedOnly {
				return "trusted"
			}
			return "any"
		}},
		{"SCOPES", func(k keyRow) string { return k.scopes.String() }},
	}
}

type keysCreate struct {
	directoryFlags
	jsonFlag
	accountArg
	Name        string        `required:"" placeholder:"TEXT" help:"What the key is for; its name in the account's history."`
	Scope       []string      `required:"" placeholder:"SCOPE" help:"What the key may do, for example clients:read or *:read. Repeat it, or separate several by commas."`
	TrustedOnly bool          `help:"Refuse the key every document that is not registered."`
	Expires     time.Duration `placeholder:"720h" help:"For how long the key is good; by default until it is revoked."`
}

func (c *keysCreate) run(ctx context.Context, o *office, stdout, stderr io.Writer) error {
	known := append(slices.Clone(o.scopes), tenancy.RegisterScope)
	scopes, err := tenancy.NewRoles(known).Expand(c.Scope)
	if err != nil {
		return err
	}
	n := tenancy.NewKey{Account: c.Account, Name: c.Name, Scopes: scopes.List(), TrustedOnly: c.TrustedOnly}
	if c.Expires != 0 {
		n.ExpiresAt = o.now().Add(c.Expires)
	}
	key, text, err := o.directory.CreateKey(ctx, n)
	if err != nil {
		return err
	}
	if c.JSON {
		row := rowOfKey(key)
		row.Key = text
		return showJSON(stdout, row)
	}
	fmt.Fprintf(stderr, "The key %s is printed this once; it can't be shown again.\n", key.ID)
	_, err = fmt.Fprintln(stdout, text)
	return err
}

type keysList struct {
	directoryFlags
	jsonFlag
	accountArg
}

func (c *keysList) run(ctx context.Context, o *office, stdout, _ io.Writer) error {
	keys, err := o.directory.Keys(ctx, c.Account)
	if err != nil {
		return err
	}
	rows := make([]keyRow, len(keys))
	for i, k := range keys {
		rows[i] = rowOfKey(k)
	}
	return show(stdout, c.JSON, rows, keyColumns()...)
}

type keysRevoke struct {
	directoryFlags
	jsonFlag
	ID string `arg:"" name:"id" help:"The key's id: what follows gk_ in its text."`
}

func (c *keysRevoke) run(ctx context.Context, o *office, stdout, _ io.Writer) error {
	if err := o.directory.RevokeKey(ctx, c.ID); err != nil {
		return err
	}
	if c.JSON {
		return showJSON(stdout, struct {
			ID string `json:"id"`
		}{c.ID})
	}
	_, err := fmt.Fprintf(stdout, "The key %s is revoked.\n", c.ID)
	return err
}
