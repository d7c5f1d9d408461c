package tenancy

import (
	"context"
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/uptrace/bun"
)

// Limits is in what an account deviates from a gateway's defaults. A zero
// field leaves the default alone. It is stored as a JSON object of what is set.
type Limits struct {
	// Points are what each credential of the account may spend a second, and
	// Burst is how many it may have saved up.
	Points int64 `json:"points,omitzero"`
	Burst  int64 `json:"burst,omitzero"`
	// Concurrency is how many operations of the account run at once on one
	// gateway, and CPU for how many milliseconds of each second, taken together.
	Concurrency int64 `json:"concurrency,omitzero"`
	CPU         int64 `json:"cpu,omitzero"`
	// Sockets is how many WebSockets and event streams the account holds open
	// on one gateway.
	Sockets int64 `json:"sockets,omitzero"`
	// TrustedOnly refuses every document that is not registered.
	TrustedOnly bool `json:"trustedOnly,omitzero"`
}

const (
	// DefaultLimit is the value that takes a limit of an account back.
	DefaultLimit = "default"
	// MaxLimit bounds each number, so that sums and products of them can't overflow.
	MaxLimit    = 1_000_000_000
	trustedOnly = "trustedOnly"
)

// numbers returns the limits that are numbers, by name.
func (l *Limits) numbers() map[string]*int64 {
	return map[string]*int64{
		"points": &l.Points, "burst": &l.Burst, "concurrency": &l.Concurrency, "cpu": &l.CPU, "sockets": &l.Sockets,
	}
}

// with returns l after changes, values by name.
func (l Limits) with(changes map[string]string) (Limits, error) {
	numbers := l.numbers()
	for _, name := range slices.Sorted(maps.Keys(changes)) {
		value := changes[name]
		number, ok := numbers[name]
		switch {
		case name == trustedOnly:
			if value != "true" && value != "false" && value != DefaultLimit {
				return l, refuse("the limit %s must be true, false or %s", name, DefaultLimit)
			}
			l.TrustedOnly = value == "true"
		case !ok:
			return l, refuse("unknown limit %q; known are: %s", name, strings.Join(append(slices.Sorted(maps.Keys(numbers)), trustedOnly), " "))
		case value == DefaultLimit:
			*number = 0
		default:
			n, err := strconv.ParseInt(value, 10, 64)
			if err != nil || n < 1 || n > MaxLimit {
				return l, refuse("the limit %s must be a whole number from 1 to %d, or %s", name, MaxLimit, DefaultLimit)
			}
			*number = n
		}
	}
	return l, nil
}

// check refuses what with would not have made.
func (l Limits) check() error {
	for name, number := range l.numbers() {
		if *number < 0 || *number > MaxLimit {
			return refuse("the limit %s must be at most %d", name, MaxLimit)
		}
	}
	return nil
}

// String returns the JSON object that is stored.
func (l Limits) String() string {
	text, err := json.Marshal(l)
	if err != nil {
		panic("tenancy: encode limits: " + err.Error()) // numbers and truth values always encode
	}
	return string(text)
}

// Value implements driver.Valuer.
func (l Limits) Value() (driver.Value, error) { return l.String(), nil }

// Scan implements sql.Scanner. What a newer gateway has set beside these
// limits does not keep this one from serving the account.
func (l *Limits) Scan(src any) error {
	*l = Limits{}
	return readJSON("limits", src, l)
}

// SetLimits changes the limits of an account, by id or name: a number, true or
// DefaultLimit for each that changes. It returns the account as it is then. In
// force here when SetLimits returns, and everywhere within a second (invariant 3).
func (d *Directory) SetLimits(ctx context.Context, idOrName string, changes map[string]string) (Account, error) {
	var row accountRow
	err := d.change(ctx, func(ctx context.Context, tx bun.Tx) error {
		var err error
		if row, err = accountBy(ctx, tx, idOrName); err != nil {
			return err
		}
		if row.Limits, err = row.Limits.with(changes); err != nil {
			return err
		}
		_, err = tx.NewUpdate().Model(&row).Column("limits").WherePK().Exec(ctx)
		return err
	})
	if row.ID != "" {
		d.accounts.forget(row.ID) // also after an error: the commit may have come through
	}
	if err != nil {
		return Account{}, fmt.Errorf("set limits: %w", err)
	}
	return row.Account, nil
}
