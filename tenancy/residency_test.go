package tenancy

import (
	"bytes"
	"context"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"gatehouse/shards"
)

func TestParseResidency(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Residency{
		"UK": "UK", "UK,EU": "EU,UK", " EU , UK,EU": "EU,UK", "EU2": "EU2",
		"": "", ",": "", "UK,": "", "uk": "", "*": "", "UK EU": "", "U": "", "A1,B1,C1,D1,E1,F1,G1,H1,I1,J1,K1": "",
	} {
		got, err := ParseResidency(text)
		if got != want || (err != nil) != (want == "") || err != nil && shards.CodeOf(err) != shards.BadRequest {
			t.Errorf("%q: got %q, %v; want %q", text, got, err, want)
		}
	}
	for _, region := range []string{"", "U", "K", "UKEU", "EU,UK", "US"} {
		if Residency("EU,UK").Allows(region) || Residency("").Allows(region) {
			t.Errorf("%q is allowed", region)
		}
	}
}

// Invariant 5: what would put data outside of an account's residency is refused.
func residencyIsKept(t *testing.T, at place) {
	d, _ := newDirectory(t, at, nil)
	ctx := t.Context()
	abroad := Replicas{{"postgres://replica/eu", "EU"}}
	for _, s := range []Shard{
		{ID: "uk-pg", Engine: "postgres", DSN: "postgres://primary/uk", Region: "UK", Replicas: Replicas{{"postgres://replica/uk", "UK"}}},
		{ID: "both", Engine: "postgres", DSN: "postgres://primary/both", Region: "UK", Replicas: abroad},
	} {
		must(t, d.AddShard(ctx, s))
	}
	create := func(name, residency, shard string) error {
		_, err := d.CreateAccount(ctx, NewAccount{ID: name, Name: name, Residency: residency, ShardID: shard})
		return err
	}
	refused := func(err error, want string) {
		t.Helper()
		if shards.CodeOf(err) != shards.BadRequest || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	// Creating: neither the shard nor a replica may lie elsewhere.
	refused(create("n", "UK", "eu-1"), "the shard eu-1 lies in EU, but the account's data must stay in UK")
	refused(create("n", "UK", "both"), "the shard both lies in UK and EU, but the account's data must stay in UK")
	refused(create("n", "EU", "both"), "must stay in EU")
	refused(create("n", "US", ""), "no shared, active shard lies in US")
	must(t, create("m", "UK", "")) // not on "both", which is as empty and comes first
	if m, err := d.Account(ctx, "m"); err != nil || m.ShardID != "uk-pg" {
		t.Errorf("m is on %s, %v", m.ShardID, err)
	}
	// Replicating: not for any account that is there, a closed one too.
	must(t, d.SetState(ctx, "m", Closed))
	_, err := d.SetReplicas(ctx, "uk-pg", Replicas{{"postgres://replica/uk", "UK"}, {"postgres://replica/2", "EU"}})
	refused(err, "the shard uk-pg lies in UK and UK and EU, but the account's data must stay in UK")
	_, err = d.SetReplicas(ctx, "uk-pg", Replicas{{"postgres://replica:secret@h/2", "UK"}})
	refused(err, "holds a password")
	_, err = d.SetReplicas(ctx, "uk-1", Replicas{{"postgres://replica/2", "UK"}})
	refused(err, "no replicas")
	for _, replicas := range []Replicas{{{"postgres://replica/2", "UK"}}, nil} {
		set, err := d.SetReplicas(ctx, "uk-pg", replicas)
		must(t, err)
		if got, err := d.Shard(ctx, "uk-pg"); err != nil || !reflect.DeepEqual(got, set) || !reflect.DeepEqual(got.Replicas, replicas) {
			t.Errorf("set %+v, got %+v, %v", set, got, err)
		}
	}
	must(t, create("n", "UK,EU", "both"))
	_, err = d.SetReplicas(ctx, "both", Replicas{{"postgres://replica/eu", "EU"}, {"postgres://replica/us", "US"}})
	refused(err, "the account n: ")
}

// A row that lies, however it came about, is not followed: neither to a shard
// that would have to be opened nor to one that others have opened.
func TestNothingIsRoutedOutOfItsResidency(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	dir := t.TempDir()
	keys, err := shards.NewKeyring(bytes.Repeat([]byte("k"), 32))
	must(t, err)
	d := openTest(t, onSQLite(t), nil)
	for id, region := range map[string]string{"uk": "UK", "eu": "EU"} {
		s := Shard{ID: id, Engine: "sqlite", DSN: filepath.Join(dir, id+".db"), Region: region}
		must(t, d.AddShard(ctx, s))
		_, err := d.CreateAccount(ctx, NewAccount{ID: id, Name: id, Residency: region, Begin: func(ctx context.Context, a Account) error {
			shard, err := shards.Open(ctx, shards.Spec{ID: id, Engine: s.Engine, DSN: s.DSN, Region: region}, shards.Options{Keys: keys, Create: true})
			must(t, err)
			must(t, shard.AddAccount(ctx, "uk"))
			must(t, shard.AddAccount(ctx, "eu"))
			return shard.Close()
		}})
		must(t, err)
	}
	_, err = d.write.ExecContext(ctx, "UPDATE account SET db_shard_id = 'eu' WHERE id = 'uk'")
	must(t, err)
	pool := shards.NewPool(shards.Options{Keys: keys})
	t.Cleanup(func() { must(t, pool.Close()) })
	gate := NewGate(nil, d, pool, keys)
	read := func(id string) error {
		a, err := d.Lookup(ctx, id)
		must(t, err)
		_, err = gate.Request(&Caller{Account: a}).Handle.Bookmark(ctx)
		return err
	}
	outside := func(when string) {
		t.Helper()
		err := read("uk")
		wantError(t, err, shards.Unavailable, "the account can't be reached just now")
		if !strings.Contains(err.Error(), "the shard eu lies in EU, but the account's data must stay in UK") {
			t.Errorf("%s: got %v", when, err)
		}
	}
	outside("not open")
	if _, open := pool.Get("eu"); open {
		t.Error("the shard was opened")
	}
	must(t, read("eu"))
	outside("open for its own account")
}
