package transport_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"gatehouse/tenancy"
	"gatehouse/transport"
)

// TestWhatIsAskedForTooMuchIsComputedAside: on every protocol the operations of
// an account that used much of late give way to those of others.
func TestWhatIsAskedForTooMuchIsComputedAside(t *testing.T) {
	t.Parallel()
	turns := tenancy.NewTurns(1, 0, func() {})
	s := newServer(t, func(c *transport.Config) { c.Admission.Turns = turns })
	compute := func(account string, long time.Duration) {
		turn, err := turns.Wait(t.Context(), &tenancy.Account{ID: account})
		if err != nil {
			t.Fatal(err)
		}
		defer turn.End()
		for start := time.Now(); time.Since(start) < long; time.Sleep(time.Millisecond) {
		}
	}
	c := s.open()
	protocols := map[string]func() string{
		"http": func() string { return s.query(`{ aside }`).text },
		"sse": func() string {
			e, _ := s.stream(http.MethodPost, "/", `{"query":"{ aside }"}`).next()
			return e.data
		},
		"multipart": func() string {
			return s.query(`{ aside }`, "Accept: multipart/mixed;deferSpec=20220824, application/json").text
		},
		"websocket": func() string {
			c.subscribe("1", `{ aside }`)
			defer c.want(`{"id":"1","type":"complete"}`)
			return c.hear()
		},
	}
	for name, ask := range protocols {
		if got := ask(); !strings.Contains(got, `"aside":false`) {
			t.Errorf("%s: who is alone gives way: %s", name, got)
		}
	}
	for name, ask := range protocols {
		so := false
		for deadline := time.Now().Add(30 * time.Second); !so && time.Now().Before(deadline); { // a busy machine forgets what was used
			compute("a", 300*time.Millisecond)
			compute("other", 0)
			so = strings.Contains(ask(), `"aside":true`)
		}
		if !so {
			t.Errorf("%s: it never gives way", name)
		}
	}
	compute("a", 300*time.Millisecond)
	compute("other", 0)
	if a := s.query(`{ boom }`); a.status != http.StatusInternalServerError || a.code() != "INTERNAL" {
		t.Errorf("a panic: %d %s", a.status, a.text)
	}
}
