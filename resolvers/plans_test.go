package resolvers

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2/ast"

	"gatehouse/shards"
)

// operands are a value for each operator of a filter input, as GraphQL has it;
// %s is one of the type.
var operands = map[string]string{
	"eq": "%s", "in": "[%[1]s, %[1]s]", "startsWith": `"G"`, "isNull": "true", "gt": "%s", "gte": "%s", "lt": "%s", "lte": "%s",
}

// literal returns a value of a scalar or an enum.
func literal(t *ast.Definition, id string) string {
	if t.Kind == ast.Enum {
		return t.EnumValues[0].Name
	}
	switch t.Name {
	case "ID":
		return strconv.Quote(id)
	case "Boolean":
		return "true"
	case "Int", "SafeInt":
		return "7"
	case "DateTime":
		return `"2026-01-01T00:00:00Z"`
	}
	return `"x"`
}

// asked is one filter that the schema offers.
type asked struct{ field, op, text string }

// filters returns a where for each operator of each field of a filter input,
// and "" for none.
func filters(t *testing.T, schema *ast.Schema, where *ast.Definition, id string) []asked {
	t.Helper()
	out := []asked{{}}
	for _, f := range where.Fields {
		for _, op := range schema.Types[f.Type.Name()].Fields {
			value, ok := operands[op.Name]
			if !ok {
				t.Fatalf("%s.%s: this test does not know the operator %s", where.Name, f.Name, op.Name)
			}
			if strings.Contains(value, "%") {
				value = fmt.Sprintf(value, literal(schema.Types[op.Type.Name()], id))
			}
			out = append(out, asked{f.Name, op.Name, fmt.Sprintf("{%s: {%s: %s}}", f.Name, op.Name, value)})
		}
	}
	return out
}

// explained is a statement as it was run, with the question that led to it.
type explained struct {
	shards.Statement
	asked   asked
	kind    *kind
	query   string
	account string
}

// every asks every list of the schema with every filter and every order,
// forward and backward, counted and behind cursors, and returns each statement
// that ran, once.
func (w *world) every(t *testing.T, account string, m *model) []explained {
	t.Helper()
	schema := whole()
	seen := map[string]bool{}
	var out []explained
	ask := func(a asked, k *kind, query string) map[string]any {
		w.mu.Lock()
		w.statements = nil
		w.mu.Unlock()
		data := w.must(account, query, nil)
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, s := range w.statements {
			if !seen[s.SQL] {
				seen[s.SQL] = true
				out = append(out, explained{s, a, k, query, account})
			}
		}
		return data
	}
	lists := map[string]*edge{}
	for at, e := range m.lists {
		lists[at] = e
	}
	for at, e := range m.edges {
		if e.paged {
			lists[at] = e
		}
	}
	for at, e := range lists {
		parent, field, _ := strings.Cut(at, ".")
		def := schema.Types[parent].Fields.ForName(field)
		around := "{ %s }" // the way to the parents
		if parent != "Query" {
			around = ""
			for _, f := range schema.Query.Fields {
				switch {
				case f.Type.Name() == parent+"Connection":
					around = "{ " + f.Name + "(first: 3) { nodes { %s } } }"
				case f.Type.Name() == parent && f.Type.Elem != nil:
					around = "{ " + f.Name + " { %s } }"
				}
			}
			if around == "" {
				t.Fatalf("no way leads to %s", at)
			}
		}
		order := schema.Types[def.Arguments.ForName("orderBy").Type.Name()]
		where := []asked{{}}
		if arg := def.Arguments.ForName("where"); arg != nil {
			where = filters(t, schema, schema.Types[arg.Type.Name()], e.target.prefix+"_00000000000000000000000000")
		}
		for i, a := range where {
			filter := ""
			if a.text != "" {
				filter = ", where: " + a.text
			}
			for j, o := range schema.Types[order.Fields.ForName("field").Type.Name()].EnumValues {
				for k, direction := range []string{"ASC", "DESC"} {
					if i > 0 && (i+j+k)%2 == 0 {
						continue // with a filter, one direction is enough
					}
					by := fmt.Sprintf(", orderBy: {field: %s, direction: %s}", o.Name, direction)
					ask(a, e.target, fmt.Sprintf(around, field+"(first: 2"+filter+by+") { totalCount nodes { id } }"))
					if i > 0 || parent != "Query" {
						continue
					}
					data := ask(a, e.target, fmt.Sprintf(around, field+"(last: 2"+by+") { nodes { id } pageInfo { startCursor } }"))
					cursor := data[field].(map[string]any)["pageInfo"].(map[string]any)["startCursor"].(string)
					for _, page := range []string{"first: 2, after: %q", "last: 2, before: %q"} {
						ask(a, e.target, fmt.Sprintf(around, field+"("+fmt.Sprintf(page, cursor)+by+") { nodes { id } }"))
					}
				}
			}
		}
	}
	var usage []string
	for _, f := range schema.Types["AccountUsage"].Fields {
		usage = append(usage, f.Name)
	}
	var types []string
	for _, v := range schema.Types["RecordType"].EnumValues {
		types = append(types, v.Name)
	}
	for _, a := range filters(t, schema, schema.Types["LeadWhere"], "lead_00000000000000000000000000") {
		if a.text != "" {
			ask(a, m.kinds["Lead"], "{ leadPipeline(where: "+a.text+") { count totalValue leads(first: 1) { nodes { id } } } }")
		}
	}
	for _, query := range []string{
		"{ viewer { account { usage { " + strings.Join(usage, " ") + " } } } }",
		"{ leadPipeline { count totalValue } }",
		"{ changes(first: 5) { changeSets { changes { record { id } } } } }",
		"{ changes(first: 5, types: [" + strings.Join(types, ", ") + "]) { bookmark } }",
	} {
		ask(asked{}, nil, query)
	}
	for at, e := range m.lists {
		field := strings.TrimPrefix(at, "Query.")
		data := ask(asked{}, e.target, "{ "+field+"(first: 2) { nodes { id history(first: 1) { pageInfo { endCursor } } } } }")
		nodes := data[field].(map[string]any)["nodes"].([]any)
		if len(nodes) == 0 {
			t.Errorf("there are no %s", field)
			continue
		}
		node := nodes[0].(map[string]any)
		cursor := node["history"].(map[string]any)["pageInfo"].(map[string]any)["endCursor"].(string)
		ask(asked{}, e.target, fmt.Sprintf("{ node(id: %q) { id ... on Record { history(first: 1, after: %q) { nodes { at } } } } }", node["id"], cursor))
	}
	return out
}

