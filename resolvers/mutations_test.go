package resolvers

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/tidwall/gjson"

	"gatehouse/graph"
	"gatehouse/shards"
	"gatehouse/tenancy"
)

// ask executes an operation without errors at the top and returns its data. A
// ? in the query stands for the next argument.
func (w *world) ask(r *tenancy.Request, query string, args ...string) gjson.Result {
	w.t.Helper()
	for _, a := range args {
		query = strings.Replace(query, "?", a, 1)
	}
	data, errs := w.run(r, query, nil)
	if errs != nil {
		w.t.Fatalf("%s\n%s", query, strings.Join(errs, "\n"))
	}
	return gjson.Parse(data)
}

func (w *world) want(got gjson.Result, path, want string) {
	w.t.Helper()
	if s := got.Get(path).String(); s != want {
		w.t.Errorf("%s is %q, want %q in\n%s", path, s, want, got.Raw)
	}
}

func TestAPatchLeavesWhatIsAbsentAndClearsWhatIsNull(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "a")
	r := w.request("a")
	made := w.ask(r, `mutation { createClient(input: {name: "Ada", email: "ada@example.com", tags: ["x"], customFields: {a: 1, b: {c: 2}}, status: ACTIVE}) { client { id } errors { message } } }`)
	id := made.Get("createClient.client.id").Str
	got := w.ask(r, `mutation { updateClient(id: "?", patch: {email: null, tags: null, customFields: {a: null, d: 9007199254740993}}) { client { version name email tags status customFields } errors { code } } }`, id)
	w.want(got, "updateClient.client", `{"version":2,"name":"Ada","email":null,"tags":[],"status":"ACTIVE","customFields":{"b":{"c":2},"d":9007199254740993}}`)
	got = w.ask(r, `mutation { updateClient(id: "?", patch: {name: null}) { client { id } errors { code field } } }`, id)
	w.want(got, "updateClient", `{"client":null,"errors":[{"code":"REQUIRED","field":["patch","name"]}]}`)
	got = w.ask(r, `mutation { updateClient(id: "?", patch: {status: null}) { errors { code field } } }`, id)
	w.want(got, "updateClient.errors", `[{"code":"REQUIRED","field":["patch","status"]}]`)
	// What changes nothing is not written.
	got = w.ask(r, `mutation { updateClient(id: "?", patch: {name: "Ada"}) { client { version } bookmark errors { code } } }`, id)
	w.want(got, "updateClient.client.version", "2")
	w.want(w.ask(r, `{ changes { changeSets { changes { kind patch } } } }`), "changes.changeSets.#.changes.0.kind", `["CREATED","UPDATED"]`)
}

func TestAnExpectedVersionKeepsSomebodysWork(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "a")
	r := w.request("a")
	id := w.ask(r, `mutation { createGroup(input: {name: "G"}) { group { id } } }`).Get("createGroup.group.id").Str
	w.ask(r, `mutation { updateGroup(id: "?", patch: {description: "one"}, expectedVersion: 1) { errors { code } } }`, id)
	for _, m := range []string{
		`updateGroup(id: "?", patch: {description: "two"}, expectedVersion: 1) { errors { code field } }`,
		`updateGroup: deleteGroup(id: "?", expectedVersion: 1) { errors { code field } }`,
	} {
		w.want(w.ask(r, "mutation { "+m+" }", id), "updateGroup.errors", `[{"code":"CONFLICT","field":["expectedVersion"]}]`)
	}
	// Without it, everybody's change is kept.
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			got := w.ask(w.request("a"), `mutation { updateGroup(id: "?", patch: {customFields: {f?: true}}) { errors { code } } }`, id, fmt.Sprint(i))
			if got.Get("updateGroup.errors.#").Int() != 0 {
				t.Error(got.Raw)
			}
		})
	}
	wg.Wait()
	got := w.ask(r, `{ group(id: "?") { version customFields } }`, id)
	w.want(got, "group.version", "22")
	w.want(got, "group.customFields|@keys|#", "20")
}

