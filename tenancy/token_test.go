package tenancy

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"maps"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"gatehouse/shards"
)

// issuer signs tokens with all kinds of keys.
type issuer struct {
	rsa   *rsa.PrivateKey
	ecdsa *ecdsa.PrivateKey
	ed    ed25519.PrivateKey
}

func newIssuer(t testing.TB) issuer {
	t.Helper()
	r, err := rsa.GenerateKey(rand.Reader, 2048)
	must(t, err)
	e, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	_, d, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	return issuer{r, e, d}
}

// sign makes a token; header fields of the value nil are left out.
func sign(t testing.TB, method jwt.SigningMethod, key any, header map[string]any, claims jwt.MapClaims) string {
	t.Helper()
	token := jwt.NewWithClaims(method, claims)
	for name, value := range header {
		if token.Header[name] = value; value == nil {
			delete(token.Header, name)
		}
	}
	text, err := token.SignedString(key)
	must(t, err)
	return text
}

// good are the claims of a token that is right for testTokens.
func good(c *clock) jwt.MapClaims {
	return jwt.MapClaims{
		"iss": "https://id.example", "aud": "gatehouse", "sub": "user_ada", "account": "account_acme",
		"role": "admin", "name": "Ada", "exp": c.now().Add(time.Hour).Unix(), "iat": c.now().Unix(),
	}
}

func with(claims jwt.MapClaims, name string, value any) jwt.MapClaims {
	claims = maps.Clone(claims)
	if claims[name] = value; value == nil {
		delete(claims, name)
	}
	return claims
}

func testTokens(t testing.TB, c *clock, change func(*TokenConfig)) *Tokens {
	t.Helper()
	config := TokenConfig{
		Issuer: "https://id.example", Audience: "gatehouse", Secrets: [][]byte{testSecret},
		Roles: NewRoles(testScopes), Now: c.now,
	}
	if change != nil {
		change(&config)
	}
	tokens, err := NewTokens(t.Context(), config)
	must(t, err)
	return tokens
}

func TestATokenSaysWhoItIs(t *testing.T) {
	t.Parallel()
	c := newClock()
	tokens := testTokens(t, c, func(config *TokenConfig) {
		config.Secrets = [][]byte{[]byte(strings.Repeat("new", 20)), testSecret} // in rotation
		config.Claims = ClaimNames{Account: "https://gatehouse.example/account", Scopes: "scp"}
	})
	claims := with(good(c), "https://gatehouse.example/account", "account_acme")
	claims = with(claims, "account", "account_globex") // not the configured claim, so of no account
	claims = with(claims, "aud", []string{"other", "gatehouse"})
	claims = with(claims, "role", "member")
	claims = with(claims, "name", " Ada\x00\nLovelace"+strings.Repeat("e", 200))
	claims = with(claims, "scp", []string{"clients:write", "users:write"})
	got, err := tokens.verify(t.Context(), sign(t, jwt.SigningMethodHS256, testSecret, nil, claims))
	want := &identity{
		accountID: "account_acme", role: "member", scopes: NewScopes("clients:write"), credential: "user:user_ada",
		actor:     shards.Actor{Kind: shards.ActorUser, ID: "user_ada", Name: ("AdaLovelace" + strings.Repeat("e", 200))[:99]},
		expiresAt: c.now().Add(time.Hour + 30*time.Second),
	}
	if err != nil || !got.expiresAt.Equal(want.expiresAt) {
		t.Fatalf("got %+v, %v; want %+v", got, err, want)
	}
	got.expiresAt = want.expiresAt
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("got %+v, want %+v", got, want)
	}
}

