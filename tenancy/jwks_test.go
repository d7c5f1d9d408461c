package tenancy

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/golang-jwt/jwt/v5"

	"gatehouse/shards"
)

var symmetricJWK = []byte("a symmetric key in a public set!")

// keyServer publishes a key set over HTTP, which may be replaced.
type keyServer struct {
	*httptest.Server
	mu      sync.Mutex
	set     jwkset.JWKSMarshal
	down    bool
	fetches atomic.Int64
	short   *rsa.PrivateKey
}

// newKeyServer serves keys, and some besides that must never verify anything.
func newKeyServer(t testing.TB, keys ...jwkset.JWKMarshal) *keyServer {
	t.Helper()
	s := &keyServer{}
	var err error
	s.short, err = rsa.GenerateKey(rand.Reader, 1024)
	must(t, err)
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.fetches.Add(1)
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.down {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		_ = json.NewEncoder(w).Encode(s.set)
	}))
	t.Cleanup(s.Close)
	s.publish(append(keys, publicKey(t, &s.short.PublicKey, "short", jwkset.UseSig), publicKey(t, symmetricJWK, "oct", jwkset.UseSig))...)
	return s
}

func (s *keyServer) publish(keys ...jwkset.JWKMarshal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.set = jwkset.JWKSMarshal{Keys: keys}
}

func (s *keyServer) setDown(down bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = down
}

func publicKey(t testing.TB, key any, kid string, use jwkset.USE) jwkset.JWKMarshal {
	t.Helper()
	jwk, err := jwkset.NewJWKFromKey(key, jwkset.JWKOptions{
		Marshal:  jwkset.JWKMarshalOptions{Private: true}, // or symmetric ones would be left out
		Metadata: jwkset.JWKMetadataOptions{KID: kid, USE: use},
	})
	must(t, err)
	return jwk.Marshal()
}

// keys returns the public keys under these kids, the RSA key once more for
// encryption only, and the EC key once more under the kid of the RSA key.
func (is issuer) keys(t testing.TB, rsaKID, ecKID, edKID string) []jwkset.JWKMarshal {
	t.Helper()
	return []jwkset.JWKMarshal{
		publicKey(t, &is.rsa.PublicKey, rsaKID, jwkset.UseSig), publicKey(t, &is.ecdsa.PublicKey, ecKID, ""),
		publicKey(t, is.ed.Public(), edKID, jwkset.UseSig),
		publicKey(t, &is.rsa.PublicKey, "enc", jwkset.UseEnc), publicKey(t, &is.ecdsa.PublicKey, rsaKID, ""),
	}
}

func TestKeysAreRotated(t *testing.T) {
	t.Parallel()
	c := newClock()
	before, after := newIssuer(t), newIssuer(t)
	server := newKeyServer(t, before.keys(t, "1", "2", "3")...)
	tokens := testTokens(t, c, func(config *TokenConfig) {
		config.JWKSURL, config.Secrets = server.URL, nil
		config.UnknownKeyInterval = time.Hour // once in this test
	})
	old := sign(t, jwt.SigningMethodES256, before.ecdsa, map[string]any{"kid": "2"}, good(c))
	renewed := sign(t, jwt.SigningMethodES256, after.ecdsa, map[string]any{"kid": "5"}, good(c))
	if _, err := tokens.verify(t.Context(), old); err != nil {
		t.Fatal(err)
	}

	// The issuer changes its keys: all who come with the new one are let in at
	// once, for one fetch together.
	server.publish(after.keys(t, "4", "5", "6")...)
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if _, err := tokens.verify(t.Context(), renewed); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := server.fetches.Load(); n != 2 {
		t.Errorf("%d fetches, want one at the start and one for the new key", n)
	}

	// The old key is gone; what was verified under it is believed for a minute.
	if _, err := tokens.verify(t.Context(), old); err != nil {
		t.Error(err)
	}
	c.advance(verifiedFor)
	_, err := tokens.verify(t.Context(), old)
	wantError(t, err, shards.Unauthenticated, "the token is not valid")

	// Tokens with made-up keys can't make the gateway fetch again and again.
	for _, kid := range []string{"7", "8", "9", noKeyID} {
		_, err := tokens.verify(t.Context(), sign(t, jwt.SigningMethodES256, before.ecdsa, map[string]any{"kid": kid}, good(c)))
		wantError(t, err, shards.Unauthenticated, "the token is not valid")
	}
	if n := server.fetches.Load(); n != 2 {
		t.Errorf("%d fetches", n)
	}
}