var (
	placeholder = regexp.MustCompile(`account_id = \?(\d+)|\(account_id, .*VALUES \(\?(\d+)`)
	// search is a step of a plan that goes into an index by the account first.
	search = regexp.MustCompile(`^SEARCH \w+ USING (?:COVERING )?(?:INDEX \w+|PRIMARY KEY) \(account_id=\?`)
	// virtual is a step over the list of parameters, or over a step's own result.
	virtual  = regexp.MustCompile(`^SCAN \w+ VIRTUAL TABLE INDEX|^(?:SCAN|SEARCH) \(subquery|^SCAN \d+ CONSTANT ROWS?$|^SCAN CONSTANT ROW`)
	harmless = regexp.MustCompile(`^(?:USE TEMP B-TREE|(?:REUSE )?(?:CORRELATED )?(?:LIST|SCALAR) SUBQUERY|CO-ROUTINE|MULTI-INDEX OR$|INDEX \d|MATERIALIZE|CREATE BLOOM FILTER|USING ROWID SEARCH ON TABLE json_each)`)
)

// Every statement that the schema can lead to names the account, and goes to
// its rows by an index that begins with it (invariant 1).
func TestEveryPlanBeginsWithTheAccount(t *testing.T) {
	t.Parallel()
	const account = "account of the plans"
	w := newWorld(t, account, "neighbour")
	w.fill("neighbour", 2)
	w.mu.Lock()
	w.statements = nil
	w.mu.Unlock()
	w.fill(account, 4)
	w.more(account)
	m, err := newModel(whole())
	if err != nil {
		t.Fatal(err)
	}
	w.one(account, m)
	var all []explained
	seen := map[string]bool{}
	for _, s := range w.statements { // those of the writes
		if !seen[s.SQL] {
			seen[s.SQL] = true
			all = append(all, explained{Statement: s, query: "a write", account: account})
		}
	}
	all = append(all, w.every(t, account, m)...)
	db, err := sql.Open("sqlite", "file:"+w.shard.Spec.DSN+"?"+url.Values{"mode": {"ro"}, "_pragma": {"foreign_keys(1)"}}.Encode())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	weak := map[string]bool{}
	for _, s := range all {
		s.check(t, db, weak)
	}
	t.Logf("%d statements", len(all))
	// These walk the account in the list's order, and stop at the page's end:
	// which is right only where much of the account matches.
	t.Log("filters that no index serves in some order: ", slices.Sorted(maps.Keys(weak)))
}

