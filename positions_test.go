package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"gatehouse/shards"
	"gatehouse/tenancy"
)

// doors are gateways in front of the same accounts. What they answer is compared
// by its position in the account's history, whichever of them answers and
// whoever wrote.
type doors struct {
	t    *testing.T
	urls map[string]string // by name; those without a cache are called plain
	keys map[string]string // by account

	mu     sync.Mutex
	latest map[string]string   // bookmarks, by account
	ids    map[string][]string // of clients, by account
	seen   map[string]sighting // by account, position and query
	hits   map[string]int      // by gateway
	twice  int                 // answers that two gateways gave alike
}

type sighting struct{ by, data string }

// TestGatewaysAnswerAlikeAtEachPosition: processes that share a shard, two with
// the read cache and one without.
func TestGatewaysAnswerAlikeAtEachPosition(t *testing.T) {
	t.Parallel()
	url, cluster := newDirectoryURL(t), postgres.Cluster(t)
	db := cluster.Database(t)
	ok(t, "migrate", "--directory", url)
	ok(t, "shards", "add", "uk-1", "--engine", "postgres", "--dsn", db.App(cluster.Primary), "--owner-dsn", db.Owner(cluster.Primary), "--region", "UK", "--directory", url)
	d := &doors{t: t, keys: map[string]string{}}
	for _, account := range []string{"acme", "globex"} {
		ok(t, "accounts", "create", account, "--residency", "UK", "--directory", url)
		d.keys[account] = strings.TrimSpace(ok(t, "keys", "create", account, "--name", "k", "--scope", "*:*", "--directory", url))
	}
	d.urls = map[string]string{
		"one": startGateway(t, url, "").url, "two": startGateway(t, url, "").url, "plain": startGateway(t, url, "", "cache: 0").url,
	}
	d.compare()
}

// TestGatewaysOfOneFileAnswerAlike: an SQLite shard belongs to one process, so
// here the gateways are two in it, of which one has no cache.
func TestGatewaysOfOneFileAnswerAlike(t *testing.T) {
	t.Parallel()
	data := newFolder(t)
	d := &doors{t: t, urls: map[string]string{}, keys: map[string]string{}}
	for _, account := range []string{"acme", "globex"} {
		d.keys[account] = createKey(t, data, account, "--scope", "*:read", "--scope", "*:write")
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	at, err := claim(data)
	must(err)
	keys, err := shards.NewKeyring([]byte(testSecret))
	must(err)
	o, err := openOffice(t.Context(), at, officeOptions{Keys: keys})
	must(err)
	t.Cleanup(func() { must(o.close()) })
	auth, err := tenancy.NewAuthenticator(o.directory, nil, []string{"UK"})
	must(err)
	for name, cache := range map[string]int{"one": 1 << 20, "plain": 0} {
		g, err := newGateway(o, settings{Auth: auth, Keys: keys, Cache: cache})
		must(err)
		server := httptest.NewServer(g)
		t.Cleanup(server.Close)
		d.urls[name] = server.URL
	}
	d.compare()
}

// compare reads and writes at random, several at once.
func (d *doors) compare() {
	d.latest, d.ids, d.seen, d.hits = map[string]string{}, map[string][]string{}, map[string]sighting{}, map[string]int{}
	names := make([]string, 0, len(d.urls))
	for name := range d.urls {
		names = append(names, name)
	}
	for account := range d.keys {
		d.write(names[0], account, `mutation { createClient(input: {name: "first"}) { client { id } bookmark errors { code } } }`)
	}
	var wg sync.WaitGroup
	for worker := range uint64(6) {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(worker, 5))
			for range 100 {
				account, door := []string{"acme", "globex"}[random.IntN(2)], names[random.IntN(len(names))]
				d.mu.Lock()
				id, after := d.ids[account][random.IntN(len(d.ids[account]))], d.latest[account]
				d.mu.Unlock()
				switch random.IntN(12) {
				case 0:
					d.write(door, account, fmt.Sprintf(`mutation { createClient(input: {name: "%d", status: ACTIVE}) { client { id } bookmark errors { code } } }`, random.IntN(1000)))
				case 1:
					d.write(door, account, fmt.Sprintf(`mutation { updateClient(id: %q, patch: {phone: "%d"}) { client { id } bookmark errors { code } } }`, id, random.IntN(1000)))
				default:
					if random.IntN(2) == 0 {
						after = ""
					}
					d.read(door, account, after, []string{
						`{ clients(first: 5) { totalCount nodes { name phone version } } }`,
						`{ clients(first: 3, where: {status: {eq: ACTIVE}}, orderBy: {field: NAME}) { edges { cursor node { id } } } }`,
						fmt.Sprintf(`{ client(id: %q) { name phone version updatedAt } }`, id),
						fmt.Sprintf(`{ clients(last: 1) { nodes { id } } node(id: %q) { id ... on Client { phone } } }`, id),
					}[random.IntN(4)])
				}
			}
		})
	}
	wg.Wait()
	for name, n := range d.hits {
		if name == "plain" && n > 0 {
			d.t.Errorf("the gateway without a cache answered %d times from it", n)
		}
	}
	if d.twice == 0 || len(d.hits) != len(d.urls)-1 {
		d.t.Errorf("%d answers were compared between gateways, and these were from a cache: %v", d.twice, d.hits)
	}
}

// read asks one gateway, at or past a bookmark where one is given.
func (d *doors) read(door, account, after, query string) {
	data, header := d.ask(door, account, after, query)
	d.mu.Lock()
	defer d.mu.Unlock()
	if strings.HasSuffix(header.Get("Cache-Status"), "; hit") {
		d.hits[door]++
	}
	key := account + " " + header.Get("Bookmark") + " " + query
	before, known := d.seen[key]
	if known && before.data != data {
		d.t.Errorf("%s at one position:\n%s %s\n%s %s", query, before.by, before.data, door, data)
	}
	if known && before.by != door {
		d.twice++
	}
	d.seen[key] = sighting{door, data}
}

func (d *doors) write(door, account, mutation string) {
	data, _ := d.ask(door, account, "", mutation)
	var out map[string]struct {
		Client   struct{ ID string }
		Bookmark string
	}
	if err := json.Unmarshal([]byte(data), &out); err != nil {
		d.t.Error(err)
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, payload := range out {
		d.ids[account] = append(d.ids[account], payload.Client.ID)
		d.latest[account] = payload.Bookmark
	}
}

// ask returns the data of an answer that has no errors, and its header.
func (d *doors) ask(door, account, after, query string) (string, http.Header) {
	r, err := http.NewRequestWithContext(d.t.Context(), http.MethodPost, d.urls[door]+"/graphql", strings.NewReader(fmt.Sprintf(`{"query":%q}`, query)))
	if err != nil {
		d.t.Error(err)
		return "", nil
	}
	r.Header.Set("Authorization", "Bearer "+d.keys[account])
	r.Header.Set("Content-Type", "application/json")
	if after != "" {
		r.Header.Set("Bookmark", after)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		d.t.Error(err)
		return "", nil
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	var body struct{ Data, Errors json.RawMessage }
	if err != nil || json.Unmarshal(text, &body) != nil || body.Errors != nil {
		d.t.Errorf("%s: %s, %v", query, text, err)
	}
	return string(body.Data), response.Header
}
