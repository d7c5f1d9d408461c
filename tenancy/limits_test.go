package tenancy

import (
	"errors"
	"strings"
	"testing"

	"gatehouse/shards"
)

func limitsChangeOneByOne(t *testing.T, at place) {
	d, path := newDirectory(t, at, nil)
	ctx := t.Context()
	for _, test := range []struct {
		changes map[string]string
		want    string
	}{
		{map[string]string{"points": "500", "trustedOnly": "true"}, `{"points":500,"trustedOnly":true}`},
		{map[string]string{"burst": "9000", "concurrency": "3", "cpu": "250", "sockets": "10"}, `{"points":500,"burst":9000,"concurrency":3,"cpu":250,"sockets":10,"trustedOnly":true}`},
		{map[string]string{"points": "default", "trustedOnly": "false"}, `{"burst":9000,"concurrency":3,"cpu":250,"sockets":10}`},
		{nil, `{"burst":9000,"concurrency":3,"cpu":250,"sockets":10}`},
	} {
		if _, err := d.Lookup(ctx, "account_acme"); err != nil { // remembered from here on
			t.Fatal(err)
		}
		set, err := d.SetLimits(ctx, "acme", test.changes)
		must(t, err)
		found, err := d.Lookup(ctx, "account_acme")
		must(t, err)
		if set.Limits.String() != test.want || found != set {
			t.Errorf("%v: set %+v, found %+v, want %s", test.changes, set, found, test.want)
		}
	}
	if other, err := d.Account(ctx, "globex"); err != nil || other.Limits != (Limits{}) {
		t.Errorf("another account has %v, %v", other.Limits, err)
	}
	// A newer gateway may know more limits than this one.
	_, err := openTest(t, path, nil).write.ExecContext(ctx, `UPDATE account SET limits = '{"points":7,"newer":[1]}' WHERE id = 'account_globex'`)
	must(t, err)
	if other, err := d.Account(ctx, "globex"); err != nil || other.Limits != (Limits{Points: 7}) {
		t.Errorf("got %v, %v", other.Limits, err)
	}
}

func setLimitsRefuses(t *testing.T, at place) {
	d, _ := newDirectory(t, at, nil)
	for change, want := range map[string]string{
		"point=5": `unknown limit "point"; known are: burst concurrency cpu points sockets trustedOnly`, "Points=5": "unknown limit", "=5": "unknown limit",
		"points=0": "from 1 to", "points=-1": "from 1 to", "points=1000000001": "from 1 to", "points=1e3": "from 1 to", "points=": "from 1 to",
		"trustedOnly=1": "must be true, false or default", "trustedOnly=": "must be true, false",
	} {
		name, value, _ := strings.Cut(change, "=")
		_, err := d.SetLimits(t.Context(), "acme", map[string]string{"burst": "5", name: value})
		if shards.CodeOf(err) != shards.BadRequest || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", change, err, want)
		}
	}
	if _, err := d.SetLimits(t.Context(), "nobody", nil); !errors.Is(err, ErrNotFound) {
		t.Errorf("got %v", err)
	}
	if a, err := d.Account(t.Context(), "acme"); err != nil || a.Limits != (Limits{}) {
		t.Errorf("something was written: %v, %v", a.Limits, err)
	}
}
