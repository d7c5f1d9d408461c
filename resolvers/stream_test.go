package resolvers

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql"

	"gatehouse/shards"
	"gatehouse/tenancy"
)

// subscription is one that a test reads event by event.
type subscription struct {
	t    *testing.T
	next func() *graphql.Response
}

// subscribe begins a subscription. Where it is refused that is its only response.
func (w *world) subscribe(t *testing.T, r *tenancy.Request, query string) *subscription {
	t.Helper()
	ctx, cancel := context.WithTimeout(tenancy.WithRequest(context.Background(), r), time.Minute)
	t.Cleanup(cancel)
	rc, errs := w.exec.CreateOperationContext(ctx, &graphql.RawParams{Query: query})
	if errs != nil {
		refused := w.exec.DispatchError(graphql.WithOperationContext(ctx, rc), errs)
		one := graphql.OneShot(refused)
		return &subscription{t, func() *graphql.Response { return one(ctx) }}
	}
	next, ctx := w.exec.DispatchOperation(ctx, rc)
	return &subscription{t, func() *graphql.Response { return next(ctx) }}
}

// event returns the next event's data and its bookmark.
func (s *subscription) event() (string, string) {
	s.t.Helper()
	r := s.next()
	if r == nil || len(r.Errors) > 0 {
		s.t.Fatalf("got %+v", r)
	}
	at, _ := r.Extensions["bookmark"].(string)
	return string(r.Data), at
}

// ends wants one error, and nothing behind it.
func (s *subscription) ends(code shards.Code) {
	s.t.Helper()
	r := s.next()
	if r == nil || len(r.Errors) != 1 || r.Errors[0].Extensions["code"] != string(code) {
		s.t.Fatalf("got %+v, want %s", r, code)
	}
	if r := s.next(); r != nil {
		s.t.Fatalf("got %+v behind the last", r)
	}
}

func TestSubscriptionTellsEachWrite(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "a", "b")
	w.fill("a", 1)
	w.fill("b", 3)
	r := w.request("a")
	s := w.subscribe(t, r, `subscription { c: changes { bookmark changes { bookmark kind recordType version actor { id } record { ... on Group { name members { totalCount } } } } } }`)
	w.must("b", `mutation { createGroup(input: {name: "Theirs"}) { bookmark } }`, nil)
	first := w.must("a", `mutation { createGroup(input: {name: "One"}) { bookmark } }`, nil)["createGroup"].(map[string]any)["bookmark"].(string)
	w.must("a", `mutation { createGroup(input: {name: "Two"}) { bookmark } }`, nil)
	data, at := s.event()
	want := fmt.Sprintf(`{"c":{"bookmark":"%s","changes":[{"bookmark":"%s","kind":"CREATED","recordType":"GROUP","version":1,"actor":{"id":"tester"},"record":{"name":"One","members":{"totalCount":0}}}]}}`, first, first)
	if data != want || at != first {
		t.Errorf("at %s got %s\nwant %s", at, data, want)
	}
	if data, _ = s.event(); !strings.Contains(data, `"Two"`) {
		t.Errorf("got %s", data)
	}

	// The last bookmark received leads on, and only in its account.
	again := w.subscribe(t, w.request("a"), fmt.Sprintf(`subscription { changes(after: "%s") { changes { record { ... on Group { name } } } } }`, first))
	if data, _ = again.event(); data != `{"changes":{"changes":[{"record":{"name":"Two"}}]}}` {
		t.Errorf("got %s", data)
	}
	w.subscribe(t, w.request("b"), fmt.Sprintf(`subscription { changes(after: "%s") { bookmark } }`, first)).ends(shards.BookmarkInvalid)
	w.subscribe(t, w.request("b"), `subscription { changes(after: "") { bookmark } }`).ends(shards.BookmarkInvalid)
	ahead := w.keys.Bookmark("a", shards.Position{Epoch: 1, Seq: 1000})
	w.subscribe(t, w.request("a"), fmt.Sprintf(`subscription { changes(after: "%s") { bookmark } }`, ahead)).ends(shards.BookmarkAhead)
}

func TestSubscriptionNeedsItsScope(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "a")
	r := w.request("a")
	r.Caller.Scopes = tenancy.NewScopes("clients:read")
	w.subscribe(t, r, `subscription { changes { bookmark } }`).ends(shards.Forbidden)
	r = w.request("a")
	r.Caller.Scopes = tenancy.NewScopes("changes:read", "users:read")
	s := w.subscribe(t, r, `subscription { changes { changes { recordType record { id } } } }`)
	w.must("a", `mutation { createGroup(input: {name: "One"}) { bookmark } }`, nil)
	if res := s.next(); len(res.Errors) != 1 || res.Errors[0].Extensions["code"] != "FORBIDDEN" || !strings.Contains(string(res.Data), `"GROUP","record":null`) {
		t.Errorf("got %s %v", res.Data, res.Errors)
	}
}

