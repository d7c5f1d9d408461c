package tenancy

import (
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/MicahParks/keyfunc/v3"
	"github.com/golang-jwt/jwt/v5"
	"golang.org/x/sync/singleflight"
	"golang.org/x/time/rate"
)

const (
	keySetTimeout = 5 * time.Second // for one fetch
	keySetBytes   = 1 << 20         // of one answer
	minRSABits    = 2048
)

// noKeyID is an id that no issuer gives to a key.
const noKeyID = "\x00none"

// errKeysUnavailable says that no key could be loaded yet: whether the token
// is good can't be told.
var errKeysUnavailable = errors.New("the issuer's keys could not be loaded yet")

// keySet holds the issuer's public keys, fetched from its JWKS URL. While the
// issuer can't be reached, the keys that were fetched last stay in use.
type keySet struct {
	keys   keyfunc.Keyfunc // reads what was fetched, never fetches
	stored jwkset.Storage
	// fetch gets the set anew and waits for it.
	fetch   func()
	limit   *rate.Limiter // on fetches for unknown keys, which anybody can ask for
	flights singleflight.Group
}

// newKeySet fetches the set once and then every refresh until ctx ends, in a
// goroutine of its own. An issuer that can't be reached is no error: onError
// is told, as after every failed fetch.
func newKeySet(ctx context.Context, address string, refresh, unknownKey time.Duration, onError func(error)) (*keySet, error) {
	if err := checkKeySetURL(address); err != nil {
		return nil, err
	}
	if onError == nil {
		onError = func(error) {}
	}
	stored, err := jwkset.NewStorageFromHTTP(address, jwkset.HTTPClientStorageOptions{
		Client:                    keySetClient(),
		Ctx:                       ctx,
		HTTPTimeout:               keySetTimeout,
		NoErrorReturnFirstHTTPReq: true,
		RefreshErrorHandler:       func(_ context.Context, err error) { onError(fmt.Errorf("fetch the key set: %w", err)) },
		RefreshInterval:           refresh,
	})
	if err != nil {
		return nil, err
	}
	// jwkset fetches when a client around the storage is asked for a key that
	// is not there. How often is decided by keySet, which, unlike the client,
	// lets all requests with the new key wait for one fetch.
	client, err := jwkset.NewHTTPClient(jwkset.HTTPClientOptions{
		HTTPURLs:          map[string]jwkset.Storage{address: stored},
		RateLimitWaitMax:  keySetTimeout,
		RefreshUnknownKID: rate.NewLimiter(rate.Inf, 1),
	})
	if err != nil {
		return nil, err
	}
	keys, err := keyfunc.New(keyfunc.Options{Ctx: ctx, Storage: stored, UseWhitelist: []jwkset.USE{jwkset.UseSig, ""}})
	if err != nil {
		return nil, err
	}
	s := &keySet{keys: keys, stored: stored, limit: rate.NewLimiter(rate.Every(unknownKey), 1)}
	s.fetch = func() { _, _ = client.KeyRead(ctx, noKeyID) }
	return s, nil
}

// key returns the public key that verifies the token: the one which its kid
// names, first of that name in the set. A token without a kid has none.
func (s *keySet) key(ctx context.Context, token *jwt.Token) (any, error) {
	kid, _ := token.Header["kid"].(string)
	if kid == "" {
		return nil, errors.New("the token names no key")
	}
	key, err := s.keys.KeyfuncCtx(ctx)(token)
	if errors.Is(err, jwkset.ErrKeyNotFound) {
		if err := s.fetchLimited(ctx); err != nil {
			return nil, err
		}
		key, err = s.keys.KeyfuncCtx(ctx)(token)
	}
	if err != nil {
		if all, readErr := s.stored.KeyReadAll(ctx); readErr != nil || len(all) == 0 {
			return nil, errKeysUnavailable
		}
		return nil, err
	}
	if public, ok := key.(*rsa.PublicKey); ok && public.N.BitLen() < minRSABits {
		return nil, fmt.Errorf("the RSA key has less than %d bits", minRSABits)
	}
	return key, nil
}

// fetchLimited fetches the set, unless that was done a moment ago, and joins a
// fetch that is under way.
func (s *keySet) fetchLimited(ctx context.Context) error {
	done := s.flights.DoChan("", func() (any, error) {
		if s.limit.Allow() {
			s.fetch()
		}
		return nil, nil
	})
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// checkKeySetURL wants https; http is for an issuer on the same machine.
func checkKeySetURL(address string) error {
	u, err := url.Parse(address)
	if err == nil && u.Host != "" {
		if u.Scheme == "https" {
			return nil
		}
		ip := net.ParseIP(u.Hostname())
		if u.Scheme == "http" && (u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()) {
			return nil
		}
	}
	return errors.New("the JWKS URL must begin with https://")
}

// keySetClient follows no redirect, so that the keys come from the place that
// was configured, and reads no endless answer.
func keySetClient() *http.Client {
	return &http.Client{
		Timeout:       keySetTimeout,
		Transport:     boundedAnswers{http.DefaultTransport},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

type boundedAnswers struct{ http.RoundTripper }

func (b boundedAnswers) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := b.RoundTripper.RoundTrip(r)
	if err == nil {
		response.Body = http.MaxBytesReader(nil, response.Body, keySetBytes)
	}
	return response, err
}
