package tenancy

import (
	"testing"
	"time"

	"gatehouse/shards"
)

func TestCheckHost(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	must(t, f.directory.AddHost(t.Context(), "acme", "crm.acme.example"))
	must(t, f.directory.AddHost(t.Context(), "globex", "crm.globex.example"))
	acme := &Caller{Account: Account{ID: "account_acme"}}
	for host, want := range map[string]shards.Code{
		"crm.acme.example":          "",
		"CRM.acme.example.:8443":    "",
		"crm.globex.example":        shards.Misdirected,
		"crm.Globex.EXAMPLE":        shards.Misdirected,
		"crm.globex.example.":       shards.Misdirected,
		"crm.globex.example:443":    shards.Misdirected,
		"crm.globex.example.:443":   shards.Misdirected,
		"a.crm.globex.example":      "",
		"api.gatehouse.example":     "",
		"localhost:8080":            "",
		"127.0.0.1:8080":            "",
		"[::1]:8080":                "",
		"":                          "",
		"\x00'; DROP TABLE host;--": "",
	} {
		if got := shards.CodeOf(f.CheckHost(t.Context(), acme, host)); got != want {
			t.Errorf("%q: got %q, want %q", host, got, want)
		}
	}
}

func TestRegionsAreClosedByDefault(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for _, regions := range [][]string{nil, {""}, {"uk"}, {"UK", "E"}} {
		if _, err := NewAuthenticator(f.directory, nil, regions); err == nil {
			t.Errorf("%q is taken", regions)
		}
	}
	_, text := f.key(t, "initech", time.Time{})
	for _, regions := range [][]string{{"UK", "EU"}, {AnyRegion}} {
		a, err := NewAuthenticator(f.directory, nil, regions)
		must(t, err)
		if _, err := a.Authenticate(t.Context(), "Bearer "+text); err != nil {
			t.Errorf("%q: %v", regions, err)
		}
		_, err = a.Authenticate(t.Context(), "Bearer "+f.token(t, "account_acme", "admin"))
		wantError(t, err, shards.Unauthenticated, tokenInvalid) // only keys here
	}
}
