package cost

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/validator"

	"gatehouse/graph"
	"gatehouse/shards"
)

// multiplied finds the variables that a cost depends on.
var multiplied = regexp.MustCompile(`(first|last|ids|inputs|if): [$]`)

func costOf(t *testing.T, prices *Prices, document, variables string, most int64) int64 {
	t.Helper()
	doc, faults := gqlparser.LoadQueryWithRules(prices.schema, document, nil)
	if len(faults) > 0 {
		t.Fatalf("%s: %v", document, faults)
	}
	given := map[string]any{}
	if variables != "" {
		d := json.NewDecoder(strings.NewReader(variables))
		d.UseNumber()
		if err := d.Decode(&given); err != nil {
			t.Fatal(err)
		}
	}
	coerced, err := validator.VariableValues(prices.schema, doc.Operations[0], given)
	if err != nil {
		t.Fatal(err)
	}
	points, always := prices.Of(doc.Operations[0], coerced, most)
	if varies := multiplied.MatchString(document); always == varies && points <= most {
		t.Errorf("%s: always %v", document, always)
	}
	return points
}

func schema() *ast.Schema { return graph.NewExecutableSchema(graph.Config{}).Schema() }

func TestWhatOperationsCost(t *testing.T) {
	t.Parallel()
	prices := New(schema())
	for _, test := range []struct {
		document, variables string
		want                int64
	}{
		{`{ __typename }`, "", 1},
		{`{ viewer { account { name } actor { name } scopes } }`, "", 1},
		{`{ viewer { user { name } } }`, "", 2},
		{`{ client(id: "x") { name group { name } owner { name } address { city } } }`, "", 1 + 3},
		{`{ clients { nodes { name } } }`, "", 1 + 1 + 25},
		{`{ clients(first: 10) { nodes { name group { name } } pageInfo { endCursor } } }`, "", 1 + 1 + 10*2},
		{`{ clients(last: 10) { edges { cursor node { name group { name } } } } }`, "", 1 + 1 + 10*2},
		{`{ clients(first: 10) { totalCount nodes { name } } }`, "", 1 + 1 + 10 + 10},
		{`{ clients(first: 10) { pageInfo { endCursor } } }`, "", 1 + 1 + 10},
		{`{ clients(first: 0) { totalCount } }`, "", 1 + 1 + 10},
		{`{ clients(first: 1000000) { nodes { id } } }`, "", 1 + 1 + 100}, // BAD_REQUEST, by the field
		{`query($n: Int) { clients(first: $n) { nodes { id } } }`, `{"n": 7}`, 1 + 1 + 7},
		{`query($n: Int) { clients(first: $n) { nodes { id } } }`, ``, 1 + 1 + 25},
		{`query($id: ID!) { client(id: $id) { group { id } } }`, `{"id": "x"}`, 1 + 2},
		{`query($n: Int) { clients(first: $n) { nodes { id } } }`, `{"n": null}`, 1 + 1 + 25},
		{`query($n: Int = 3) { clients(first: $n) { nodes { id } } }`, ``, 1 + 1 + 3},
		{`query($n: Int) { clients(first: $n) { nodes { id } } }`, `{"n": "12"}`, 1 + 1 + 12},
		{`query($n: Int) { clients(first: $n) { nodes { id } } }`, `{"n": -5}`, 1 + 1},
		{`{ groups(first: 10) { nodes { clients(first: 20) { totalCount nodes { id } } } } }`, "", 1 + 1 + 10*(1+1+10+20)},
		{`{ client(id: "x") { history { nodes { kind } } } }`, "", 1 + 1 + 1 + 25},
		{`{ client(id: "x") { history(first: 5) { edges { node { record { id } } } } } }`, "", 1 + 1 + 1 + 5},
		{`{ client(id: "x") { history(first: 5) { edges { node { record { id history(first: 2) { nodes { at } } } } } } } }`, "", 1 + 1 + 1 + 5*(1+3)},
		{`{ changes { changeSets { changes { recordId } } } }`, "", 1 + 1 + 100},
		{`{ changes(first: 10) { changeSets { changes { record { id } } } } }`, "", 1 + 1 + 10},
		{`{ nodes(ids: ["a", "b", "c"]) { id ... on Client { group { id } } } }`, "", 1 + 3*2},
		{`query($ids: [ID!]!) { nodes(ids: $ids) { id } }`, `{"ids": ["a", "b", "c", "d"]}`, 1 + 4},
		{`query($ids: [ID!]!) { nodes(ids: $ids) { id } }`, `{"ids": "a"}`, 1 + 1},
		{`{ node(id: "x") { ... on Client { group { id } } ... on Lead { owner { id } } } }`, "", 1 + 1 + 2},
		{`{ user(id: "x") { groups { name } } }`, "", 1 + 1 + Unpaged},
		{`{ leadPipeline { stage count } }`, "", 1 + 10},
		{`{ leadPipeline { leads(first: 5) { nodes { id } } } }`, "", 1 + 10 + Unpaged*(1+5)},
		{`{ viewer { account { usage { clients leads } } } }`, "", 1 + 20},
		{`mutation { createClient(input: {name: "x"}) { client { id group { id } } bookmark errors { message } } }`, "", 1 + 10 + 2},
		{`mutation { a: deleteClient(id: "x") { bookmark } b: deleteClient(id: "x") { bookmark } }`, "", 1 + 20},
		{`mutation { upsertClients(inputs: [{externalId: "1", patch: {}}, {externalId: "2", patch: {}}]) { results { client { id } errors { code } } } }`, "", 1 + 2*(10+1)},
		{`mutation($in: [UpsertClientInput!]!) { upsertClients(inputs: $in) { bookmark } }`, `{"in": [{"externalId": "1", "patch": {}}, {"externalId": "2", "patch": {}}, {"externalId": "3", "patch": {}}]}`, 1 + 30},
		{`{ __schema { queryType { name } } }`, "", 1 + 2},
		{`{ __schema { types { fields { name type { name } } } } }`, "", 1 + 1 + 5*(1+5*2)},
		// The examples of docs/limits.md.
		{`{ clients(first: 10) { totalCount nodes { name owner { name } } } }`, "", 32},
		{`{ groups(first: 10) { nodes { clients(first: 20) { nodes { id } } } } }`, "", 222},
		{`mutation($in: [UpsertClientInput!]!) { upsertClients(inputs: $in) { results { client { id } } } }`, `{"in": [` + strings.Repeat(`{"externalId": "1", "patch": {}},`, 4) + `{"externalId": "1", "patch": {}}]}`, 56},
		// Merged in the answer, they are one field.
		{`{ clients(first: 10) { nodes { id } } clients(first: 10) { nodes { name } } }`, "", 1 + 1 + 10},
		{`{ ...a ...b } fragment a on Query { clients(first: 10) { nodes { id } } } fragment b on Query { clients(first: 10) { nodes { group { id } } } }`, "", 1 + 1 + 20},
		{`{ a: clients(first: 10) { nodes { id } } b: clients(first: 10) { nodes { name } } }`, "", 1 + 22},
		{`query($on: Boolean!) { clients(first: 10) @include(if: $on) { nodes { id } } ... @skip(if: $on) { viewer { user { id } } } }`, `{"on": false}`, 2},
		{`query($on: Boolean!) { clients(first: 10) @include(if: $on) { nodes { id } } ... @skip(if: $on) { viewer { user { id } } } }`, `{"on": true}`, 12},
	} {
		if got := costOf(t, prices, test.document, test.variables, 1_000_000); got != test.want {
			t.Errorf("%s %s\ncosts %d, want %d", test.document, test.variables, got, test.want)
		}
	}
}