func TestAnUpsertWritesTheGoodAndReportsTheBad(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "a")
	r := w.request("a")
	w.ask(r, `mutation { upsertGroups(inputs: [{externalId: "1", patch: {name: "One"}}]) { errors { code } } }`)
	upsert := `mutation { upsertGroups(inputs: [
		{externalId: "1", patch: {description: "changed"}},
		{externalId: "2", patch: {name: "Two", externalId: "ignored"}},
		{externalId: "3", patch: {}},
		{externalId: "4", patch: {name: "One"}},
		{externalId: "5", patch: {name: "Five", parentId: "group_00000000000000000000000000"}},
		{externalId: "6", patch: {name: "Six"}}, {externalId: "6", patch: {name: "Seven"}}
	]) { results { created group { externalId name version } errors { code field } } errors { code } bookmark } }`
	r.IdempotencyKey = "k"
	got := w.ask(r, upsert)
	want := []string{
		`{"created":false,"group":{"externalId":"1","name":"One","version":2},"errors":[]}`,
		`{"created":true,"group":{"externalId":"2","name":"Two","version":1},"errors":[]}`,
		`{"created":false,"group":null,"errors":[{"code":"REQUIRED","field":["inputs","2","patch","name"]}]}`,
		`{"created":false,"group":null,"errors":[{"code":"TAKEN","field":["inputs","3","patch","name"]}]}`,
		`{"created":false,"group":null,"errors":[{"code":"NOT_FOUND","field":["inputs","4","patch","parentId"]}]}`,
		`{"created":false,"group":null,"errors":[{"code":"INVALID","field":["inputs","5","externalId"]}]}`,
		`{"created":false,"group":null,"errors":[{"code":"INVALID","field":["inputs","6","externalId"]}]}`,
	}
	for i, s := range want {
		w.want(got, fmt.Sprintf("upsertGroups.results.%d", i), s)
	}
	// One write, one number; and the repetition says the same.
	w.want(w.ask(w.request("a"), `{ changes { changeSets { changes { recordType } } } }`), "changes.changeSets.#", "2")
	again := w.request("a")
	again.IdempotencyKey = "k"
	if repeated := w.ask(again, upsert); repeated.Raw != got.Raw {
		t.Errorf("repeated\n%s, first\n%s", repeated.Raw, got.Raw)
	}
	var many []any
	for range 251 {
		many = append(many, map[string]any{"externalId": "x", "patch": map[string]any{}})
	}
	data, _ := w.run(w.request("a"), `mutation($inputs: [UpsertGroupInput!]!) { upsertGroups(inputs: $inputs) { results { created } errors { code field } } }`, map[string]any{"inputs": many})
	w.want(gjson.Parse(data), "upsertGroups", `{"results":[],"errors":[{"code":"INVALID","field":["inputs"]}]}`)
}

// Whoever comes second finds what the first has made, and changes it.
func TestUpsertsOfTheSameAtOnceMakeOneRecord(t *testing.T) {
	t.Parallel()
	const callers = 16
	w := newWorld(t, "a")
	var wg sync.WaitGroup
	answers := make([]string, callers)
	for i := range callers {
		wg.Go(func() {
			data, errs := w.run(w.request("a"), fmt.Sprintf(`mutation { upsertUsers(inputs: [{externalId: "1", patch: {
				name: "%d", email: "one@example.com", role: MEMBER
			}}]) { results { created errors { code field } } errors { code } } }`, i), nil)
			answers[i] = data + strings.Join(errs, "")
		})
	}
	wg.Wait()
	created := 0
	for _, a := range answers {
		switch r := gjson.Get(a, "upsertUsers.results.0"); {
		case r.Get("errors").Raw != "[]":
			t.Error(a)
		case r.Get("created").Bool():
			created++
		}
	}
	if created != 1 {
		t.Errorf("%d have made it", created)
	}
	w.want(w.ask(w.request("a"), `{ users { nodes { version } } }`), "users.nodes", fmt.Sprintf(`[{"version":%d}]`, callers))
}

