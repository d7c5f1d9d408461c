package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"gatehouse/tenancy"
)

var fairnessTime = flag.Duration("fairness", 0, "how long each round of TestAFloodIsNotFelt runs; without it a moment, and only failures count")

// floods are what a noisy account may do. %d makes one different from the next.
var floods = map[string]string{
	"dear queries": `{ clients(first: 100) { nodes { a%d: name status group { name } owner { name } leads(first: 10) { nodes { name } } documents(first: 5) { nodes { title } } } } }`,
	"cheap ones":   `{ viewer { account { name } } }`,
	"new texts":    `{ clients(first: 3) { nodes { a%d: name } } }`,
	"writes":       `mutation { createClient(input: {name: \"Noise %d\"}) { client { id } errors { code } } }`,
}

// TestAFloodIsNotFelt: one account floods the gateway over 40 connections, with
// 20 credentials whose budgets admit all of it, and another account's 99th
// percentile stays within 1.5 times of what it is without the noise, whether its
// answers are computed or have been kept. The other account is 50 people, who
// read and write at a rate that takes a tenth to a quarter of two processors;
// that of a single client that reads, each of whose waits counts, is only told.
// Rounds with and without noise alternate. The noise is made by a process that
// gets what the others leave, and the other account's takes precedence, where
// the test may say so: clients have machines of their own.
//
//	go test . -run TestAFloodIsNotFelt/kept -v -args -fairness 1500ms
//
// It is not parallel: it measures time.
func TestAFloodIsNotFelt(t *testing.T) {
	round, rounds := *fairnessTime, 5
	if round == 0 {
		round, rounds = 100*time.Millisecond, 1
	}
	for answers, cache := range map[string]string{"kept": "", "computed": "cache: 0\n"} {
		t.Run(answers, func(t *testing.T) { floodsAreNotFelt(t, cache, round, rounds) })
	}
}

func floodsAreNotFelt(t *testing.T, cache string, round time.Duration, rounds int) {
	data := newFolder(t)
	var keys []string
	for i := range 20 {
		keys = append(keys, strings.TrimSpace(ok(t, "keys", "create", "acme", "--name", fmt.Sprint("k", i), "--scope", "*:read", "--scope", "*:write", "--data", data)))
	}
	quiet := strings.TrimSpace(ok(t, "keys", "create", "globex", "--name", "k", "--scope", "*:read", "--scope", "*:write", "--data", data))
	s := start(t, nil, "serve", "--config", configFor(t, data, "limits: {points: 100000000, burst: 100000000}\n"+cache+
		"tokens: {issuer: "+tenancy.DevIssuer+", audience: "+tenancy.DevAudience+", secrets: ['"+testSecret+"']}\n"))
	s.populate(t, keys[0])
	people := &crowd{Address: strings.TrimPrefix(s.url, "http://"), Account: "account_globex", People: 50, For: round, Pace: 160 * time.Millisecond}
	people.seed(t)
	for name, text := range floods {
		t.Run("among "+name, func(t *testing.T) {
			var crowd, client sides
			alone, among := map[string][]time.Duration{}, map[string][]time.Duration{} // by what the people asked
			for range rounds {
				people.took(t, alone)
				client.alone = append(client.alone, s.measure(t, quiet, round)...)
				stop := makeNoise(t, s.url, keys, text)
				people.took(t, among)
				client.among = append(client.among, s.measure(t, quiet, round)...)
				t.Log(stop())
			}
			for _, asked := range slices.Sorted(maps.Keys(alone)) {
				crowd.alone, crowd.among = append(crowd.alone, alone[asked]...), append(crowd.among, among[asked]...)
				t.Logf("%s: %v", asked, sides{alone[asked], among[asked]})
			}
			t.Log("people:", crowd)
			t.Log("client:", client)
			if *fairnessTime > 0 && crowd.ratio() > 1.5 {
				t.Errorf("the people's p99 is %.2f times what it is alone", crowd.ratio())
			}
		})
	}
	if code := s.stop(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// sides are how long requests took without noise and among it.
type sides struct{ alone, among []time.Duration }

func (s sides) ratio() float64 {
	return float64(percentile(s.among, 99)) / float64(percentile(s.alone, 99))
}

func (s sides) String() string {
	return fmt.Sprintf("p50 %v alone, %v among noise; p99 %v and %v of %d and %d requests, ratio %.2f",
		percentile(s.alone, 50), percentile(s.among, 50), percentile(s.alone, 99), percentile(s.among, 99), len(s.alone), len(s.among), s.ratio())
}

// took has the crowd work, ahead of others, and adds how long each answer took,
// by what was asked.
func (c *crowd) took(t *testing.T, to map[string][]time.Duration) {
	t.Helper()
	out := c.work(t, "-f")
	for _, err := range out.Errors {
		t.Error(err)
	}
	for asked, took := range out.Took {
		to[asked] = append(to[asked], took...)
	}
}

// populate gives an account 200 clients with a group, an owner and leads.
func (s *server) populate(t *testing.T, key string) {
	t.Helper()
	created := func(query, path string) string {
		var out struct {
			Data map[string]map[string]struct{ ID string }
		}
		_, text := s.post(t, key, query)
		if err := json.Unmarshal([]byte(text), &out); err != nil || out.Data[path] == nil {
			t.Fatal(text)
		}
		for _, record := range out.Data[path] {
			return record.ID
		}
		return ""
	}
	group := created(`mutation { createGroup(input: {name: \"G\"}) { group { id } } }`, "createGroup")
	user := created(`mutation { createUser(input: {name: \"U\", email: \"u@example.org\", role: ADMIN}) { user { id } } }`, "createUser")
	for i := range 10 {
		var inputs strings.Builder
		for j := range 20 {
			fmt.Fprintf(&inputs, `{externalId: \"c%d\", patch: {name: \"Client %d\", groupId: \"%s\", ownerId: \"%s\"}} `, 20*i+j, 20*i+j, group, user)
		}
		if status, text := s.post(t, key, `mutation { upsertClients(inputs: [`+inputs.String()+`]) { results { errors { code } } } }`); status != 200 || strings.Contains(text, `"code"`) {
			t.Fatal(text)
		}
	}
}

// post sends a query, in which quotes are escaped, and returns the answer.
func (s *server) post(t testing.TB, key, query string) (int, string) {
	t.Helper()
	status, text, err := post(t.Context(), http.DefaultClient, s.url, key, query)
	if err != nil {
		t.Fatal(err)
	}
	return status, text
}

func post(ctx context.Context, client *http.Client, url, key, query string) (int, string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/graphql", strings.NewReader(`{"query":"`+query+`"}`))
	if err != nil {
		return 0, "", err
	}
	r.Header.Set("Authorization", "Bearer "+key)
	r.Header.Set("Content-Type", "application/json")
	response, err := client.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return response.StatusCode, string(text), err
}

func percentile(took []time.Duration, p int) time.Duration {
	sorted := slices.Sorted(slices.Values(took))
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(len(sorted)-1, len(sorted)*p/100)].Round(10 * time.Microsecond)
}