func TestKeysAreRefreshedInTheBackground(t *testing.T) {
	t.Parallel()
	c := newClock()
	before, after := newIssuer(t), newIssuer(t)
	server := newKeyServer(t, before.keys(t, "1", "2", "3")...)
	tokens, err := NewTokens(t.Context(), TokenConfig{
		Issuer: "https://id.example", Audience: "gatehouse", JWKSURL: server.URL, Now: c.now,
		RefreshInterval: 10 * time.Millisecond, UnknownKeyInterval: time.Hour,
	})
	must(t, err)
	server.publish(after.keys(t, "1", "2", "3")...) // the same kids, so only the background sees it
	token := sign(t, jwt.SigningMethodEdDSA, after.ed, map[string]any{"kid": "3"}, good(c))
	eventually(t, func() bool { _, err := tokens.verify(t.Context(), token); return err == nil })
}

func TestAnIssuerThatIsDown(t *testing.T) {
	t.Parallel()
	c := newClock()
	is := newIssuer(t)
	server := newKeyServer(t, is.keys(t, "1", "2", "3")...)
	server.setDown(true)
	var failures atomic.Int64
	tokens := testTokens(t, c, func(config *TokenConfig) {
		config.JWKSURL, config.Secrets = server.URL, nil
		config.UnknownKeyInterval = time.Nanosecond
		config.OnKeySetError = func(error) { failures.Add(1) }
	})
	token := sign(t, jwt.SigningMethodRS256, is.rsa, map[string]any{"kid": "1"}, good(c))
	_, err := tokens.verify(t.Context(), token)
	wantError(t, err, shards.Unavailable, "the token can't be checked now; try again")
	if failures.Load() != 2 { // at the start, and for this token
		t.Errorf("%d failures were told", failures.Load())
	}
	server.setDown(false)
	if _, err := tokens.verify(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	// Down again: the keys that are there go on serving.
	server.setDown(true)
	c.advance(2 * verifiedFor)
	if _, err := tokens.verify(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	_, err = tokens.verify(t.Context(), sign(t, jwt.SigningMethodRS256, is.rsa, map[string]any{"kid": "9"}, good(c)))
	wantError(t, err, shards.Unauthenticated, "the token is not valid")
}

func TestTheKeySetIsFetchedFromOnePlaceAndBounded(t *testing.T) {
	t.Parallel()
	is := newIssuer(t)
	elsewhere := newKeyServer(t, is.keys(t, "1", "2", "3")...)
	var sent atomic.Int64
	for name, handler := range map[string]http.HandlerFunc{
		"redirect": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere.URL, http.StatusFound) },
		"endless": func(w http.ResponseWriter, r *http.Request) {
			_, _ = w.Write([]byte(`{"keys":[`))
			for r.Context().Err() == nil {
				n, err := w.Write(bytes.Repeat([]byte(" "), 64<<10))
				if err != nil {
					return
				}
				sent.Add(int64(n))
			}
		},
	} {
		server := httptest.NewServer(handler)
		t.Cleanup(server.Close)
		var told atomic.Bool
		testTokens(t, newClock(), func(config *TokenConfig) {
			config.JWKSURL, config.OnKeySetError = server.URL, func(error) { told.Store(true) }
		})
		if !told.Load() || elsewhere.fetches.Load() > 0 {
			t.Errorf("%s: the answer was taken", name)
		}
	}
	if n := sent.Load(); n > 16*keySetBytes { // what lies in buffers on the way included
		t.Errorf("%d bytes were taken", n)
	}
}
