package resolvers

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// fill makes n groups, n users who are members of two of them, and n*n clients
// and leads.
func (w *world) fill(account string, n int) {
	w.t.Helper()
	var groups, users []string
	for i := range n {
		g := w.must(account, fmt.Sprintf(`mutation { createGroup(input: {name: "Group %d"}) { group { id } errors { message } } }`, i), nil)
		groups = append(groups, g["createGroup"].(map[string]any)["group"].(map[string]any)["id"].(string))
		u := w.must(account, fmt.Sprintf(`mutation { createUser(input: {name: "User %d", email: "u%d@example.com", role: MEMBER}) { user { id } errors { message } } }`, i, i), nil)
		users = append(users, u["createUser"].(map[string]any)["user"].(map[string]any)["id"].(string))
	}
	for i, u := range users {
		for _, g := range []string{groups[i], groups[(i+1)%n]} {
			w.must(account, fmt.Sprintf(`mutation { addGroupMember(groupId: %q, userId: %q) { errors { message } } }`, g, u), nil)
		}
	}
	stages := []string{"NEW", "QUALIFIED", "PROPOSAL", "WON"}
	var clients, leads []any
	for i := range n * n {
		ref := map[string]any{"name": fmt.Sprint("Client ", i), "groupId": groups[i%n], "ownerId": users[i/n]}
		clients = append(clients, map[string]any{"externalId": fmt.Sprint("c", i), "patch": ref})
		lead := map[string]any{"name": fmt.Sprint("Lead ", i), "stage": stages[i%4], "value": i, "ownerId": users[i%n]}
		leads = append(leads, map[string]any{"externalId": fmt.Sprint("l", i), "patch": lead})
	}
	out := w.must(account, `mutation($c: [UpsertClientInput!]!, $l: [UpsertLeadInput!]!) {
		upsertClients(inputs: $c) { results { created errors { message } } errors { message } }
		upsertLeads(inputs: $l) { results { created errors { message } } errors { message } }
	}`, map[string]any{"c": clients, "l": leads})
	if s := fmt.Sprint(out); strings.Contains(s, "created:false") {
		w.t.Fatal(s)
	}
}

func TestStatementsDoNotGrowWithTheRecords(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "a")
	w.fill("a", 10)
	for _, test := range []struct {
		query string
		want  int
	}{
		{`{ clients(first: 1) { nodes { name group { name } owner { name } } } }`, 3},
		{`{ clients(first: 100) { nodes { name group { name } owner { name } } } }`, 3},
		{`{ clients(first: 100) { edges { node { name group { name } } } nodes { owner { name } } } }`, 3},
		{`{ groups { nodes { clients(first: 10) { nodes { owner { groups { name } } } } } } }`, 4},
		{`{ groups { nodes { clients(first: 10) { totalCount nodes { name } } } } }`, 3},
		{`{ groups { nodes { members { nodes { clients(first: 3) { nodes { name } } leads(first: 2) { nodes { name } } } } } } }`, 4},
		{`{ leadPipeline { stage count totalValue leads(first: 10) { nodes { name owner { name } } } } }`, 3},
		{`{ clients(first: 50) { totalCount nodes { name } } }`, 2},
		{`{ clients(first: 50) { nodes { history(first: 2) { nodes { kind } } } } }`, 2},
		{`{ changes(first: 100) { changeSets { changes { record { id ... on Client { group { name } } } } } } }`, 5},
		{`{ a: clients(first: 2) { nodes { ...f } } } fragment f on Client { group { ...g } } fragment g on Record { history { nodes { at } } }`, 3},
		{`{ clients(first: 10) { nodes { history(first: 2) { nodes { record { ... on Client { group { name } owner { name } } } } } } } }`, 4},
		{`{ users(first: 10) { a: nodes { x: clients(first: 1) { nodes { name } } } b: nodes { x: clients(first: 2) { nodes { name } } } } }`, 3},
		{`{ nodes(ids: []) { id ... on Client { group { name } } } }`, 0},
		{`{ viewer { account { usage { clients } } } }`, 1},
		{`{ viewer { scopes } }`, 0},
	} {
		if got := w.count("a", test.query); len(got) != test.want {
			t.Errorf("%s\n%d statements, want %d:\n%s", test.query, len(got), test.want, strings.Join(got, "\n"))
		}
	}
}

// What a mutation answers is loaded as what a query answers is.
func TestStatementsOfAPayloadDoNotGrowWithItsRecords(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "a")
	w.fill("a", 10)
	upsert := func(n int) int {
		var inputs strings.Builder
		for i := range n {
			fmt.Fprintf(&inputs, `{externalId: "c%d", patch: {phone: "%d"}} `, i, n)
		}
		got := w.count("a", `mutation { upsertClients(inputs: [`+inputs.String()+`]) { results { client {
			group { name } owner { groups { name } } leads { totalCount } history(first: 1) { nodes { record { id } } } } } } }`)
		reads := 0
		for _, s := range got {
			if strings.HasPrefix(s, "SELECT") {
				reads++
			}
		}
		return reads
	}
	if one, ten := upsert(1), upsert(10); one != ten {
		t.Errorf("%d reads for one record, %d for ten", one, ten)
	}
}

func TestAnAnswerIsBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "a")
	w.fill("a", 15)
	id := w.must("a", `{ clients(first: 1) { nodes { id } } }`, nil)["clients"].(map[string]any)["nodes"].([]any)[0].(map[string]any)["id"]
	for i := range 25 {
		w.must("a", fmt.Sprintf(`mutation { updateClient(id: %q, patch: {phone: "%d"}) { errors { code } } }`, id, i), nil)
	}
	// Three times the history of one record, each below each change of the one before.
	history := strings.Repeat("history { nodes { record { ... on Client { ", 3) + "id" + strings.Repeat(" } } } }", 3)
	var feeds strings.Builder
	for i := range 30 {
		fmt.Fprintf(&feeds, "a%d: changes { changeSets { changes { kind } } } ", i)
	}
	for _, query := range []string{
		`{ groups { nodes { clients(first: 100) { nodes { owner { clients(first: 100) { nodes { group { clients(first: 100) { nodes { id } } } } } } } } } } }`,
		fmt.Sprintf("{ client(id: %q) { %s } }", id, history),
		"{ " + feeds.String() + "}",
	} {
		_, errs := w.run(w.request("a"), query, nil)
		if len(errs) != 1 || !strings.Contains(errs[0], "DOCUMENT_LIMIT") {
			t.Errorf("%.60s: got %.200q", query, errs)
		}
	}
}

// Everybody in every group: walked with its repetitions, this would be 12^8
// records, and the test would not end.
func TestLoadingAheadMeetsEachRecordOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "a")
	r := w.request("a")
	var groups, users []string
	for i := range 12 {
		made := w.ask(r, `mutation { createGroup(input: {name: "?"}) { group { id } } createUser(input: {name: "U", email: "?@example.com", role: MEMBER}) { user { id } } }`, fmt.Sprint(i), fmt.Sprint(i))
		groups, users = append(groups, made.Get("createGroup.group.id").Str), append(users, made.Get("createUser.user.id").Str)
	}
	for _, g := range groups {
		for _, u := range users {
			w.ask(r, `mutation { addGroupMember(groupId: "?", userId: "?") { errors { code } } }`, g, u)
		}
	}
	_, errs := w.run(r, "{ groups { nodes { "+strings.Repeat("members { nodes { groups { ", 4)+"id"+strings.Repeat(" } } }", 4)+" } } }", nil)
	if len(errs) != 1 || !strings.Contains(errs[0], "DOCUMENT_LIMIT") {
		t.Errorf("got %.200q", errs)
	}
}

func TestAPageSaysWhatLiesBeyondItsCursors(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "a")
	w.fill("a", 3)
	r := w.request("a")
	all := w.ask(r, `{ clients { edges { cursor } } }`)
	second, fourth := all.Get("clients.edges.1.cursor").Str, all.Get("clients.edges.3.cursor").Str
	for page, want := range map[string]string{
		`first: 9`:                           `{"hasNextPage":false,"hasPreviousPage":false}`,
		`first: 2`:                           `{"hasNextPage":true,"hasPreviousPage":false}`,
		`last: 2`:                            `{"hasNextPage":false,"hasPreviousPage":true}`,
		`first: 9, after: "` + second + `"`:  `{"hasNextPage":false,"hasPreviousPage":true}`,
		`first: 9, before: "` + fourth + `"`: `{"hasNextPage":true,"hasPreviousPage":false}`,
		`last: 9, after: "` + second + `"`:   `{"hasNextPage":false,"hasPreviousPage":true}`,
		`last: 1, before: "` + fourth + `"`:  `{"hasNextPage":true,"hasPreviousPage":true}`,
		`first: 1, after: "` + second + `", before: "` + fourth + `"`: `{"hasNextPage":true,"hasPreviousPage":true}`,
	} {
		w.want(w.ask(r, `{ clients(?) { pageInfo { hasNextPage hasPreviousPage } } }`, page), "clients.pageInfo", want)
	}
}

// As everywhere in GraphQL, in the document and in its variables.
func TestOneValueStandsForAListOfOne(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "a")
	w.fill("a", 3)
	for _, test := range []struct {
		query    string
		variable any
		want     string
	}{
		{`{ clients(where: {status: {in: PROSPECT}}) { totalCount } }`, nil, "9"},
		{`query($v: [ClientStatus!]) { clients(where: {status: {in: $v}}) { totalCount } }`, "PROSPECT", "9"},
		{`query($v: ClientWhere) { clients(where: $v) { totalCount } }`, map[string]any{"status": map[string]any{"in": "PROSPECT"}}, "9"},
		{`query($v: [ID!]) { clients(where: {ownerId: {in: $v}}) { totalCount } }`, json.Number("5"), "0"},
		{`query($v: ID) { clients(where: {ownerId: {eq: $v}}) { totalCount } }`, json.Number("5"), "0"},
	} {
		got := w.must("a", test.query, map[string]any{"v": test.variable})
		if got := fmt.Sprint(got); got != "map[clients:map[totalCount:"+test.want+"]]" {
			t.Errorf("%s: %s, want %s", test.query, got, test.want)
		}
	}
}