func TestAnIdempotencyKeyHasOneEffect(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "a", "b")
	keyed := func(account string) *tenancy.Request {
		r := w.request(account)
		r.IdempotencyKey = "key"
		return r
	}
	create := `mutation { createClient(input: {name: "Once"}) { client { id name } bookmark errors { code } } }`
	first := w.ask(keyed("a"), create)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if again := w.ask(keyed("a"), create); again.Raw != first.Raw {
				t.Errorf("again %s, first %s", again.Raw, first.Raw)
			}
		})
	}
	wg.Wait()
	w.want(w.ask(w.request("a"), `{ clients { totalCount } }`), "clients.totalCount", "1")
	if other := w.ask(keyed("b"), create); other.Get("createClient.client.id").Str == first.Get("createClient.client.id").Str {
		t.Error("another account's key answered")
	}
	_, errs := w.run(keyed("a"), `mutation { createClient(input: {name: "Twice"}) { client { id } } }`, nil)
	if len(errs) != 1 || !strings.Contains(errs[0], "IDEMPOTENCY_MISMATCH") {
		t.Error(errs)
	}
	// What wrote nothing may be mended under the same key.
	r := keyed("a")
	r.IdempotencyKey = "other"
	w.want(w.ask(r, `mutation { createClient(input: {name: " "}) { errors { code } } }`), "createClient.errors.0.code", "REQUIRED")
	w.want(w.ask(r, `mutation { createClient(input: {name: "Mended"}) { errors { code } } }`), "createClient.errors.#", "0")
	// What changed nothing does not later either.
	noop := `mutation { updateClient(id: "?", patch: {name: "Once"}) { client { name } errors { code } } }`
	same := keyed("a")
	same.IdempotencyKey = "noop"
	w.ask(same, noop, first.Get("createClient.client.id").Str)
	w.ask(w.request("a"), `mutation { updateClient(id: "?", patch: {name: "Else"}) { errors { code } } }`, first.Get("createClient.client.id").Str)
	w.want(w.ask(same, noop, first.Get("createClient.client.id").Str), "updateClient.client.name", "Else")
	w.ask(w.request("a"), `mutation { updateClient(id: "?", patch: {name: "Once"}) { errors { code } } }`, first.Get("createClient.client.id").Str)
	// An update that expected a version says the same again, although the version is past.
	id := first.Get("createClient.client.id").Str
	update := fmt.Sprintf(`mutation { updateClient(id: %q, patch: {status: ACTIVE}, expectedVersion: 3) { client { version } errors { code } } }`, id)
	for range 2 {
		r := w.request("a")
		r.IdempotencyKey = "update"
		w.want(w.ask(r, update), "updateClient", `{"client":{"version":4},"errors":[]}`)
	}
}

func TestMembershipsAreIdempotentAndGoWithTheirEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "a")
	r := w.request("a")
	made := w.ask(r, `mutation { createGroup(input: {name: "G"}) { group { id } } createUser(input: {name: "U", email: "u@example.com", role: MEMBER}) { user { id } } }`)
	g, u := made.Get("createGroup.group.id").Str, made.Get("createUser.user.id").Str
	for range 2 {
		got := w.ask(r, `mutation { addGroupMember(groupId: "?", userId: "?") { group { version members { nodes { id } } } user { groups { name } } errors { code } } }`, g, u)
		w.want(got, "addGroupMember.group.version", "2")
		w.want(got, "addGroupMember.group.members.nodes.0.id", u)
		w.want(got, "addGroupMember.user.groups.0.name", "G")
	}
	w.want(w.ask(r, `{ group(id: "?") { history { nodes { patch } } } }`, g), "group.history.nodes.0.patch", fmt.Sprintf(`{"members":{%q:{}}}`, u))
	w.want(w.ask(r, `mutation { removeGroupMember(groupId: "?", userId: "?") { group { members { totalCount } } errors { code } } }`, g, u), "removeGroupMember.group.members.totalCount", "0")
	w.want(w.ask(r, `mutation { addGroupMember(groupId: "?", userId: "user_00000000000000000000000000") { group { id } errors { code field } } }`, g),
		"addGroupMember.errors", `[{"code":"NOT_FOUND","field":["userId"]}]`)
	w.ask(r, `mutation { addGroupMember(groupId: "?", userId: "?") { errors { code } } }`, g, u)
	w.want(w.ask(r, `mutation { deleteUser(id: "?") { deletedId errors { code } } }`, u), "deleteUser.errors.#", "0")
	w.want(w.ask(r, `{ group(id: "?") { members { totalCount } } }`, g), "group.members.totalCount", "0")
}

