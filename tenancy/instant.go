package tenancy

import (
	"database/sql/driver"
	"fmt"
	"time"
)

// instantLayout sorts as text in the order of time, which lets SQL compare
// instants on every engine. It is used on UTC only, so it ends in Z.
const instantLayout = "2006-01-02T15:04:05.000Z07:00"

// Instant is a time in UTC with milliseconds, stored as RFC 3339 text. The
// zero Instant is "never" and is stored as NULL.
type Instant struct{ time.Time }

func instant(t time.Time) Instant {
	if t.IsZero() {
		return Instant{}
	}
	return Instant{t.UTC().Truncate(time.Millisecond)}
}

// Value implements driver.Valuer.
func (i Instant) Value() (driver.Value, error) {
	if i.IsZero() {
		return nil, nil
	}
	return i.UTC().Format(instantLayout), nil
}

// Scan implements sql.Scanner.
func (i *Instant) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*i = Instant{}
		return nil
	case string:
		t, err := time.Parse(instantLayout, v)
		if err != nil {
			return fmt.Errorf("read instant: %w", err)
		}
		*i = Instant{t.UTC()}
		return nil
	case []byte:
		return i.Scan(string(v))
	}
	return fmt.Errorf("read instant: unexpected %T", src)
}