func TestTokensAreRefused(t *testing.T) {
	t.Parallel()
	c := newClock()
	is := newIssuer(t)
	server := newKeyServer(t, is.keys(t, "rsa", "ec", "ed")...)
	tokens := testTokens(t, c, func(config *TokenConfig) { config.JWKSURL = server.URL })
	rsaDER, err := x509.MarshalPKIXPublicKey(&is.rsa.PublicKey)
	must(t, err)
	rsaPEM := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: rsaDER})
	claims := good(c)
	hs := func(claims jwt.MapClaims) string { return sign(t, jwt.SigningMethodHS256, testSecret, nil, claims) }
	header := func(h map[string]any) string { return sign(t, jwt.SigningMethodHS256, testSecret, h, claims) }
	raw := func(header string) string { // a token with a header of any text, signed with the right secret
		body := base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + strings.Split(hs(claims), ".")[1]
		signature, err := jwt.SigningMethodHS256.Sign(body, testSecret)
		must(t, err)
		return body + "." + base64.RawURLEncoding.EncodeToString(signature)
	}
	kid := func(kid string) map[string]any { return map[string]any{"kid": kid} }
	right := hs(claims)
	parts := strings.Split(right, ".")
	now := c.now().Unix()

	for name, token := range map[string]string{
		"HS256":     right,
		"RS256":     sign(t, jwt.SigningMethodRS256, is.rsa, kid("rsa"), claims),
		"ES256":     sign(t, jwt.SigningMethodES256, is.ecdsa, kid("ec"), claims),
		"EdDSA":     sign(t, jwt.SigningMethodEdDSA, is.ed, kid("ed"), claims),
		"at+jwt":    header(map[string]any{"typ": "application/at+JWT"}),
		"no typ":    header(map[string]any{"typ": nil}),
		"just nbf":  hs(with(claims, "nbf", now+29)),
		"just iat":  hs(with(claims, "iat", now+29)),
		"in leeway": hs(with(claims, "exp", now-29)),
		"no role":   hs(with(claims, "role", nil)),
		"no name":   hs(with(claims, "name", nil)),
	} {
		if _, err := tokens.verify(t.Context(), token); err != nil {
			t.Errorf("%s is refused: %v", name, err)
		}
	}

	for name, token := range map[string]string{
		"alg none":                   sign(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, nil, claims),
		"alg none, signature":        raw(`{"alg":"none"}`),
		"alg None":                   raw(`{"alg":"None"}`),
		"alg missing":                raw(`{"typ":"JWT"}`),
		"alg unknown":                raw(`{"alg":"HS257"}`),
		"alg a number":               raw(`{"alg":256}`),
		"HS384 with the secret":      sign(t, jwt.SigningMethodHS384, testSecret, nil, claims),
		"HS256 with RSA key as PEM":  sign(t, jwt.SigningMethodHS256, rsaPEM, kid("rsa"), claims),
		"HS256 with RSA key as DER":  sign(t, jwt.SigningMethodHS256, rsaDER, kid("rsa"), claims),
		"HS256 with Ed key":          sign(t, jwt.SigningMethodHS256, []byte(is.ed.Public().(ed25519.PublicKey)), kid("ed"), claims),
		"HS256 with symmetric JWK":   sign(t, jwt.SigningMethodHS256, symmetricJWK, kid("oct"), claims),
		"RS256 by another's key":     sign(t, jwt.SigningMethodRS256, newIssuer(t).rsa, kid("rsa"), claims),
		"RS256 by a short key":       sign(t, jwt.SigningMethodRS256, server.short, kid("short"), claims),
		"RS256 by encryption key":    sign(t, jwt.SigningMethodRS256, is.rsa, kid("enc"), claims),
		"RS256 names EC key":         sign(t, jwt.SigningMethodRS256, is.rsa, kid("ec"), claims),
		"PS256":                      sign(t, jwt.SigningMethodPS256, is.rsa, kid("rsa"), claims),
		"RS512":                      sign(t, jwt.SigningMethodRS512, is.rsa, kid("rsa"), claims),
		"kid missing":                sign(t, jwt.SigningMethodRS256, is.rsa, nil, claims),
		"kid empty":                  sign(t, jwt.SigningMethodRS256, is.rsa, kid(""), claims),
		"kid a number":               sign(t, jwt.SigningMethodRS256, is.rsa, map[string]any{"kid": 1}, claims),
		"kid unknown":                sign(t, jwt.SigningMethodRS256, is.rsa, kid("../../rsa"), claims),
		"kid twice in set, second":   sign(t, jwt.SigningMethodES256, is.ecdsa, kid("rsa"), claims),
		"kid twice in header":        raw(`{"alg":"HS256","kid":"a","kid":"b"}`),
		"alg twice in header":        raw(`{"alg":"none","alg":"HS256"}`),
		"header with more after":     raw(`{"alg":"HS256"}{}`),
		"header an array":            raw(`["HS256"]`),
		"header empty":               raw(``),
		"crit":                       header(map[string]any{"crit": []string{"exp"}}),
		"crit empty":                 header(map[string]any{"crit": []string{}}),
		"crit null":                  raw(`{"alg":"HS256","crit":null}`),
		"typ of logout token":        header(map[string]any{"typ": "logout+jwt"}),
		"typ a number":               header(map[string]any{"typ": 1}),
		"wrong secret":               sign(t, jwt.SigningMethodHS256, []byte(strings.Repeat("x", 32)), nil, claims),
		"empty secret":               sign(t, jwt.SigningMethodHS256, []byte{}, nil, claims),
		"no signature":               parts[0] + "." + parts[1] + ".",
		"two segments":               parts[0] + "." + parts[1],
		"four segments":              right + ".x",
		"five segments (JWE)":        right + ".x.y",
		"claims swapped":             parts[0] + "." + strings.Split(hs(with(claims, "account", "account_globex")), ".")[1] + "." + parts[2],
		"bad base64":                 parts[0] + "." + parts[1] + "!." + parts[2],
		"padded base64":              parts[0] + "=." + parts[1] + "." + parts[2],
		"standard base64":            parts[0] + "." + parts[1] + "." + "+/" + parts[2],
		"bits after the signature":   right[:len(right)-1] + string(nextBase64(right[len(right)-1])),
		"not JSON":                   "bm9wZQ.bm9wZQ.bm9wZQ",
		"empty":                      "",
		"dots":                       "..",
		"oversized":                  hs(with(claims, "padding", strings.Repeat("x", maxToken))),
		"issuer wrong":               hs(with(claims, "iss", "https://id.example/")),
		"issuer missing":             hs(with(claims, "iss", nil)),
		"issuer a list":              hs(with(claims, "iss", []string{"https://id.example"})),
		"audience wrong":             hs(with(claims, "aud", "gatehouse2")),
		"audience missing":           hs(with(claims, "aud", nil)),
		"audience empty":             hs(with(claims, "aud", []string{})),
		"exp missing":                hs(with(claims, "exp", nil)),
		"exp null":                   strings.Join([]string{parts[0], "e30", parts[2]}, "."),
		"exp a string":               hs(with(claims, "exp", "2099-01-01")),
		"not yet valid":              hs(with(claims, "nbf", now+31)),
		"issued in the future":       hs(with(claims, "iat", now+31)),
		"expired and wrong issuer":   hs(with(with(claims, "exp", now-31), "iss", "x")),
		"expired and wrong audience": hs(with(with(claims, "exp", now-31), "aud", "x")),
		"expired and wrong secret":   sign(t, jwt.SigningMethodHS256, []byte(strings.Repeat("x", 32)), nil, with(claims, "exp", now-31)),
		"account missing":            hs(with(claims, "account", nil)),
		"account a list":             hs(with(claims, "account", []string{"account_acme"})),
		"account malformed":          hs(with(claims, "account", "account acme")),
		"account too long":           hs(with(claims, "account", strings.Repeat("a", 64))),
		"subject missing":            hs(with(claims, "sub", nil)),
		"subject with NUL":           hs(with(claims, "sub", "a\x00")),
		"subject too long":           hs(with(claims, "sub", strings.Repeat("a", 201))),
		"role a list":                hs(with(claims, "role", []string{"admin"})),
		"scope a number":             hs(with(claims, "scope", 1)),
		"scope a list of numbers":    hs(with(claims, "scope", []int{1})),
	} {
		id, err := tokens.verify(t.Context(), token)
		if id != nil {
			t.Errorf("%s is accepted", name)
			continue
		}
		t.Run(name, func(t *testing.T) { wantError(t, err, shards.Unauthenticated, "the token is not valid") })
		if len(token) > 20 && strings.Contains(err.Error(), token[:20]) {
			t.Errorf("%s: the token is in the error: %v", name, err)
		}
	}

	_, err = tokens.verify(t.Context(), hs(with(claims, "exp", now-30)))
	wantError(t, err, shards.Unauthenticated, "the token has expired")
}

