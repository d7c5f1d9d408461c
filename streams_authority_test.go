package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"gatehouse/tenancy"
)

// TestSocketsEndWithTheirAuthority: a revoked or expired key, a suspended
// account, an expired token. It takes a lease and a second at most; here
// it is only made sure that it ends by itself.
func TestSocketsEndWithTheirAuthority(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	s := start(t, nil, "dev", "--data", data, "--listen", "127.0.0.1:0")
	key := func(account string, args ...string) (string, string) {
		var created struct{ Key, ID string }
		printed := ok(t, append([]string{"keys", "create", account, "--name", "live", "--scope", "changes:read", "--json", "--data", data}, args...)...)
		if err := json.Unmarshal([]byte(printed), &created); err != nil || created.ID == "" {
			t.Fatal(printed, err)
		}
		return created.Key, created.ID
	}
	revoked, id := key("acme")
	expiring, _ := key("acme", "--expires", "6s")
	suspended, _ := key("globex")
	begun := time.Now()
	token := s.signFor(t, data, revoked, 6*time.Second)
	type open struct {
		name string
		conn *websocket.Conn
		from time.Time
	}
	var sockets []open
	for name, credential := range map[string]string{"revoked": revoked, "expiring": expiring, "suspended": suspended, "token": token} {
		_, conn := s.bySocket(t, credential, "")
		from := begun.Add(6 * time.Second)
		if name != "expiring" && name != "token" {
			from = time.Time{}
		}
		sockets = append(sockets, open{name, conn, from})
	}
	stream := s.byEvents(t, revoked, "")
	done := time.Now()
	ok(t, "keys", "revoke", id, "--data", data)
	ok(t, "accounts", "suspend", "globex", "--data", data)
	var all sync.WaitGroup
	for _, o := range sockets {
		if o.from.IsZero() {
			o.from = done
		}
		all.Go(func() {
			_, _, err := o.conn.Read(t.Context())
			took := time.Since(o.from)
			if websocket.CloseStatus(err) != 4403 || took > 20*time.Second {
				t.Errorf("%s: after %v: %v", o.name, took, err)
			}
			t.Logf("%s: closed %v later", o.name, took)
		})
	}
	all.Wait()
	if _, _, err := stream.next(); err == nil || !strings.Contains(err.Error(), "not valid") {
		t.Errorf("the stream of events: %v", err)
	}
}

// signFor returns a token of the account that a key belongs to, which is
// accepted for so long.
func (s *server) signFor(t testing.TB, data, key string, lifetime time.Duration) string {
	t.Helper()
	secrets, err := readSecrets(&folder{path: data})
	if err != nil {
		t.Fatal(err)
	}
	_, id, _ := strings.Cut(s.send(t, key, "{ viewer { account { id } } }"), `"id":"`)
	const leeway, age = 30 * time.Second, time.Minute
	token, err := tenancy.SignDev(secrets.Tokens, tenancy.DevClaims{
		Account: id[:strings.Index(id, `"`)], Subject: "user_live", Name: "Live", Role: "admin",
		IssuedAt: time.Now().Add(-age), Lifetime: age - leeway + lifetime,
	})
	if err != nil {
		t.Fatal(err)
	}
	return token
}
