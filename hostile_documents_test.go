package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// hostile is one request that means harm, whatever carries it.
type hostile struct {
	name, document string
	// variables is the value of the only variable, as JSON, "" for none.
	variables string
	operation string
	// code is of the first error, "" where the request is answered.
	code string
	// executed: what is wrong is found out by a field.
	executed bool
}

func (h hostile) body(t *testing.T) []byte {
	t.Helper()
	members := map[string]any{"query": h.document}
	if h.variables != "" {
		name, _, _ := strings.Cut(h.document[strings.Index(h.document, "$")+1:], ":")
		members["variables"] = map[string]json.RawMessage{name: json.RawMessage(h.variables)}
	}
	if h.operation != "" {
		members["operationName"] = h.operation
	}
	text, err := json.Marshal(members)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// check checks an answer; status is 0 where the protocol has none.
func (h hostile) check(t *testing.T, protocol string, status int, answer string) {
	t.Helper()
	code := ""
	if h.code != "" {
		code = `"code":"` + h.code + `"`
	}
	switch {
	case code == "" && strings.Contains(answer, `"errors"`), !strings.Contains(answer, code):
		t.Errorf("%s: got %d %.400s, want %s", h.name, status, answer, h.code)
	case h.code != "" && len(answer) >= 1024:
		t.Errorf("%s: %d bytes: %s", h.name, len(answer), answer)
	case protocol != "HTTP" && protocol != "by hash":
	case h.code != "" && !h.executed && status != http.StatusBadRequest, (h.code == "" || h.executed) && status != http.StatusOK:
		t.Errorf("%s: status %d: %s", h.name, status, answer)
	}
}

const (
	limit = "DOCUMENT_LIMIT"
	dear  = "COST_LIMIT"
	bad   = "BAD_REQUEST"
)

func rep(s string, n int) string { return strings.Repeat(s, n) }

func nested(open, middle, end string, n int) string { return rep(open, n) + middle + rep(end, n) }

// each joins what f makes of 0 to n-1.
func each(n int, f func(i int) string) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(f(i))
	}
	return b.String()
}

// doubling has fragments that each spread the next one twice.
func doubling(n int, last string) string {
	return "{ viewer { account { ...f0 } } } " + each(n, func(i int) string {
		return fmt.Sprintf("fragment f%d on Account { ...f%d ...f%d } ", i, i+1, i+1)
	}) + fmt.Sprintf("fragment f%d on Account { %s }", n, last)
}

