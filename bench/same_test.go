package main

import (
	"encoding/json"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"sync"
	"testing"

	"gatehouse/shards"
)

// small is enough to compare answers.
var small = size{accounts: 2, clients: 500, leads: 200}

// TestBothAnswerTheSame keeps the comparison honest: for the same request all
// handlers answer the same JSON, and to read they run the same statements: by hand with
// each request, in gatehouse but for heads that are known.
func TestBothAnswerTheSame(t *testing.T) {
	var mu sync.Mutex
	texts := map[string]bool{}
	all := gather(t, files{t.TempDir()}, small, func(s shards.Statement) {
		mu.Lock()
		texts[s.SQL] = true
		mu.Unlock()
	})
	random := randomOf(1, 2)
	for _, op := range operations {
		if op.name == "create" { // the first that writes
			want := []string{selectHead, getClients, getGroups, getUsers, nextPage, stageSums, stageLeads, firstGroups, groupClients, userGroups}
			slices.Sort(want)
			if got := slices.Sorted(maps.Keys(texts)); !slices.Equal(got, want) {
				t.Errorf("statements to read\n got %q\nwant %q", got, want)
			}
		}
		for range 10 {
			alike(t, op, random, all[ours], all[byHand], all[grouping])
		}
	}
	for what, query := range stored {
		want := storedIn(t, all[ours], query)
		for _, name := range []string{byHand, grouping} {
			if got := storedIn(t, all[name], query); !reflect.DeepEqual(got, want) {
				t.Errorf("%s: the %s differ from gatehouse's", name, what)
			}
		}
	}
}

// TestCacheAnswersTheSame holds what comes from the cache to what does not.
func TestCacheAnswersTheSame(t *testing.T) {
	all := gather(t, files{t.TempDir()}, small, nil)
	for _, op := range operations {
		if !op.cached {
			continue
		}
		for range 2 { // the second time they are hits
			random := randomOf(1, 3)
			for range 10 {
				alike(t, op, random, all[ours], all[cached])
			}
		}
	}
}

// alike asks all of these the same, and wants the same answer.
func alike(t *testing.T, op *operation, random *rand.Rand, participants ...*participant) {
	t.Helper()
	data := participants[0].site.Data
	a := op.bodies(data, false).account(random)
	variables := op.variables(data, a, random)
	var first any
	for i, p := range participants {
		text, err := p.ask(op, a, op.bodies(data, p.envelope).enclose(variables))
		if err != nil {
			t.Fatal(err)
		}
		var v map[string]any
		if err := json.Unmarshal(text, &v); err != nil {
			t.Fatal(err)
		}
		delete(v["extensions"].(map[string]any), "cost") // which nobody counts by hand
		if op.write {
			forget(v["data"])
		}
		if i == 0 {
			first = v
		} else if !reflect.DeepEqual(any(v), first) {
			t.Fatalf("%s %s:\n%s %v\n%s %v", op.name, variables, participants[0].name, first, p.name, v)
		}
	}
}

// forget takes out of a mutation's data what no two writes have alike: times,
// and the ids of clients that it created. Their lengths stay.
func forget(v any) {
	switch v := v.(type) {
	case []any:
		for _, one := range v {
			forget(one)
		}
	case map[string]any:
		for name, field := range v {
			text, is := field.(string)
			switch {
			case is && (name == "createdAt" || name == "updatedAt" || name == "id" && v["version"] == 1.0):
				v[name] = len(text)
			case !is:
				forget(field)
			}
		}
	}
}

// stored is what the files must have alike once the same was written: clients
// without their ids and times, and the changes.
var stored = map[string]string{
	"clients": "SELECT account_id, version, external_id_fold, name_fold, email_fold, body FROM clients ORDER BY account_id, name_fold, external_id_fold",
	"changes": "SELECT account_id, seq, n, kind, record_table, version, actor, patch FROM change ORDER BY account_id, seq, n",
	"heads":   "SELECT account_id, seq, epoch, state, trimmed, '{}' FROM head ORDER BY account_id",
}

// storedIn reads a file; the last column is JSON, in which order does not count.
func storedIn(t *testing.T, p *participant, query string) (out [][]any) {
	t.Helper()
	db, err := open(p.site.Shard.DSN, "ro")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.Query(query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		values, into := make([]any, len(names)), make([]any, len(names))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		last := &values[len(values)-1]
		if err := json.Unmarshal([]byte((*last).(string)), last); err != nil {
			t.Fatal(err)
		}
		out = append(out, values)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}
