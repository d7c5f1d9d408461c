package tenancy

import (
	"context"
	"fmt"
	"net"
	"strings"

	"github.com/uptrace/bun"
)

// Host is a custom domain. Requests to it are served only to callers of its account.
type Host struct {
	Name      string `bun:"name,pk"` // lower case, without port and final dot
	AccountID string
}

type hostRow struct {
	bun.BaseModel `bun:"table:host,alias:h"`
	Host
}

// AddHost registers a host for the account (id or name). Doing so again for
// the same account changes nothing; another account's host is refused.
func (d *Directory) AddHost(ctx context.Context, account, host string) error {
	name, ok := hostName(host)
	if !ok {
		return refuse("a host must be a domain name without port, for example crm.example.org")
	}
	defer d.hosts.forget(name)
	return d.change(ctx, func(ctx context.Context, tx bun.Tx) error {
		owner, err := accountBy(ctx, tx, account)
		if err != nil {
			return err
		}
		var rows []hostRow
		if err := tx.NewSelect().Model(&rows).Where("h.name = ?", name).Scan(ctx); err != nil {
			return err
		}
		switch {
		case len(rows) == 1 && rows[0].AccountID == owner.ID:
			return nil
		case len(rows) > 0:
			return refuse("the host %s belongs to another account", name)
		case owner.State == Closed:
			return refuse("the account %s is closed", owner.Name)
		}
		_, err = tx.NewInsert().Model(&hostRow{Host: Host{Name: name, AccountID: owner.ID}}).Exec(ctx)
		return err
	})
}

// RemoveHost makes the host nobody's; ErrNotFound where it is nobody's already.
func (d *Directory) RemoveHost(ctx context.Context, host string) error {
	name, ok := hostName(host)
	if !ok {
		return refuse("a host must be a domain name without port, for example crm.example.org")
	}
	defer d.hosts.forget(name)
	return d.change(ctx, func(ctx context.Context, tx bun.Tx) error {
		result, err := tx.NewDelete().Model((*hostRow)(nil)).Where("h.name = ?", name).Exec(ctx)
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return fmt.Errorf("host %q: %w", name, ErrNotFound)
		}
		return nil
	})
}

// Hosts returns the hosts of the account (id or name) by name.
func (d *Directory) Hosts(ctx context.Context, account string) ([]Host, error) {
	owner, err := d.Account(ctx, account)
	if err != nil {
		return nil, err
	}
	var rows []hostRow
	if err := d.read.NewSelect().Model(&rows).Where("h.account_id = ?", owner.ID).Order("h.name").Scan(ctx); err != nil {
		return nil, missing(err, "hosts", account)
	}
	hosts := make([]Host, len(rows))
	for i, row := range rows {
		hosts[i] = row.Host
	}
	return hosts, nil
}

// withoutPort returns the host of a Host header.
func withoutPort(host string) string {
	if strings.LastIndexByte(host, ':') < 0 {
		return host
	}
	if bare, _, err := net.SplitHostPort(host); err == nil {
		return bare
	}
	return host
}

// hostName returns host in lower case without its final dot, and whether it is
// a domain name at all. It does not allocate for a name that is so already.
func hostName(host string) (string, bool) {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if host == "" || len(host) > 253 {
		return "", false
	}
	label := 0
	for i := range len(host) {
		switch c := host[i]; {
		case c == '.':
			if label == 0 {
				return "", false
			}
			label = 0
		case isLower(c), isDigit(c), c == '-' && label > 0:
			if label++; label > 63 {
				return "", false
			}
		default:
			return "", false
		}
	}
	return host, label > 0
}