func TestALeadIsConvertedInOneWrite(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "a")
	r := w.request("a")
	id := w.ask(r, `mutation { createLead(input: {name: "Lead", email: "l@example.com", tags: ["hot"]}) { lead { id } } }`).Get("createLead.lead.id").Str
	got := w.ask(r, `mutation { convertLead(id: "?") { lead { stage client { name } } client { name email status tags } errors { code } } }`, id)
	w.want(got, "convertLead.lead", `{"stage":"WON","client":{"name":"Lead"}}`)
	w.want(got, "convertLead.client", `{"name":"Lead","email":"l@example.com","status":"ACTIVE","tags":["hot"]}`)
	again := w.ask(r, `mutation { convertLead(id: "?") { lead { version } client { name } errors { code } } }`, id)
	w.want(again, "convertLead", `{"lead":{"version":2},"client":{"name":"Lead"},"errors":[]}`)
	w.want(w.ask(r, `{ changes { changeSets { changes { recordType } } } }`), "changes.changeSets.1.changes.#.recordType", `["CLIENT","LEAD"]`)
	w.want(w.ask(r, `{ clients { totalCount } }`), "clients.totalCount", "1")
}

func TestWhatIsReferredToStays(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "a")
	r := w.request("a")
	g := w.ask(r, `mutation { createGroup(input: {name: "G"}) { group { id } } }`).Get("createGroup.group.id").Str
	w.ask(r, `mutation { createClient(input: {name: "C", groupId: "?"}) { errors { code } } }`, g)
	w.want(w.ask(r, `mutation { deleteGroup(id: "?") { deletedId errors { code field } } }`, g), "deleteGroup", `{"deletedId":null,"errors":[{"code":"IN_USE","field":null}]}`)
}

// A mutation's root fields are run in order, and each sees what was before it.
func TestEachRootFieldSeesTheOnesBefore(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "a")
	id := shards.NewID("group")
	got := w.ask(w.request("a"), `mutation {
		a: createGroup(input: {id: "?", name: "A"}) { group { name history { nodes { kind } } } }
		b: updateGroup(id: "?", patch: {name: "B"}) { group { name version history { nodes { kind } } } }
		c: deleteGroup(id: "?") { deletedId errors { code } }
		d: updateGroup(id: "?", patch: {name: "D"}) { errors { code field } }
	}`, id, id, id, id)
	w.want(got, "b.group.history.nodes.#.kind", `["UPDATED","CREATED"]`)
	w.want(got, "c.deletedId", id)
	w.want(got, "d.errors.0.code", "NOT_FOUND")
}

func TestADocumentHasItsAuthor(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "a")
	r := w.request("a")
	made := w.ask(r, `mutation { createClient(input: {name: "C"}) { client { id } } createUser(input: {name: "U", email: "u@example.com", role: ADMIN}) { user { id } } }`)
	r.Caller.Actor.ID = made.Get("createUser.user.id").Str
	c := made.Get("createClient.client.id").Str
	w.want(w.ask(r, `mutation { createDocument(input: {title: "T", clientId: "?", kind: "letter"}) { document { author { name } client { name } } errors { code } } }`, c), "createDocument.document.author.name", "U")
	r.Caller.Actor.ID = "somebody from elsewhere"
	w.want(w.ask(r, `mutation { createDocument(input: {title: "T", clientId: "?"}) { document { author { name } } errors { code } } }`, c), "createDocument.document.author", "")
	w.want(w.ask(r, `mutation { createDocument(input: {title: "T", clientId: "?", kind: "Letter"}) { errors { code field } } }`, c), "createDocument.errors", `[{"code":"INVALID","field":["input","kind"]}]`)
}

func TestWhatCantBeStoredIsRefused(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{`{"a":"\u0000"}`: true, `{"a":"\\u0000"}`: false, `{"a":"\\\u0000"}`: true, `{"a":"u0000"}`: false} {
		if got := hasNUL([]byte(text)); got != want {
			t.Errorf("hasNUL(%s) = %t", text, got)
		}
	}
	w := newWorld(t, "a")
	w.want(w.ask(w.request("a"), `mutation { createGroup(input: {name: "a\u0000b"}) { errors { code } } }`), "createGroup.errors.0.code", "INVALID")
}

