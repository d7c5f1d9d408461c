package tenancy

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"gatehouse/shards"
)

const (
	maxToken      = 8 << 10 // bytes
	minSecret     = 32      // bytes
	defaultLeeway = 30 * time.Second
	maxLeeway     = 5 * time.Minute
	// A verified token is verified anew after this time, so that a key which
	// its issuer has withdrawn stops counting.
	verifiedFor = time.Minute
)

// TokenConfig says which bearer tokens (JWT) are accepted. Issuer, Audience
// and at least one of JWKSURL and Secrets are required.
type TokenConfig struct {
	Issuer   string
	Audience string
	// JWKSURL is where the issuer publishes its public keys, for RS256, ES256
	// and EdDSA. Tokens must name their key by kid.
	JWKSURL string
	// Secrets verify HS256, each at least 32 bytes; several, so that one can
	// be replaced while tokens under the old one are still about.
	Secrets [][]byte
	// Algorithms narrows what is accepted; by default all that the above allow.
	Algorithms []string
	// Leeway is for clocks that differ: 30 s by default, at most 5 minutes.
	Leeway time.Duration
	// RefreshInterval is between two fetches of the key set, 5 minutes by
	// default; a key that the issuer withdraws counts for up to a minute more.
	RefreshInterval time.Duration
	// UnknownKeyInterval is the least time between two fetches which tokens
	// with an unknown kid cause; 10 s by default.
	UnknownKeyInterval time.Duration
	Claims             ClaimNames
	Roles              Roles
	// CacheSize bounds the verified tokens that are remembered; 10,000 by default.
	CacheSize int
	// OnKeySetError is told of every failed fetch of the key set; may be nil.
	OnKeySetError func(error)
	// Now is the clock; time.Now by default.
	Now func() time.Time
}

// Tokens verifies bearer tokens. Safe for concurrent use.
type Tokens struct {
	parser *jwt.Parser
	claims ClaimNames
	roles  Roles
	leeway time.Duration
	now    func() time.Time

	// keys verifies nothing but asymmetric algorithms, secrets nothing but
	// HS256: that a public key could serve as a secret is ruled out here.
	keys    *keySet
	secrets []jwt.VerificationKey

	mu       sync.Mutex
	verified generations[[sha256.Size]byte, verifiedToken]
}

type verifiedToken struct {
	identity *identity
	until    time.Time // then it is verified anew
}

// NewTokens returns a verifier. With a JWKS URL it fetches the keys, which may
// take 5 s, and starts a goroutine that fetches them again until ctx ends. An
// issuer that can't be reached is no error.
func NewTokens(ctx context.Context, c TokenConfig) (*Tokens, error) {
	c.Leeway = cmp.Or(c.Leeway, defaultLeeway)
	c.RefreshInterval = cmp.Or(c.RefreshInterval, 5*time.Minute)
	c.UnknownKeyInterval = cmp.Or(c.UnknownKeyInterval, 10*time.Second)
	c.CacheSize = cmp.Or(c.CacheSize, 10_000)
	if c.Now == nil {
		c.Now = time.Now
	}
	algorithms, err := c.check()
	if err != nil {
		return nil, fmt.Errorf("tokens: %w", err)
	}
	t := &Tokens{
		parser: jwt.NewParser(
			jwt.WithValidMethods(algorithms), jwt.WithIssuer(c.Issuer), jwt.WithAudience(c.Audience),
			jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithLeeway(c.Leeway),
			jwt.WithTimeFunc(c.Now), jwt.WithStrictDecoding(),
		),
		claims: c.Claims.withDefaults(), roles: c.Roles, leeway: c.Leeway, now: c.Now,
		verified: newGenerations[[sha256.Size]byte, verifiedToken](c.CacheSize),
	}
	for _, secret := range c.Secrets {
		t.secrets = append(t.secrets, slices.Clone(secret))
	}
	if c.JWKSURL != "" {
		t.keys, err = newKeySet(ctx, c.JWKSURL, c.RefreshInterval, c.UnknownKeyInterval, c.OnKeySetError)
		if err != nil {
			return nil, fmt.Errorf("tokens: %w", err)
		}
	}
	return t, nil
}