// more changes and deletes, so that all kinds of writes have been run.
func (w *world) more(account string) {
	w.t.Helper()
	w.must(account, `mutation { upsertClients(inputs: [{externalId: "gone", patch: {name: "Gone"}}]) { results { created } } }`, nil)
	id := w.must(account, `{ clients(where: {externalId: {eq: "gone"}}) { nodes { id } } }`, nil)["clients"].(map[string]any)["nodes"].([]any)[0].(map[string]any)["id"]
	w.must(account, fmt.Sprintf(`mutation { createDocument(input: {title: "D", clientId: %q}) { errors { message } } }`, id), nil)
	g := w.must(account, `mutation { createGroup(input: {name: "Gone"}) { group { id } } }`, nil)["createGroup"].(map[string]any)["group"].(map[string]any)["id"]
	u := w.must(account, `mutation { createUser(input: {name: "Gone", email: "gone@example.com", role: MEMBER}) { user { id } } }`, nil)["createUser"].(map[string]any)["user"].(map[string]any)["id"]
	r := w.request(account)
	r.IdempotencyKey = "key"
	for _, query := range []string{
		`mutation { addGroupMember(groupId: %[1]q, userId: %[2]q) { errors { message } } }`,
		`mutation { removeGroupMember(groupId: %[1]q, userId: %[2]q) { errors { message } } }`,
		`mutation { deleteGroup(id: %[1]q) { errors { message } } }`,
		`mutation { deleteUser(id: %[2]q) { errors { message } } }`,
		`mutation { updateClient(id: %[3]q, patch: {name: "Changed", ownerId: %[2]q}) { errors { message } } }`,
	} {
		if _, errs := w.run(r, fmt.Sprintf(query+"# %[1]s %[2]s %[3]s", g, u, id), nil); errs != nil {
			w.t.Fatal(errs)
		}
	}
}

// one makes a record of each kind that has none yet, with what its input
// requires: an entity that was added needs no edit here.
func (w *world) one(account string, m *model) {
	w.t.Helper()
	schema := whole()
	first := func(k *kind) string {
		list := ""
		for at, e := range m.lists {
			if e.target == k {
				list = strings.TrimPrefix(at, "Query.")
			}
		}
		nodes := w.must(account, "{ "+list+"(first: 1) { nodes { id } } }", nil)[list].(map[string]any)["nodes"].([]any)
		if len(nodes) == 0 {
			return ""
		}
		return nodes[0].(map[string]any)["id"].(string)
	}
	for _, k := range m.kinds {
		if first(k) != "" {
			continue
		}
		var fields []string
		for _, f := range schema.Types["Create"+k.name+"Input"].Fields {
			if !f.Type.NonNull || f.DefaultValue != nil {
				continue
			}
			id := ""
			if e := m.edges[k.name+"."+strings.TrimSuffix(f.Name, "Id")]; e != nil {
				id = first(e.target)
			}
			fields = append(fields, f.Name+": "+literal(schema.Types[f.Type.Name()], id))
		}
		w.must(account, fmt.Sprintf("mutation { create%s(input: {%s}) { errors { message } } }", k.name, strings.Join(fields, ", ")), nil)
	}
}

func (s *explained) check(t *testing.T, db *sql.DB, weak map[string]bool) {
	t.Helper()
	text := strings.Join(strings.Fields(s.SQL), " ")
	names := placeholder.FindAllStringSubmatch(text, -1)
	if len(names) == 0 {
		t.Errorf("%s\nnames no account: %s", s.query, text)
	}
	for _, n := range names {
		i, _ := strconv.Atoi(n[1] + n[2])
		if s.Args[i-1] != s.account {
			t.Errorf("%s\nis of account %v: %s", s.query, s.Args[i-1], text)
		}
	}
	rows, err := db.QueryContext(context.Background(), "EXPLAIN QUERY PLAN "+s.SQL, s.Args...)
	if err != nil {
		t.Errorf("%s\n%s: %v", s.query, text, err)
		return
	}
	defer rows.Close()
	var plan []string
	for rows.Next() {
		var id, parent, unused int
		var detail string
		if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
			t.Fatal(err)
		}
		plan = append(plan, detail)
	}
	narrow := false
	for _, step := range plan {
		switch {
		case search.MatchString(step):
			narrow = narrow || strings.Contains(step, "=? AND")
		case !virtual.MatchString(step) && !harmless.MatchString(step):
			t.Errorf("%s\n%s\n%s", s.query, text, strings.Join(plan, "\n"))
		}
	}
	if s.asked.text == "" || narrow || s.kind == nil {
		return
	}
	// A reference and a folded text have an index of their own; a count has no
	// order that could speak against the filter's.
	reference := strings.HasSuffix(s.asked.field, "Id") && s.asked.field != "externalId"
	switch {
	case s.asked.op == "startsWith",
		reference && (s.asked.op == "eq" || s.asked.op == "in"),
		reference && s.asked.op == "isNull" && strings.Contains(text, "ORDER BY t.created_at") && !slices.Contains(s.kind.required, s.asked.field),
		s.asked.op != "isNull" && strings.HasPrefix(text, "SELECT '', count(*)"):
		t.Errorf("%s\n%s\n%s", s.query, text, strings.Join(plan, "\n"))
	}
	weak[fmt.Sprintf("%s.%s.%s", s.kind.table, s.asked.field, s.asked.op)] = true
}