func TestAPipelineOfAnySizeHasATotal(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "a")
	r := w.request("a")
	var inputs []any
	for i := range 3 {
		inputs = append(inputs, map[string]any{"externalId": fmt.Sprint(i), "patch": map[string]any{"name": "L", "value": int64(1)<<53 - 1}})
	}
	if _, errs := w.run(r, `mutation($i: [UpsertLeadInput!]!) { upsertLeads(inputs: $i) { errors { code } } }`, map[string]any{"i": inputs}); errs != nil {
		t.Fatal(errs)
	}
	w.want(w.ask(r, `{ leadPipeline { count totalValue } }`), "leadPipeline.0", `{"count":3,"totalValue":9007199254740991}`)
}

func TestAGroupIsNotBelowItself(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "a")
	r := w.request("a")
	a, b := shards.NewID("group"), shards.NewID("group")
	w.want(w.ask(r, `mutation { createGroup(input: {id: "?", name: "A", parentId: "?"}) { errors { code field } } }`, a, a),
		"createGroup.errors", `[{"code":"INVALID","field":["input","parentId"]}]`)
	w.ask(r, `mutation { a: createGroup(input: {id: "?", name: "A"}) { errors { code } } b: createGroup(input: {id: "?", name: "B", parentId: "?"}) { errors { code } } }`, a, b, a)
	w.want(w.ask(r, `mutation { updateGroup(id: "?", patch: {parentId: "?"}) { errors { code field } } }`, a, b),
		"updateGroup.errors", `[{"code":"INVALID","field":["patch","parentId"]}]`)
	w.want(w.ask(r, `mutation { updateGroup(id: "?", patch: {parentId: null}) { errors { code } } }`, b), "updateGroup.errors.#", "0")
}

// TestATextIsAsLongAsItIs: what HTML would escape counts as what was sent.
func TestATextIsAsLongAsItIs(t *testing.T) {
	t.Parallel()
	for _, text := range []string{`<b> & "q" \u003c é`, `\\u003c`, `\`} {
		got, err := inputJSON(map[string]any{"a": graphql.OmittableOf(&text)})
		var back map[string]string
		if err != nil || json.Unmarshal(got, &back) != nil || back["a"] != text || bytes.ContainsAny(got, "<") != strings.Contains(text, "<") {
			t.Errorf("%q became %s, %v", text, got, err)
		}
	}
	w := newWorld(t, "a")
	text := strings.Repeat("<b>", 5000)
	got := w.ask(w.request("a"), `mutation { createGroup(input: {name: "G", customFields: {html: "?"}}) { group { customFields } errors { code } } }`, text)
	w.want(got, "createGroup.group.customFields.html", text)
}

// TestAnInputSaysWhatItsJSONSays: field by field, and as a whole.
func TestAnInputSaysWhatItsJSONSays(t *testing.T) {
	t.Parallel()
	kind, born := graph.ClientKindOrganisation, graph.Date("1990-02-28")
	some := graphql.OmittableOf[*string]
	for _, text := range []string{"", "Ada", "é \u2028 \x7f \xff", `<b> & "q" \u003c`, "\x00\n"} {
		for _, input := range []any{
			graph.ClientPatch{},
			graph.ClientPatch{
				ExternalID: some(nil), Name: some(&text), Kind: graphql.OmittableOf(&kind), DateOfBirth: graphql.OmittableOf(&born),
				Address: graphql.OmittableOf(&graph.AddressInput{City: some(&text), Postcode: some(nil), Lines: []string{text}}), Tags: graphql.OmittableOf([]string{text, "b"}),
				CustomFields: graphql.OmittableOf(graph.JSONObject(`{"a":[1.50,{"b":null}]}`)),
			},
			graph.ClientPatch{
				Kind: graphql.OmittableOf[*graph.ClientKind](nil), Address: graphql.OmittableOf[*graph.AddressInput](nil),
				Tags: graphql.OmittableOf([]string(nil)), CustomFields: graphql.OmittableOf[graph.JSONObject](nil),
			},
			graph.CreateClientInput{Name: text, Kind: kind, Status: graph.ClientStatusActive, Email: some(&text)},
		} {
			got, err := inputObject(input)
			if err != nil {
				t.Fatal(err)
			}
			whole, err := inputJSON(input)
			if err != nil {
				t.Fatal(err)
			}
			want, err := shards.ParseObject(whole)
			if err != nil {
				t.Fatal(err)
			}
			if !maps.Equal(got, want) {
				t.Errorf("%+v: got %v, want %v", input, got, want)
			}
		}
	}
}