// check returns the algorithms to accept.
func (c TokenConfig) check() ([]string, error) {
	switch {
	case c.Issuer == "":
		return nil, errors.New("the issuer is missing")
	case c.Audience == "":
		return nil, errors.New("the audience is missing")
	case c.JWKSURL == "" && len(c.Secrets) == 0:
		return nil, errors.New("a JWKS URL or a secret is needed")
	case c.Leeway < 0 || c.Leeway > maxLeeway:
		return nil, fmt.Errorf("the leeway must be at most %v", maxLeeway)
	case c.RefreshInterval < 0 || c.UnknownKeyInterval < 0 || c.CacheSize < 0:
		return nil, errors.New("intervals and sizes must not be negative")
	}
	for _, secret := range c.Secrets {
		if len(secret) < minSecret {
			return nil, fmt.Errorf("a secret must have at least %d bytes", minSecret)
		}
	}
	var possible []string
	if c.JWKSURL != "" {
		possible = append(possible, "RS256", "ES256", "EdDSA")
	}
	if len(c.Secrets) > 0 {
		possible = append(possible, "HS256")
	}
	if len(c.Algorithms) == 0 {
		return possible, nil
	}
	for _, algorithm := range c.Algorithms {
		if !slices.Contains(possible, algorithm) {
			return nil, fmt.Errorf("the algorithm %q can't be used; possible here are: %s", algorithm, strings.Join(possible, ", "))
		}
	}
	return slices.Clone(c.Algorithms), nil
}

// verify returns what the token says, UNAUTHENTICATED where it is not to be
// believed, and UNAVAILABLE where no key could be fetched yet. A token seen
// lately costs a hash and a look-up; nothing else is remembered of it.
func (t *Tokens) verify(ctx context.Context, token string) (*identity, error) {
	if len(token) > maxToken {
		return nil, badToken(errors.New("the token is too long"))
	}
	var buffer [1 << 10]byte // on the stack, for most
	sum, now := sha256.Sum256(append(buffer[:0], token...)), t.now()
	t.mu.Lock()
	v, ok := t.verified.get(sum)
	t.mu.Unlock()
	if ok && !now.Before(v.identity.expiresAt) {
		return nil, expiredToken()
	}
	if ok && now.Before(v.until) {
		return v.identity, nil
	}
	id, err := t.verifyAnew(ctx, token)
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	t.verified.put(sum, verifiedToken{identity: id, until: now.Add(verifiedFor)})
	t.mu.Unlock()
	return id, nil
}

func (t *Tokens) verifyAnew(ctx context.Context, token string) (*identity, error) {
	if err := checkHeader(token); err != nil {
		return nil, badToken(err)
	}
	claims := jwt.MapClaims{}
	_, err := t.parser.ParseWithClaims(token, claims, func(token *jwt.Token) (any, error) {
		return t.key(ctx, token)
	})
	switch {
	case errors.Is(err, errKeysUnavailable), ctx.Err() != nil && err != nil:
		return nil, &shards.Error{
			Code: shards.Unavailable, Message: "the token can't be checked now; try again",
			RetryAfter: time.Second, Err: err,
		}
	case onlyExpired(err):
		return nil, expiredToken()
	case err != nil:
		return nil, badToken(err)
	}
	id, err := t.claims.read(claims, t.roles, t.leeway)
	if err != nil {
		return nil, badToken(err)
	}
	return id, nil
}

// loaded reports whether there is something to verify tokens with.
func (t *Tokens) loaded(ctx context.Context) bool {
	if t.keys == nil || len(t.secrets) > 0 {
		return true
	}
	all, err := t.keys.stored.KeyReadAll(ctx)
	return err == nil && len(all) > 0
}

// key picks what the token must be verified with. The parser has refused every
// algorithm that is not configured, so "the others" are asymmetric.
func (t *Tokens) key(ctx context.Context, token *jwt.Token) (any, error) {
	switch {
	case token.Method.Alg() == "HS256":
		return jwt.VerificationKeySet{Keys: t.secrets}, nil
	case t.keys != nil:
		return t.keys.key(ctx, token)
	}
	return nil, errors.New("there are no keys for this algorithm")
}

// onlyExpired reports whether the token is right in everything but its time.
func onlyExpired(err error) bool {
	return errors.Is(err, jwt.ErrTokenExpired) &&
		!errors.Is(err, jwt.ErrTokenInvalidIssuer) && !errors.Is(err, jwt.ErrTokenInvalidAudience) &&
		!errors.Is(err, jwt.ErrTokenNotValidYet) && !errors.Is(err, jwt.ErrTokenUsedBeforeIssued) &&
		!errors.Is(err, jwt.ErrTokenRequiredClaimMissing)
}

// badToken is one message for every fault (invariant 6); err is for the log.
func badToken(err error) error {
	return &shards.Error{Code: shards.Unauthenticated, Message: "the token is not valid", Err: err}
}

func expiredToken() error {
	return &shards.Error{Code: shards.Unauthenticated, Message: "the token has expired"}
}