// nextBase64 changes bits of the last character that no byte depends on.
func nextBase64(c byte) byte {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return alphabet[strings.IndexByte(alphabet, c)^1]
}

func TestARememberedTokenStillExpires(t *testing.T) {
	t.Parallel()
	c := newClock()
	tokens := testTokens(t, c, nil)
	token := sign(t, jwt.SigningMethodHS256, testSecret, nil, with(good(c), "exp", c.now().Add(20*time.Second).Unix()))
	first, err := tokens.verify(t.Context(), token)
	must(t, err)
	c.advance(50*time.Second - 1)
	if again, err := tokens.verify(t.Context(), token); err != nil || again != first {
		t.Fatalf("not remembered: %v", err)
	}
	c.advance(1)
	_, err = tokens.verify(t.Context(), token)
	wantError(t, err, shards.Unauthenticated, "the token has expired")
}

func TestTokenConfigIsChecked(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*TokenConfig){
		"issuer is missing":        func(c *TokenConfig) { c.Issuer = "" },
		"audience is missing":      func(c *TokenConfig) { c.Audience = "" },
		"a JWKS URL or a secret":   func(c *TokenConfig) { c.Secrets = nil },
		"at least 32 bytes":        func(c *TokenConfig) { c.Secrets = append(c.Secrets, make([]byte, 31)) },
		"must begin with https://": func(c *TokenConfig) { c.JWKSURL = "http://id.example/keys" },
		`"RS256" can't be used`:    func(c *TokenConfig) { c.Algorithms = []string{"RS256"} },
		`"none" can't be used`:     func(c *TokenConfig) { c.Algorithms = []string{"HS256", "none"} },
		"at most 5m":               func(c *TokenConfig) { c.Leeway = time.Hour },
		"must not be negative":     func(c *TokenConfig) { c.RefreshInterval = -1 },
	} {
		config := TokenConfig{Issuer: "i", Audience: "a", Secrets: [][]byte{testSecret}}
		change(&config)
		if _, err := NewTokens(t.Context(), config); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	if _, err := SignDev(make([]byte, 31), DevClaims{}); err == nil {
		t.Error("a short secret signs")
	}
}
