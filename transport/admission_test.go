package transport_test

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"

	"gatehouse/tenancy"
	"gatehouse/transport"
	"gatehouse/transport/cost"
	"gatehouse/transport/guard"
)

// limited bounds what a server's callers may take: 100 points, of which one
// comes back each 10 seconds, and 50 for one operation. The clock stands still.
func limited(c *transport.Config) {
	schema := gqlparser.MustLoadSchema(&ast.Source{Name: "stub", Input: stubSDL})
	at := time.Date(2026, 11, 26, 1, 0, 0, 0, time.UTC)
	c.Admission = transport.Admission{
		Prices: cost.New(schema), MaxCost: 50, Turns: tenancy.NewTurns(0, 0, nil),
		Budgets: tenancy.NewBudgets(tenancy.BudgetOptions{Points: 1, Burst: 100, Now: func() time.Time { return at }}),
	}
}

func (a answer) cost(t *testing.T) tenancy.Cost {
	t.Helper()
	if a.body.Extensions.Cost == nil {
		t.Fatalf("no cost: %d %s", a.status, a.text)
	}
	return *a.body.Extensions.Cost
}

// Every answer says what it cost, and what is left.
func TestEveryAnswerSaysWhatItCost(t *testing.T) {
	t.Parallel()
	s := newServer(t, limited)
	left := int64(100)
	for _, test := range []struct {
		name, body        string
		requested, actual int64
	}{
		{"nothing that costs", `{"query":"{ hello }"}`, 1, 1},
		{"a write", `{"query":"mutation { write }"}`, 11, 11},
		{"a read", `{"query":"{ head }"}`, 1, 1},
		{"a field that fails", `{"query":"{ fail }"}`, 1, 1},
		{"no such field", `{"query":"{ nothing }"}`, 1, 1},
		{"no GraphQL", `{"query":"{"}`, 1, 1},
		{"no JSON", `{`, 1, 1},
		{"a subscription", `{"query":"subscription { tick }"}`, 1, 1},
	} {
		got := s.send(http.MethodPost, "/", test.body).cost(t)
		left -= test.actual
		want := tenancy.Cost{Requested: test.requested, Actual: test.actual, Throttle: tenancy.Throttle{Limit: 100, Remaining: left, RestoreRate: 1}}
		if got != want {
			t.Errorf("%s: got %+v, want %+v", test.name, got, want)
		}
	}
	// Another account has its own.
	if got := s.send(http.MethodPost, "/", `{"query":"{ hello }"}`, "Authorization: Bearer b").cost(t).Throttle.Remaining; got != 99 {
		t.Errorf("%d remain of b's", got)
	}
}

// What panics before it begins keeps no turn, also on a socket, which goes on.
func TestAPanicEndsItsTurn(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(c *transport.Config) { c.Admission.Turns = tenancy.NewTurns(1, 1, nil) })
	c := s.open()
	for range 2 {
		c.say(`{"id":"1","type":"subscribe","payload":{"query":"query Panics { hello }","operationName":"Panics"}}`)
		if got := c.hear(); !strings.Contains(got, "INTERNAL") {
			t.Errorf("got %s", got)
		}
	}
}

// A socket's refusal is a list of errors; the first of them says it.
func TestARefusalOnASocketSaysWhatItCost(t *testing.T) {
	t.Parallel()
	s := newServer(t, limited)
	c := s.open()
	left := int64(100)
	refused := func(name, payload, code string, want tenancy.Cost) {
		t.Helper()
		c.say(`{"id":"1","type":"subscribe","payload":` + payload + `}`)
		var got struct {
			Type    string
			Payload []struct {
				Extensions struct {
					Code string
					Cost *tenancy.Cost
				}
			}
		}
		text := c.hear()
		if err := json.Unmarshal([]byte(text), &got); err != nil || got.Type != "error" || len(text) > 1024 {
			t.Fatalf("%s: %v: %s", name, err, text)
		}
		want.Throttle = tenancy.Throttle{Limit: 100, Remaining: left, RestoreRate: 1}
		if e := got.Payload[0].Extensions; e.Code != code || e.Cost == nil || *e.Cost != want {
			t.Errorf("%s: got %s, want %+v", name, text, want)
		}
	}
	for _, test := range []struct{ name, payload, code string }{
		{"no GraphQL", `{"query":"{"}`, "GRAPHQL_PARSE_FAILED"},
		{"no such field", `{"query":"{ nothing }"}`, "GRAPHQL_VALIDATION_FAILED"},
		{"no bookmark", `{"query":"{ hello }","extensions":{"bookmark":""}}`, "BOOKMARK_INVALID"},
		{"too dear", `{"query":"mutation { a: write b: write c: write d: write e: write }"}`, "COST_LIMIT"},
		{"a panic", `{"query":"{ boom }"}`, "INTERNAL"},
		{"nothing but an error", `{"query":"subscription { fails }"}`, "X"},
	} {
		left--
		refused(test.name, test.payload, test.code, tenancy.Cost{Requested: 1, Actual: 1})
	}
	for dear := `mutation { a: write b: write c: write d: write }`; left > 41; left -= 41 {
		c.subscribe("2", dear)
		c.hear()
		c.want(`{"id":"2","type":"complete"}`)
	}
	left--
	refused("everything is spent", `{"query":"mutation { a: write b: write c: write d: write }"}`, "RATE_LIMITED", tenancy.Cost{Requested: 41, Actual: 1})
}

