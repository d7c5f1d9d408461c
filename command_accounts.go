package main

import (
	"context"
	"io"
	"strconv"
	"strings"
	"time"

	"gatehouse/tenancy"
)

type accountArg struct {
	Account string `arg:"" help:"The account's name or id."`
}

// accountRow is an account as the commands show it.
type accountRow struct {
	ID        string         `json:"id"`
	Name      string         `json:"name"`
	State     tenancy.State  `json:"state"`
	Shard     string         `json:"shard"`
	Residency string         `json:"residency"`
	Epoch     int64          `json:"epoch"`
	Limits    tenancy.Limits `json:"limits"`
	CreatedAt time.Time      `json:"createdAt"`
	Hosts     []string       `json:"hosts,omitzero"` // of show only
}

func rowOfAccount(a tenancy.Account) accountRow {
	return accountRow{
		ID: a.ID, Name: a.Name, State: a.State, Shard: a.ShardID, Residency: string(a.Residency),
		Epoch: a.Epoch, Limits: a.Limits, CreatedAt: a.CreatedAt.Time,
	}
}

func accountColumns() []column[accountRow] {
	return []column[accountRow]{
		{"NAME", func(a accountRow) string { return a.Name }},
		{"ID", func(a accountRow) string { return a.ID }},
		{"STATE", func(a accountRow) string { return string(a.State) }},
		{"SHARD", func(a accountRow) string { return a.Shard }},
		{"RESIDENCY", func(a accountRow) string { return a.Residency }},
		{"CREATED", func(a accountRow) string { return when(&a.CreatedAt) }},
	}
}

func accountDetails() []column[accountRow] {
	return append(accountColumns(),
		column[accountRow]{"EPOCH", func(a accountRow) string { return strconv.FormatInt(a.Epoch, 10) }},
		limitsColumn(),
		column[accountRow]{"HOSTS", func(a accountRow) string { return strings.Join(a.Hosts, " ") }},
	)
}

func limitsColumn() column[accountRow] {
	return column[accountRow]{"LIMITS", func(a accountRow) string { return a.Limits.String() }}
}

type accountsCreate struct {
	directoryFlags
	jsonFlag
	Name      string `arg:"" help:"The account's name: 1 to 63 of a-z, 0-9 and -."`
	Residency string `required:"" placeholder:"REGION" help:"The region in which the data must stay, for example UK, or several: EU,UK."`
	Shard     string `placeholder:"ID" help:"The shard; by default the region's shared one with the fewest accounts."`
	ID        string `name:"id" placeholder:"ID" help:"The account's id; by default one is made."`
}

func (c *accountsCreate) run(ctx context.Context, o *office, stdout, _ io.Writer) error {
	a, err := o.directory.CreateAccount(ctx, tenancy.NewAccount{
		ID: c.ID, Name: c.Name, Residency: c.Residency, ShardID: c.Shard, Begin: o.begin,
	})
	if err != nil {
		return err
	}
	return showOne(stdout, c.JSON, rowOfAccount(a), accountColumns()...)
}

// begin begins an account's history on its shard. That comes before the row of
// the directory: a history that nobody can find does no harm, an account
// without one would.
func (o *office) begin(ctx context.Context, a tenancy.Account) error {
	shard, err := o.shard(ctx, a.ShardID)
	if err != nil {
		return err
	}
	return shard.AddAccount(ctx, a.ID)
}

type accountsList struct {
	directoryFlags
	jsonFlag
}

func (c *accountsList) run(ctx context.Context, o *office, stdout, _ io.Writer) error {
	accounts, err := o.directory.Accounts(ctx)
	if err != nil {
		return err
	}
	rows := make([]accountRow, len(accounts))
	for i, a := range accounts {
		rows[i] = rowOfAccount(a)
	}
	return show(stdout, c.JSON, rows, accountColumns()...)
}

type accountsShow struct {
	directoryFlags
	jsonFlag
	accountArg
}

func (c *accountsShow) run(ctx context.Context, o *office, stdout, _ io.Writer) error {
	a, err := o.directory.Account(ctx, c.Account)
	if err != nil {
		return err
	}
	hosts, err := o.directory.Hosts(ctx, a.ID)
	if err != nil {
		return err
	}
	row := rowOfAccount(a)
	row.Hosts = []string{}
	for _, h := range hosts {
		row.Hosts = append(row.Hosts, h.Name)
	}
	return showOne(stdout, c.JSON, row, accountDetails()...)
}

type accountsLimit struct {
	directoryFlags
	jsonFlag
	accountArg
	Limits map[string]string `arg:"" placeholder:"LIMIT=VALUE" help:"For example points=500 concurrency=4 trustedOnly=true; the value default takes one back. Limits are: points (a second, of each credential), burst (points saved up), concurrency (operations at once), cpu (milliseconds a second), sockets, trustedOnly."`
}

func (c *accountsLimit) run(ctx context.Context, o *office, stdout, _ io.Writer) error {
	a, err := o.directory.SetLimits(ctx, c.Account, c.Limits)
	if err != nil {
		return err
	}
	return showOne(stdout, c.JSON, rowOfAccount(a), append(accountColumns(), limitsColumn())...)
}

// accountState is a command that sets the state of an account.
type accountState struct {
	directoryFlags
	jsonFlag
	accountArg
}

func (c *accountState) set(ctx context.Context, o *office, stdout io.Writer, state tenancy.State) error {
	if err := o.directory.SetState(ctx, c.Account, state); err != nil {
		return err
	}
	a, err := o.directory.Account(ctx, c.Account)
	if err != nil {
		return err
	}
	return showOne(stdout, c.JSON, rowOfAccount(a), accountColumns()...)
}

type (
	accountsSuspend struct{ accountState }
	accountsResume  struct{ accountState }
	accountsClose   struct{ accountState }
)

func (c *accountsSuspend) run(ctx context.Context, o *office, stdout, _ io.Writer) error {
	return c.set(ctx, o, stdout, tenancy.Suspended)
}

func (c *accountsResume) run(ctx context.Context, o *office, stdout, _ io.Writer) error {
	return c.set(ctx, o, stdout, tenancy.Active)
}

func (c *accountsClose) run(ctx context.Context, o *office, stdout, _ io.Writer) error {
	return c.set(ctx, o, stdout, tenancy.Closed)
}
