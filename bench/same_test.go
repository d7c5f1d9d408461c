package main

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"slices"
	"sync"
	"testing"

	"gatehouse/shards"
)

// TestBothAnswerTheSame keeps the comparison honest: for the same request both
// handlers answer the same JSON, and to read they run the same statements.
func TestBothAnswerTheSame(t *testing.T) {
	var mu sync.Mutex
	texts := map[string]bool{}
	dir := t.TempDir()
	c, err := newContest(context.Background(), files(dir), 2, func(s shards.Statement) {
		mu.Lock()
		texts[s.SQL] = true
		mu.Unlock()
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := c.close(); err != nil {
			t.Error(err)
		}
	}()
	clear(texts)
	random := rand.New(rand.NewPCG(1, 2))
	for _, op := range operations {
		if op.name == "create" { // the first that writes
			want := []string{selectHead, getClients, getGroups, getUsers, nextPage, stageSums, stageLeads, firstGroups, groupClients, userGroups}
			slices.Sort(want)
			if got := slices.Sorted(maps.Keys(texts)); !slices.Equal(got, want) {
				t.Errorf("statements to read\n got %q\nwant %q", got, want)
			}
		}
		for range 30 {
			c.alike(t, op, random, ours, byHand, grouping)
		}
	}
	for what, query := range stored {
		want := storedIn(t, filepath.Join(dir, "shard.db"), query)
		for _, name := range []string{byHand, grouping} {
			if got := storedIn(t, filepath.Join(dir, fileOf(name)), query); !reflect.DeepEqual(got, want) {
				t.Errorf("%s: the %s differ from gatehouse's", name, what)
			}
		}
	}
}

// alike asks all of these the same, and wants the same answer.
func (c *contest) alike(t *testing.T, op *operation, random *rand.Rand, names ...string) {
	t.Helper()
	a := c.data.Accounts[random.IntN(len(c.data.Accounts))]
	variables := op.variables(a, random)
	var first any
	for i, name := range names {
		one := c.contestant(name)
		body := variables
		if one.envelope {
			body = append(append(bytes.Clone(op.bodies(true).before), variables...), '}')
		}
		text, err := ask(one.handler(op), "/"+op.name, a, body)
		if err != nil {
			t.Fatal(err)
		}
		var v any
		if err := json.Unmarshal(text, &v); err != nil {
			t.Fatal(err)
		}
		if op.write {
			forget(v)
		}
		if i == 0 {
			first = v
		} else if !reflect.DeepEqual(v, first) {
			t.Fatalf("%s %s:\n%s %v\n%s %v", op.name, variables, names[0], first, name, v)
		}
	}
}

// forget takes out of a mutation's answer what no two writes have alike.
func forget(v any) {
	for _, p := range v.(map[string]any)["data"].(map[string]any) {
		client := p.(map[string]any)["client"].(map[string]any)
		for _, name := range []string{"createdAt", "updatedAt"} {
			if client[name] != nil {
				client[name] = len(client[name].(string))
			}
		}
		if client["phone"] == nil { // created rather than updated
			client["id"] = len(client["id"].(string))
		}
	}
}

// stored is what the files must have alike once the same was written: clients
// without their ids and times, and the changes.
var stored = map[string]string{
	"clients": "SELECT account_id, version, external_id_fold, name_fold, email_fold, body FROM clients ORDER BY account_id, name_fold",
	"changes": "SELECT account_id, seq, n, kind, record_table, version, actor, patch FROM change ORDER BY account_id, seq, n",
	"heads":   "SELECT account_id, seq, epoch, state, trimmed, '{}' FROM head ORDER BY account_id",
}

// storedIn reads a file; the last column is JSON, in which order does not count.
func storedIn(t *testing.T, path, query string) (out [][]any) {
	t.Helper()
	db, err := open(path, "ro")
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