func TestWhoHasSpentEverythingWaits(t *testing.T) {
	t.Parallel()
	s := newServer(t, limited)
	dear := `{"query":"mutation { a: write b: write c: write d: write }"}` // 41 points
	for range 2 {
		if a := s.send(http.MethodPost, "/", dear); a.code() != "" {
			t.Fatal(a.text)
		}
	}
	for i, accept := range []string{"application/json", "application/graphql-response+json"} {
		a := s.send(http.MethodPost, "/", dear, "Accept: "+accept)
		if a.status != http.StatusTooManyRequests || a.code() != "RATE_LIMITED" || a.header.Get("Retry-After") != strconv.Itoa(24+i) || len(a.text) > 1024 {
			t.Errorf("%s: %d, Retry-After %s: %s", accept, a.status, a.header.Get("Retry-After"), a.text)
		}
		if got := a.cost(t); got.Requested != 41 || got.Actual != 1 {
			t.Errorf("%+v", got)
		}
	}
	for a := s.send(http.MethodPost, "/", `{"query":"{ hello }"}`); ; a = s.send(http.MethodPost, "/", `{"query":"{ hello }"}`) {
		if a.status == http.StatusTooManyRequests { // before the body is read
			if got := a.cost(t); got.Requested != 1 || got.Actual != 0 || got.Throttle.Remaining != 0 {
				t.Errorf("%+v", got)
			}
			break
		}
	}
	if a := s.send(http.MethodPost, "/", `{"query":"{ hello }"}`, "Authorization: Bearer b"); a.code() != "" {
		t.Errorf("another account: %s", a.text)
	}
}

func TestAnOperationMayNotCostTooMuch(t *testing.T) {
	t.Parallel()
	s := newServer(t, limited)
	body := `{"query":"mutation { a: write b: write c: write d: write e: write }"}` // 51 points
	for accept, status := range map[string]int{"application/json": 200, "application/graphql-response+json": 400} {
		a := s.send(http.MethodPost, "/", body, "Accept: "+accept)
		if a.status != status || a.code() != "COST_LIMIT" || len(a.text) > 1024 {
			t.Errorf("%s: %d %s", accept, a.status, a.text)
		}
		if got := a.cost(t); got.Actual != 1 {
			t.Errorf("%+v", got)
		}
	}
	if a := s.send(http.MethodPost, "/", `{"query":"{ head }"}`); a.body.Data["head"] != 0.0 {
		t.Errorf("something was written: %s", a.text)
	}
}

// The guard's documents are what is executed, and its refusals are answers like others.
func TestTheGuardMakesTheDocuments(t *testing.T) {
	t.Parallel()
	schema := gqlparser.MustLoadSchema(&ast.Source{Name: "stub", Input: stubSDL})
	s := newServer(t, func(c *transport.Config) {
		c.Guard = guard.New(schema, guard.Options{Limits: guard.Limits{RootFields: 2, List: 1}})
	})
	for _, test := range []struct{ body, code string }{
		{`{"query":"{ hello }"}`, ""},
		{`{"query":"query a { hello } query b { seen }","operationName":"b"}`, ""},
		{`{"query":"query a { hello } query b { seen }","operationName":"c"}`, "BAD_REQUEST"},
		{`{"query":"{ a: hello b: hello c: hello }"}`, "DOCUMENT_LIMIT"},
		{`{"query":"{ nothing }"}`, ""},
	} {
		a := s.send(http.MethodPost, "/", test.body, "Accept: application/graphql-response+json")
		if (a.status == 200) != (test.code == "" && a.body.Data != nil) || test.code != "" && test.code != "BAD_REQUEST" && a.code() != test.code {
			t.Errorf("%s: %d %s", test.body, a.status, a.text)
		}
	}
}

// Where no operation can be chosen, the error says what is missing.
func TestWhichOperationIsMeant(t *testing.T) {
	t.Parallel()
	schema := gqlparser.MustLoadSchema(&ast.Source{Name: "stub", Input: stubSDL})
	s := newServer(t, func(c *transport.Config) { c.Guard = guard.New(schema, guard.Options{}) })
	for body, want := range map[string]string{
		`{"query":"query a{hello} query b{hello}"}`:      "the document has several operations; say which one in operationName",
		`{"query":"query a{hello}","operationName":"b"}`: "the document has no operation of the name that operationName gives",
	} {
		if a := s.send(http.MethodPost, "/", body, "Accept: application/graphql-response+json"); len(a.body.Errors) != 1 || a.body.Errors[0].Message != want {
			t.Errorf("%s: %s", body, a.text)
		}
	}
}