// Filters leave out changes, not the bookmark for good.
func TestSubscriptionFilters(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "a")
	user := w.must("a", `mutation { createUser(input: {name: "U", email: "u@example.org", role: MEMBER}) { user { id } bookmark } }`, nil)["createUser"].(map[string]any)
	id := user["user"].(map[string]any)["id"].(string)
	all := fmt.Sprintf(`after: "%s"`, w.keys.Bookmark("a", shards.Position{Epoch: 1}))
	const selection = ` { bookmark changes { recordType } } }`
	for range 2 * maxPassed {
		w.must("a", fmt.Sprintf(`mutation { createGroup(input: {name: "%d"}) { bookmark } }`, time.Now().UnixNano()), nil)
	}
	for filter, want := range map[string]string{
		`types: [USER]`: "1 101+ 201+", `types: [LEAD, USER]`: "1 101+ 201+", `types: []`: "100+ 200+", `types: [LEAD]`: "100+ 200+",
		`recordId: "` + id + `"`: "1 101+ 201+", `recordId: "client_00000000000000000000000000"`: "100+ 200+",
		`types: [GROUP]`: "2 3 4", `recordId: "` + id + `", types: [GROUP]`: "100+ 200+",
	} {
		s := w.subscribe(t, w.request("a"), "subscription { changes("+all+" "+filter+")"+selection)
		got := ""
		for range strings.Fields(want) {
			data, at := s.event()
			var event struct {
				Changes struct {
					Bookmark string
					Changes  []any
				}
			}
			if err := json.Unmarshal([]byte(data), &event); err != nil || event.Changes.Bookmark != at {
				t.Fatal(data, at, err)
			}
			p, err := w.keys.ParseBookmark("a", at)
			if err != nil {
				t.Fatal(err)
			}
			got += fmt.Sprint(" ", p.Seq)
			if len(event.Changes.Changes) == 0 {
				got += "+"
			}
		}
		if got != " "+want {
			t.Errorf("%s: got%s, want %s", filter, got, want)
		}
	}
	f := follow{carried: time.Now()}
	if f.due(f.carried.Add(maxPassTime-1)) || !f.due(f.carried.Add(maxPassTime)) {
		t.Error("the bookmark is not carried forward in time")
	}
}

// An event takes statements only for what lies beyond it, and one a level.
func TestSubscriptionReadsWhatItNeeds(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "a")
	w.fill("a", 1)
	for selection, want := range map[string]int{
		`bookmark changes { kind patch recordId actor { id } }`:                   0,
		`changes { record { id } }`:                                               1,
		`changes { record { id ... on Client { owner { id } group { name } } } }`: 3,
	} {
		s := w.subscribe(t, w.request("a"), "subscription { changes {"+selection+"} }")
		var inputs []string
		for i := range 20 {
			inputs = append(inputs, fmt.Sprintf(`{externalId: "n%d", patch: {name: "N%d"}}`, i, time.Now().UnixNano()))
		}
		w.must("a", "mutation { upsertClients(inputs: ["+strings.Join(inputs, ",")+"]) { bookmark } }", nil)
		w.mu.Lock()
		w.statements = nil
		w.mu.Unlock()
		s.event()
		w.mu.Lock()
		n := 0
		for _, st := range w.statements {
			if !strings.Contains(st.SQL, " FROM head ") && !strings.Contains(st.SQL, " FROM change ") {
				n++
			}
		}
		w.mu.Unlock()
		if n > want {
			t.Errorf("%s: %d statements, want %d", selection, n, want)
		}
	}
}

func TestSubscriptionsThatAreNone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "a")
	for _, document := range []string{
		`subscription { __typename }`, `subscription { changes { bookmark } other: changes { bookmark } }`, `subscription { __schema { queryType { name } } }`,
		`subscription { ...f } fragment f on Subscription { __typename }`, `subscription($no: Boolean!) { changes @include(if: $no) { bookmark } }`,
		`subscription { changes @skip(if: true) { bookmark } }`,
	} {
		s := w.subscribe(t, w.request("a"), document)
		r := s.next()
		if r == nil || len(r.Errors) == 0 || r.Errors[0].Extensions["code"] != string(shards.BadRequest) {
			t.Errorf("%s: got %+v", document, r)
		}
	}
}
