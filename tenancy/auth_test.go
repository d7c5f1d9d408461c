package tenancy

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"gatehouse/shards"
)

const (
	tokenInvalid = "the token is not valid"
	keyInvalid   = "the API key is not valid"
	wrongHeader  = "send one Authorization header: Bearer, a space, and a token or an API key"
	suspended    = "this account is suspended"
)

func TestACallerByToken(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	account, err := f.directory.Account(t.Context(), "acme")
	must(t, err)
	for _, scheme := range []string{"Bearer ", "bearer ", "BEARER   "} {
		got, err := f.Authenticate(t.Context(), scheme+f.token(t, "account_acme", "viewer"))
		must(t, err)
		want := &Caller{
			Account: account, Actor: shards.Actor{Kind: shards.ActorUser, ID: "user_ada", Name: "Ada"}, Role: "viewer",
			Scopes: NewScopes("changes:read", "clients:read", "groups:read", "users:read"), Credential: "user:user_ada",
			ExpiresAt: got.ExpiresAt,
		}
		if !reflect.DeepEqual(got, want) || !got.ExpiresAt.Equal(f.clock.now().Add(time.Hour+defaultLeeway)) {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
}

func TestACallerByKey(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	account, err := f.directory.Account(t.Context(), "acme")
	must(t, err)
	expires := f.clock.now().Add(time.Hour)
	key, text := f.key(t, "acme", expires)
	got, err := f.Authenticate(t.Context(), "Bearer "+text)
	must(t, err)
	want := &Caller{
		Account: account, Actor: shards.Actor{Kind: shards.ActorAPIKey, ID: key.ID, Name: "Importer"},
		Scopes: NewScopes("clients:read", "clients:write"), Credential: "key:" + key.ID, ExpiresAt: expires,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestCallersAreRefused(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ctx := t.Context()
	revoked, revokedText := f.key(t, "acme", time.Time{})
	must(t, f.directory.RevokeKey(ctx, revoked.ID))
	must(t, f.directory.RevokeKey(ctx, revoked.ID))
	_, expired := f.key(t, "acme", f.clock.now().Add(time.Minute))
	_, right := f.key(t, "acme", time.Time{})
	_, other := f.key(t, "globex", time.Time{})
	_, ofSuspended := f.key(t, "globex", time.Time{})
	must(t, f.directory.SetState(ctx, "globex", Suspended))
	_, err := f.directory.CreateAccount(ctx, NewAccount{ID: "account_gone", Name: "gone", Residency: "UK"})
	must(t, err)
	_, ofClosed := f.key(t, "gone", time.Time{})
	must(t, f.directory.SetState(ctx, "gone", Closed))
	_, ofEU := f.key(t, "initech", time.Time{})
	_, err = f.directory.CreateAccount(ctx, NewAccount{ID: "account_away", Name: "away", Residency: "EU"})
	must(t, err)
	must(t, f.directory.SetState(ctx, "away", Closed))
	f.clock.advance(time.Minute)
	resum := func(body string) string { return body + checksum(body) }
	unknown, _ := newKey()

	for name, test := range map[string]struct {
		authorization string
		code          shards.Code
		message       string
	}{
		"empty":                       {"", shards.Unauthenticated, wrongHeader},
		"scheme only":                 {"Bearer", shards.Unauthenticated, wrongHeader},
		"no credential":               {"Bearer  ", shards.Unauthenticated, wrongHeader},
		"no scheme":                   {right, shards.Unauthenticated, wrongHeader},
		"Basic":                       {"Basic " + right, shards.Unauthenticated, wrongHeader},
		"two credentials":             {"Bearer " + right + " " + right, shards.Unauthenticated, wrongHeader},
		"two joined headers":          {"Bearer " + right + ", Bearer " + right, shards.Unauthenticated, wrongHeader},
		"tab":                         {"Bearer\t" + right, shards.Unauthenticated, wrongHeader},
		"key: typing error":           {"Bearer " + right[:30] + "!" + right[31:], shards.Unauthenticated, keyInvalid},
		"key: wrong checksum":         {"Bearer " + right[:len(right)-1] + "!", shards.Unauthenticated, keyInvalid},
		"key: too short":              {"Bearer gk_", shards.Unauthenticated, keyInvalid},
		"key: too long":               {"Bearer " + right + "0", shards.Unauthenticated, keyInvalid},
		"key: unknown":                {"Bearer " + resum(keyPrefix+unknown+right[secretAt-1:checksumAt]), shards.Unauthenticated, keyInvalid},
		"key: another key's secret":   {"Bearer " + resum(right[:secretAt]+other[secretAt:checksumAt]), shards.Unauthenticated, keyInvalid},
		"key: no secret":              {"Bearer " + resum(right[:secretAt]+strings.Repeat("A", secretLength)), shards.Unauthenticated, keyInvalid},
		"key: revoked":                {"Bearer " + revokedText, shards.Unauthenticated, keyInvalid},
		"key: expired":                {"Bearer " + expired, shards.Unauthenticated, keyInvalid},
		"key: account closed":         {"Bearer " + ofClosed, shards.Unauthenticated, keyInvalid},
		"key: account suspended":      {"Bearer " + ofSuspended, shards.AccountSuspended, suspended},
		"key: account elsewhere":      {"Bearer " + ofEU, shards.Misdirected, "this account is served in another region"},
		"token: nonsense":             {"Bearer a.b.c", shards.Unauthenticated, tokenInvalid},
		"token: account unknown":      {"Bearer " + f.token(t, "account_nobody", "admin"), shards.Unauthenticated, tokenInvalid},
		"token: account by name":      {"Bearer " + f.token(t, "acme", "admin"), shards.Unauthenticated, tokenInvalid},
		"token: account closed":       {"Bearer " + f.token(t, "account_gone", "admin"), shards.Unauthenticated, tokenInvalid},
		"token: closed elsewhere":     {"Bearer " + f.token(t, "account_away", "admin"), shards.Unauthenticated, tokenInvalid},
		"token: account suspended":    {"Bearer " + f.token(t, "account_globex", "admin"), shards.AccountSuspended, suspended},
		"token: account elsewhere":    {"Bearer " + f.token(t, "account_initech", "admin"), shards.Misdirected, "this account is served in another region"},
		"token: forged for suspended": {"Bearer " + f.token(t, "account_globex", "admin") + "A", shards.Unauthenticated, tokenInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			caller, err := f.Authenticate(ctx, test.authorization)
			if caller != nil {
				t.Fatal("let in")
			}
			wantError(t, err, test.code, test.message)
		})
	}
	must(t, f.directory.SetState(ctx, "globex", Active))
	for _, credential := range []string{right, ofSuspended, f.token(t, "account_globex", "admin")} {
		if _, err := f.Authenticate(ctx, "Bearer "+credential); err != nil {
			t.Error(err)
		}
	}
}

func TestOneAuthorizationHeader(t *testing.T) {
	t.Parallel()
	for want, header := range map[string]http.Header{
		"Bearer x": {"Authorization": {"Bearer x"}},
		"no":       {},
		"two":      {"Authorization": {"Bearer x", "Bearer x"}},
	} {
		got, err := Authorization(header)
		if len(header["Authorization"]) == 1 {
			if got != want || err != nil {
				t.Errorf("got %q, %v", got, err)
			}
			continue
		}
		wantError(t, err, shards.Unauthenticated, wrongHeader)
	}
}

// Invariant 2: an invalid signature is refused without asking the directory,
// so it answers the same, and in the same time, whatever the account.
func TestTheDirectoryIsNotAskedBeforeTheSignatureHolds(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	right := f.token(t, "account_acme", "admin")
	_, key := f.key(t, "acme", time.Time{})
	must(t, f.directory.Close())
	f.clock.advance(time.Minute)
	_, err := f.Authenticate(t.Context(), "Bearer "+right[:len(right)-4]+"AAAA")
	wantError(t, err, shards.Unauthenticated, tokenInvalid)
	_, err = f.Authenticate(t.Context(), "Bearer "+key[:len(key)-1]+"!")
	wantError(t, err, shards.Unauthenticated, keyInvalid)

	// Invariant 4: with the directory gone, nobody gets in.
	for _, credential := range []string{right, key} {
		_, err = f.Authenticate(t.Context(), "Bearer "+credential)
		wantError(t, err, shards.Unavailable, "the account directory can't be reached; try again")
	}
	err = f.CheckHost(t.Context(), &Caller{}, "a.example")
	wantError(t, err, shards.Unavailable, "the account directory can't be reached; try again")
}

// Invariant 3, with a second Directory on the same database in the place of
// another process, and with real time; not in parallel, for the sake of that.
func TestChangesAreInForceWithinASecondInAnotherProcess(t *testing.T) {
	for engine, at := range places {
		t.Run(engine, func(t *testing.T) { changesAreInForceWithinASecond(t, at) })
	}
}

func changesAreInForceWithinASecond(t *testing.T, at place) {
	d, path := newDirectory(t, at, time.Now)
	there := newAuthenticator(t, openTest(t, path, time.Now), time.Now)
	key, text, err := d.CreateKey(t.Context(), NewKey{Account: "acme", Name: "k", Scopes: testScopes})
	must(t, err)
	token, err := SignDev(testSecret, DevClaims{Account: "account_acme", Subject: "ada", Role: "admin", IssuedAt: time.Now(), Lifetime: time.Hour})
	must(t, err)
	caller, err := there.Authenticate(t.Context(), "Bearer "+text)
	must(t, err)
	code := func(credential string) shards.Code {
		_, err := there.Authenticate(t.Context(), "Bearer "+credential)
		return shards.CodeOf(err)
	}
	host := func() shards.Code { return shards.CodeOf(there.CheckHost(t.Context(), caller, "x.example")) }
	for _, step := range []struct {
		what   string
		change func() error
		holds  func() bool
	}{
		{"suspend", func() error { return d.SetState(t.Context(), "acme", Suspended) },
			func() bool { return code(token) == shards.AccountSuspended && code(text) == shards.AccountSuspended }},
		{"resume", func() error { return d.SetState(t.Context(), "acme", Active) },
			func() bool { return code(token) == "" && code(text) == "" }},
		{"revoke", func() error { return d.RevokeKey(t.Context(), key.ID) },
			func() bool { return code(text) == shards.Unauthenticated }},
		{"take host", func() error { return d.AddHost(t.Context(), "globex", "x.example") },
			func() bool { return host() == shards.Misdirected }},
		{"release host", func() error { return d.RemoveHost(t.Context(), "x.example") },
			func() bool { return host() == "" }},
	} {
		if step.holds() {
			t.Fatalf("%s: holds before", step.what)
		}
		must(t, step.change())
		if took := eventually(t, step.holds); took > time.Second {
			t.Errorf("%s: in force after %v", step.what, took)
		}
	}
}

func TestChangesAreInForceAtOnceInThisProcess(t *testing.T) {
	t.Parallel()
	f := newFixture(t) // whose clock stands still, so nothing runs out
	ctx := t.Context()
	key, text := f.key(t, "acme", time.Time{})
	caller, err := f.Authenticate(ctx, "Bearer "+text)
	must(t, err)
	must(t, f.CheckHost(ctx, caller, "x.example"))
	must(t, f.directory.AddHost(ctx, "globex", "x.example"))
	wantError(t, f.CheckHost(ctx, caller, "x.example"), shards.Misdirected, "this host name does not belong to the caller's account")
	must(t, f.directory.RemoveHost(ctx, "x.example"))
	must(t, f.CheckHost(ctx, caller, "x.example"))
	must(t, f.directory.SetState(ctx, "acme", Suspended))
	_, err = f.Authenticate(ctx, "Bearer "+text)
	wantError(t, err, shards.AccountSuspended, suspended)
	must(t, f.directory.SetState(ctx, "acme", Active))
	must(t, f.directory.RevokeKey(ctx, key.ID))
	_, err = f.Authenticate(ctx, "Bearer "+text)
	wantError(t, err, shards.Unauthenticated, keyInvalid)

	token := f.token(t, "account_new", "admin") // before there is such an account
	_, err = f.Authenticate(ctx, "Bearer "+token)
	wantError(t, err, shards.Unauthenticated, tokenInvalid)
	_, err = f.directory.CreateAccount(ctx, NewAccount{ID: "account_new", Name: "new", Residency: "UK"})
	must(t, err)
	if _, err = f.Authenticate(ctx, "Bearer "+token); err != nil {
		t.Error(err)
	}
}

// A caller who was admitted is as good as a new one, but not better.
func TestCallersAreConfirmed(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ctx := t.Context()
	gate := NewGate(f.Authenticator, f.directory, nil, nil)
	key, text := f.key(t, "acme", f.clock.now().Add(time.Hour))
	byKey, err := gate.Admit(ctx, "Bearer "+text, "x.example")
	must(t, err)
	byToken, err := gate.Admit(ctx, "Bearer "+f.token(t, "account_acme", "admin"), "x.example")
	must(t, err)
	confirm := func(want shards.Code, message string) {
		t.Helper()
		for _, caller := range []*Caller{byKey, byToken} {
			now, err := gate.Confirm(ctx, caller, "x.example")
			if want != "" {
				wantError(t, err, want, message)
			} else if must(t, err); now != caller {
				t.Errorf("got another caller, %+v, though nothing has changed", now)
			}
		}
	}
	confirm("", "")
	must(t, f.directory.AddHost(ctx, "globex", "x.example"))
	confirm(shards.Misdirected, "this host name does not belong to the caller's account")
	must(t, f.directory.RemoveHost(ctx, "x.example"))
	must(t, f.directory.SetState(ctx, "acme", Suspended))
	confirm(shards.AccountSuspended, suspended)
	must(t, f.directory.SetState(ctx, "acme", Active))
	_, err = f.directory.SetLimits(ctx, "acme", map[string]string{"sockets": "7"})
	must(t, err)
	if now, err := gate.Confirm(ctx, byKey, "x.example"); err != nil || now.Account.Limits.Sockets != 7 || now.Actor != byKey.Actor {
		t.Errorf("got %+v, %v", now, err)
	}
	must(t, f.directory.RevokeKey(ctx, key.ID))
	_, err = gate.Confirm(ctx, byKey, "x.example")
	wantError(t, err, shards.Unauthenticated, keyInvalid)
	f.clock.advance(2 * time.Hour)
	_, err = gate.Confirm(ctx, byToken, "x.example")
	wantError(t, err, shards.Unauthenticated, "the token has expired")
}

func TestAnAbsentRequestIsNoRequest(t *testing.T) {
	t.Parallel()
	for _, r := range []*Request{nil, {}, {Caller: &Caller{}}} {
		if got, ok := RequestFrom(WithRequest(context.Background(), r)); ok {
			t.Errorf("got %+v, true", got)
		}
	}
	if got, ok := RequestFrom(context.Background()); got != nil || ok {
		t.Errorf("got %+v, %t", got, ok)
	}
}

func FuzzTokenHeader(f *testing.F) {
	x := newFixture(f)
	_, key := x.key(f, "acme", time.Time{})
	forged, err := SignDev([]byte(strings.Repeat("x", 32)), DevClaims{
		Account: "account_acme", Subject: "eve", Role: "admin", IssuedAt: x.clock.now(), Lifetime: time.Hour,
	})
	must(f, err)
	parts := strings.Split(x.token(f, "account_acme", "admin"), ".")
	body := key[:secretAt] + strings.Repeat("A", secretLength)
	for _, seed := range []string{
		"", "Bearer", "Bearer ", "Basic YTpi", "bearer gk_", "Bearer " + forged, "Bearer " + body + checksum(body),
		"Bearer eyJhbGciOiJub25lIn0." + parts[1] + ".", "Bearer " + parts[0] + "." + parts[1] + ".",
		"Bearer " + parts[0] + ".e30." + parts[2], "Bearer ..", "Bearer " + strings.Repeat("a.", 5000), "Bearer \x00.\xff.é",
		"Bearer bnVsbA.bnVsbA.bnVsbA", "Bearer W10.W10.W10", "Bearer IiI.IiI.IiI", "Bearer MQ.MQ.MQ",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, authorization string) {
		caller, err := x.Authenticate(t.Context(), authorization)
		if caller != nil || shards.CodeOf(err) != shards.Unauthenticated {
			t.Fatalf("got %+v, %v", caller, err)
		}
		var e *shards.Error
		if errors.As(err, &e) && len(e.Message) > 100 {
			t.Fatalf("a long message: %q", e.Message)
		}
	})
}

// BenchmarkAuthenticate guards the claim that a known credential costs about a
// microsecond and two allocations: the Caller, and a copy of the secret to hash.
func BenchmarkAuthenticate(b *testing.B) {
	d, _ := newDirectory(b, onSQLite, time.Now)
	is := newIssuer(b)
	server := newKeyServer(b, is.keys(b, "rsa", "ec", "ed")...)
	tokens := testTokens(b, newClock(), func(config *TokenConfig) {
		config.JWKSURL, config.Now = server.URL, time.Now
	})
	a, err := NewAuthenticator(d, tokens, []string{"UK"})
	must(b, err)
	claims := good(&clock{t: time.Now()})
	rs256 := "Bearer " + sign(b, jwt.SigningMethodRS256, is.rsa, map[string]any{"kid": "rsa"}, claims)
	_, text, err := d.CreateKey(b.Context(), NewKey{Account: "acme", Name: "k", Scopes: testScopes})
	must(b, err)
	run := func(name, authorization string, before func()) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if before != nil {
					before()
				}
				if _, err := a.Authenticate(b.Context(), authorization); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	run("token remembered", rs256, nil)
	run("key remembered", "Bearer "+text, nil)
	run("token verified anew", rs256, func() { tokens.verified = newGenerations[[32]byte, verifiedToken](10) })
	run("key and account read anew", "Bearer "+text, func() {
		d.keys.forget(text[3:19])
		d.accounts.forget("account_acme")
	})
	acme := &Caller{Account: Account{ID: "account_acme"}}
	must(b, d.AddHost(b.Context(), "acme", "crm.acme.example"))
	b.Run("host remembered", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := a.CheckHost(b.Context(), acme, "crm.acme.example:8443"); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("token remembered, all CPUs", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if _, err := a.Authenticate(b.Context(), rs256); err != nil {
					b.Error(fmt.Errorf("authenticate: %w", err))
					return
				}
			}
		})
	})
}