func hostileDocuments() []hostile {
	field := func(s string) string { return "{ viewer { account { " + s + " } } }" }
	return []hostile{
		// Too much of something.
		{name: "256 KiB of comment", document: "#" + rep("x", 256<<10) + "\n{ __typename }", code: limit},
		{name: "3,000 comments", document: rep("#\n", 3000) + "{ __typename }", code: limit},
		{name: "2,001 tokens", document: "{ " + rep("a ", 2001) + "}", code: limit},
		{name: "200,000 braces", document: rep("{", 200_000), code: bad},
		{name: "501 selections", document: field(rep("id ", 501)), code: limit},
		{name: "a field 490 times", document: field(rep("id ", 490))},
		{name: "13 levels", document: "{ client(id: 1) " + nested("{ group { clients { nodes ", "{ id }", "} } }", 4) + " }", code: limit},
		{name: "introspection, 25 levels", document: "{ __type(name: \"A\") " + nested("{ ofType ", "{ name }", "}", 25) + " }", code: limit},
		{name: "2^40 fields by fragments", document: doubling(40, "id"), code: limit},
		{name: "2^40 spreads of nothing", document: doubling(40, "...nobody"), code: limit},
		{name: "2^12 fields by fragments", document: doubling(12, "id"), code: limit},
		{name: "a lattice of 50 fragments", document: field("...f0") + each(50, func(i int) string {
			return fmt.Sprintf(" fragment f%d on Account { id %s }", i, each(7, func(j int) string {
				if i+j+1 >= 50 {
					return ""
				}
				return fmt.Sprintf("...f%d ", i+j+1)
			}))
		}), code: limit},
		{name: "31 aliases", document: field(each(31, func(i int) string { return fmt.Sprintf("a%d: id ", i) })), code: limit},
		{name: "500 aliases with arguments of their own", document: "{ " + each(200, func(i int) string {
			return fmt.Sprintf("a%d: clients(first: %d) { nodes { id } } ", i, i)
		}) + "}", code: limit},
		{name: "aliases by fragments", document: "{ a: viewer { ...f } b: viewer { ...f } } fragment f on Viewer { " + each(16, func(i int) string { return fmt.Sprintf("x%d: scopes ", i) }) + "}", code: limit},
		{name: "21 root fields", document: "{ " + rep("__typename ", 21) + "}", code: limit},
		{name: "21 root fields by a fragment", document: "{ ...f } fragment f on Query { " + rep("__typename ", 21) + "}", code: limit},
		{name: "30 writes", document: "mutation { " + each(30, func(i int) string {
			return fmt.Sprintf(`a%d: createGroup(input: {name: "G%d"}) { bookmark } `, i, i)
		}) + "}", code: limit},
		{name: "6 directives at one place", document: "{ __typename " + rep("@include(if: true) ", 6) + "}", code: limit},
		{name: "900 unknown directives", document: "{ __typename " + rep("@x ", 900) + "}", code: limit},
		{name: "31 directives", document: field(rep("id @x ", 31)), code: limit},
		{name: "51 fragments", document: field("id") + rep(" fragment f on Account { id }", 51), code: limit},
		{name: "21 operations", document: each(21, func(i int) string { return fmt.Sprintf("query q%d { __typename } ", i) }), operation: "q1", code: limit},
		{name: "101 variables", document: "query(" + each(101, func(i int) string { return fmt.Sprintf("$v%d: ID ", i) }) + ") { __typename }", code: limit},
		{name: "251 ids", document: "{ nodes(ids: [" + rep(`"a" `, 251) + "]) { id } }", code: limit},
		{name: "100,000 ids in a variable", document: "query($ids: [ID!]!) { nodes(ids: $ids) { id } }", variables: "[" + rep(`"a",`, 99_999) + `"a"]`, code: limit},
		{name: "251 inputs in a variable", document: "mutation($in: [UpsertGroupInput!]!) { upsertGroups(inputs: $in) { bookmark } }",
			variables: `[` + rep(`{"externalId":"1","patch":{}},`, 250) + `{"externalId":"1","patch":{}}]`, code: limit},
		{name: "251 ids in a filter", document: "query($w: ClientWhere) { clients(where: $w) { nodes { id } } }", variables: `{"groupId":{"in":[` + rep(`"a",`, 250) + `"a"]}}`, code: limit},
		{name: "lists in lists", document: "{ nodes(ids: " + nested("[", `"a"`, "]", 30) + ") { id } }", code: limit},
		{name: "lists in lists, 990 deep", document: "{ nodes(ids: " + nested("[", "", "]", 990) + ") { id } }", code: limit},
		{name: "objects in objects", document: "{ clients(where: " + nested("{name: ", "1", "}", 40) + ") { nodes { id } } }", code: limit},
		// No document, or none that means anything.
		{name: "blank", document: "   ", code: bad},
		{name: "commas", document: rep(",", 200_000), code: bad},
		{name: "half a document", document: "{ viewer", code: bad},
		{name: "a NUL", document: "{ __typename \x00 }", code: bad},
		{name: "an unterminated string", document: `{ client(id: "` + rep("a", 200_000), code: bad},
		{name: "an unterminated block string", document: `{ client(id: """` + rep("\n ", 100_000), code: bad},
		{name: "words that run backwards", document: "{ \u202Eviewer }", code: bad},
		{name: "only fragments", document: "fragment f on Account { id }", code: bad},
		{name: "a fragment in itself", document: field("...f") + " fragment f on Account { ...f }", code: bad},
		{name: "two fragments in each other", document: field("...a") + " fragment a on Account { ...b } fragment b on Account { ...a }", code: bad},
		{name: "400 unknown fields", document: field(rep("nothing ", 400)), code: bad},
		{name: "400 unknown fragments", document: field(rep("...nothing ", 400)), code: bad},
		{name: "unknown arguments", document: "{ clients(" + rep("x: 1 ", 300) + ") { nodes { id } } }", code: bad},
		{name: "an argument 300 times", document: "{ clients(" + rep("first: 1 ", 300) + ") { nodes { id } } }", code: bad},
		{name: "a member 300 times", document: "{ clients(where: {" + rep(`name: {eq: "a"} `, 200) + "}) { nodes { id } } }", code: bad},
		{name: "conflicts in 240 inline fragments", document: "{ clients { nodes { " + nested("... { ", "name name: id ", "} ", 240) + "} } }", code: bad},
		{name: "fields that can't be merged", document: "{ clients { nodes { " + rep("a: name a: id ", 14) + "} } }", code: bad},
		{name: "a name of 200 KB", document: "{ " + rep("x", 200_000) + " }", code: bad},
		{name: "200 KB where a number should be", document: `{ clients(first: "` + rep("<>&\\u0001", 15_000) + `") { nodes { id } } }`, code: bad},
		{name: "a number of 200,000 digits", document: `{ clients(first: ` + rep("9", 200_000) + `) { nodes { id } } }`, code: bad},
		{name: "an exponent of 200,000 digits", document: `{ clients(first: 1e` + rep("9", 200_000) + `) { nodes { id } } }`, code: bad},
		{name: "two operations of one name", document: "query a { __typename } query a { __typename }", operation: "a", code: bad},
		{name: "two operations without a name", document: "{ __typename } { __typename }", code: bad},
		{name: "an operation that is not there", document: "query a { __typename }", operation: "b", code: bad},
		{name: "a subscription to two things", document: "subscription { __typename a: __typename }", code: bad},
		{name: "variables that nobody declared", document: "{ client(id: $id) { id } }", code: bad},
		{name: "variables that nobody uses", document: "query($a: ID $b: ID) { __typename }", code: bad},
		{name: "a write among the reads", document: `{ deleteClient(id: 1) { bookmark } }`, code: bad},
		{name: "no selection", document: "{ clients }", code: bad},
		// Variables.
		{name: "a required variable is missing", document: "query($id: ID!) { client(id: $id) { id } }", code: bad},
		{name: "null for a required variable", document: "query($id: ID!) { client(id: $id) { id } }", variables: "null", code: bad},
		{name: "an object for an id", document: "query($id: ID!) { client(id: $id) { id } }", variables: `{"$ne": null}`, code: bad},
		{name: "a member that the input has not", document: "query($w: ClientWhere) { clients(where: $w) { nodes { id } } }", variables: `{"accountId": {"eq": "b"}}`, code: bad},
		{name: "no value of the enum", document: "query($o: ClientOrder) { clients(orderBy: $o) { nodes { id } } }", variables: `{"field": "account_id; DROP TABLE clients", "direction": "ASC"}`, code: bad},
		{name: "a number beyond all", document: "query($n: Int) { clients(first: $n) { nodes { id } } }", variables: `1e400`, code: bad},
		{name: "a number of 100,000 digits", document: "query($n: Int) { clients(first: $n) { nodes { id } } }", variables: rep("9", 100_000), code: bad},
		{name: "a fraction of an item", document: "query($n: Int) { clients(first: $n) { nodes { id } } }", variables: `1.5`, code: bad},
		// Found out by the field.
		{name: "introspection", document: "{ __schema { types { name fields { name } } } }", code: bad, executed: true},
		{name: "introspection of a type", document: `{ a: __type(name: "Client") { name } }`, code: bad, executed: true},
		{name: "less than nothing", document: "{ clients(first: -1) { nodes { id } } }", code: bad, executed: true},
		{name: "a page of 2^31 - 1", document: "{ clients(first: 2147483647) { nodes { id } } }", code: bad, executed: true},
		{name: "both ends of a list", document: "{ clients(first: 5 last: 5) { nodes { id } } }", code: bad, executed: true},
		{name: "no cursor", document: `{ clients(after: "x' OR 1=1 --") { nodes { id } } }`, code: bad, executed: true},
		{name: "a cursor of 100 KB", document: "query($c: String) { clients(after: $c) { nodes { id } } }", variables: `"` + rep("A", 100_000) + `"`, code: bad, executed: true},
		{name: "101 ids", document: "{ nodes(ids: [" + rep(`"a" `, 101) + "]) { id } }", code: bad, executed: true},
		{name: "no bookmark", document: `{ changes(after: "zzzz") { hasMore } }`, code: "BOOKMARK_INVALID", executed: true},
		{name: "an id of 100 KB", document: "query($id: ID!) { client(id: $id) { id } }", variables: `"` + rep("A", 100_000) + `"`},
		// Too dear.
		{name: "pages of pages", document: "{ groups(first: 100) { nodes { clients(first: 100) { nodes { id group { id } } } } } }", code: dear},
		{name: "pages of pages of pages", document: "{ groups(first: 100) { nodes { children(first: 100) { nodes { children(first: 100) { nodes { id } } } } } } }", code: dear},
		{name: "pages of 100 by a variable", document: "query($n: Int) { groups(first: $n) { nodes { clients(first: $n) { nodes { history(first: $n) { nodes { at } } } } } } }", variables: "100", code: dear},
		{name: "20 pages of pages", document: "{ " + each(20, func(i int) string {
			return fmt.Sprintf("a%d: clients(first: 100) { nodes { leads(first: 5) { nodes { id } } } } ", i)
		}) + "}", code: dear},
		{name: "counts on a page of a page", document: "{ groups(first: 100) { nodes { clients(first: 10) { nodes { leads { totalCount } } } } } }", code: dear},
		{name: "all changes with their records' histories", document: "{ changes(first: 100) { changeSets { changes { record { history(first: 100) { nodes { record { id } } } } } } } }", code: dear},
		{name: "250 ids with pages", document: "query($ids: [ID!]!) { nodes(ids: $ids) { ... on Client { leads(first: 100) { nodes { id } } } } }", variables: "[" + rep(`"a",`, 249) + `"a"]`, code: dear},
		{name: "the pipeline with pages of pages", document: "{ leadPipeline { leads(first: 100) { nodes { history(first: 100) { nodes { at } } } } } }", code: dear},
	}
}