// A cost beyond the maximum neither overflows nor is worked out to its end.
func TestCostsAreBounded(t *testing.T) {
	t.Parallel()
	prices := New(schema())
	deep := "id"
	for range 6 {
		deep = "children(first: 100) { nodes { " + deep + " } }"
	}
	for _, most := range []int64{10, 10_000, 1_000_000_000} {
		if got := costOf(t, prices, "{ group(id: 1) { "+deep+" } }", "", most); got <= most || got > 2*most {
			t.Errorf("most %d: got %d", most, got)
		}
	}
}

// Every entity's fields have a price by their form alone, so that a new one can't be forgotten.
func TestEveryPageAndRecordHasAPrice(t *testing.T) {
	t.Parallel()
	prices := New(schema())
	pages := 0
	for name, t2 := range prices.schema.Types {
		for _, f := range t2.Fields {
			p := prices.fields[name][f.Name]
			if strings.HasSuffix(f.Type.Name(), "Connection") {
				pages++
				if p.size != paged || p.once != 1 {
					t.Errorf("%s.%s: %+v", name, f.Name, p)
				}
			}
			if result := prices.schema.Types[f.Type.Name()]; result != nil && result.Kind == ast.Object && implements(result, "Record") && p.each != 1 {
				t.Errorf("%s.%s: %+v", name, f.Name, p)
			}
			if t2 == prices.schema.Mutation && p.once+p.each != written {
				t.Errorf("%s.%s: %+v", name, f.Name, p)
			}
		}
	}
	if pages < 15 {
		t.Errorf("%d pages", pages)
	}
}

func ExampleActual() {
	fmt.Println(Actual(shards.Usage{Rows: 25, Counts: 1, Writes: 2}))
	// Output: 56
}
