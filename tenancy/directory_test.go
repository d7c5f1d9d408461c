package tenancy

import (
	"context"
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gatehouse/shards"
)

// TestDirectory says what a directory does, on each engine.
func TestDirectory(t *testing.T) {
	t.Parallel()
	tests := map[string]func(*testing.T, place){
		"AccountIsFoundByIDAndName":                      accountIsFoundByIDAndName,
		"ManyProcessesMayOpenANewDirectoryAtOnce":        manyProcessesMayOpenANewDirectoryAtOnce,
		"CreateAccountRefuses":                           createAccountRefuses,
		"CreateAccountPicksTheLeastPopulatedSharedShard": createAccountPicksTheLeastPopulatedSharedShard,
		"ADedicatedShardIsGivenToOneOfManyAtOnce":        aDedicatedShardIsGivenToOneOfManyAtOnce,
		"AddShardRefuses":                                addShardRefuses,
		"DSNIsStoredUnexpanded":                          dsnIsStoredUnexpanded,
		"HostsBelongToOneAccount":                        hostsBelongToOneAccount,
		"CreateKeyRefuses":                               createKeyRefuses,
		"ClosedAccountsStayClosed":                       closedAccountsStayClosed,
		"AnAccountIsBegunOnItsShardFirst":                anAccountIsBegunOnItsShardFirst,
		"LimitsChangeOneByOne":                           limitsChangeOneByOne,
		"DocumentsAreAnAccountsOwn":                      documentsAreAnAccountsOwn,
		"ResidencyIsKept":                                residencyIsKept,
		"SetLimitsRefuses":                               setLimitsRefuses,
	}
	for engine, at := range places {
		for name, test := range tests {
			t.Run(engine+"/"+name, func(t *testing.T) {
				t.Parallel()
				test(t, at)
			})
		}
	}
}

func accountIsFoundByIDAndName(t *testing.T, at place) {
	c := newClock()
	d, path := newDirectory(t, at, c.now)
	want := Account{
		ID: "account_acme", Name: "acme", ShardID: "uk-1", Epoch: 1, State: Active, Residency: "UK",
		CreatedAt: instant(c.now()),
	}
	again := openTest(t, path, c.now) // a second process, and a second migration of nothing
	for _, d := range []*Directory{d, again} {
		for _, name := range []string{"account_acme", "acme"} {
			if got, err := d.Account(t.Context(), name); err != nil || !reflect.DeepEqual(got, want) {
				t.Fatalf("Account(%s) = %+v, %v; want %+v", name, got, err, want)
			}
		}
		if got, err := d.Lookup(t.Context(), "account_acme"); err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("Lookup = %+v, %v; want %+v", got, err, want)
		}
		if _, err := d.Lookup(t.Context(), "acme"); !errors.Is(err, ErrNotFound) {
			t.Fatalf("Lookup by name = %v; want ErrNotFound: requests come with ids only", err)
		}
	}
	all, err := d.Accounts(t.Context())
	must(t, err)
	if len(all) != 3 || all[0].Name != "acme" || all[2].Name != "initech" {
		t.Fatalf("Accounts = %+v", all)
	}
}

// As many gateways start at once, or the same one again and again.
func manyProcessesMayOpenANewDirectoryAtOnce(t *testing.T, at place) {
	dsn := at(t)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			d, err := OpenDirectory(t.Context(), dsn, Options{})
			if err != nil {
				t.Error(err)
				return
			}
			defer d.Close()
			if _, err := d.Accounts(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func createAccountRefuses(t *testing.T, at place) {
	d, _ := newDirectory(t, at, nil)
	ctx := t.Context()
	must(t, d.AddShard(ctx, Shard{ID: "uk-own", Engine: "sqlite", DSN: "own.db", Region: "UK", Dedicated: true}))
	must(t, d.AddShard(ctx, Shard{ID: "uk-old", Engine: "sqlite", DSN: "old.db", Region: "UK"}))
	must(t, d.SetShardState(ctx, "uk-old", ShardDraining))
	if _, err := d.CreateAccount(ctx, NewAccount{ID: "a_1", Name: "big", Residency: "UK", ShardID: "uk-own"}); err != nil {
		t.Fatal(err)
	}
	must(t, d.SetState(ctx, "big", Closed))

	for name, test := range map[string]struct {
		n    NewAccount
		want string
	}{
		"no id":                   {NewAccount{Name: "n", Residency: "UK"}, "an account's id is missing"},
		"id with NUL":             {NewAccount{ID: "a\x00", Name: "n", Residency: "UK"}, "an account's id must be"},
		"id with quote":           {NewAccount{ID: "a'--", Name: "n", Residency: "UK"}, "an account's id must be"},
		"id like a flag":          {NewAccount{ID: "-a", Name: "n", Residency: "UK"}, "an account's id must be"},
		"no name":                 {NewAccount{ID: "a", Residency: "UK"}, "an account's name must be"},
		"name in capitals":        {NewAccount{ID: "a", Name: "N", Residency: "UK"}, "an account's name must be"},
		"name too long":           {NewAccount{ID: "a", Name: strings.Repeat("n", 64), Residency: "UK"}, "an account's name must be"},
		"no region":               {NewAccount{ID: "a", Name: "n"}, "a region must be"},
		"region in small letters": {NewAccount{ID: "a", Name: "n", Residency: "uk"}, "a region must be"},
		"region too long":         {NewAccount{ID: "a", Name: "n", Residency: "UKUKUKUKUKU"}, "a region must be"},
		"a limit below zero":      {NewAccount{ID: "a", Name: "n", Residency: "UK", Limits: Limits{Points: -1}}, "the limit points must be"},
		"name taken":              {NewAccount{ID: "a", Name: "acme", Residency: "UK"}, "with that name or id already"},
		"id taken":                {NewAccount{ID: "account_acme", Name: "n", Residency: "UK"}, "with that name or id already"},
		"id is another's name":    {NewAccount{ID: "acme", Name: "n", Residency: "UK"}, "with that name or id already"},
		"no shard in region":      {NewAccount{ID: "a", Name: "n", Residency: "US"}, "no shared, active shard lies in US"},
		"shard elsewhere":         {NewAccount{ID: "a", Name: "n", Residency: "UK", ShardID: "eu-1"}, "must stay in UK"},
		"shard draining":          {NewAccount{ID: "a", Name: "n", Residency: "UK", ShardID: "uk-old"}, "is being drained"},
		"shard dedicated, taken":  {NewAccount{ID: "a", Name: "n", Residency: "UK", ShardID: "uk-own"}, "is dedicated to another account"},
	} {
		_, err := d.CreateAccount(ctx, test.n)
		if shards.CodeOf(err) != shards.BadRequest || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", name, err, test.want)
		}
	}
	if _, err := d.CreateAccount(ctx, NewAccount{ID: "a", Name: "n", Residency: "UK", ShardID: "uk-9"}); !errors.Is(err, ErrNotFound) {
		t.Errorf("unknown shard: got %v", err)
	}
	if all, err := d.Accounts(ctx); err != nil || len(all) != 4 {
		t.Errorf("something was written: %d accounts, %v", len(all), err)
	}
}

func createAccountPicksTheLeastPopulatedSharedShard(t *testing.T, at place) {
	d, _ := newDirectory(t, at, nil) // uk-1 has two accounts
	d.options.NewID = func() string { return fmt.Sprintf("account_%d", time.Now().UnixNano()) }
	ctx := t.Context()
	must(t, d.AddShard(ctx, Shard{ID: "uk-0", Engine: "sqlite", DSN: "0.db", Region: "UK", State: ShardDraining}))
	must(t, d.AddShard(ctx, Shard{ID: "uk-2", Engine: "sqlite", DSN: "2.db", Region: "UK"}))
	must(t, d.AddShard(ctx, Shard{ID: "uk-3", Engine: "sqlite", DSN: "3.db", Region: "UK", Dedicated: true}))
	var got []string
	for i := range 4 {
		a, err := d.CreateAccount(ctx, NewAccount{Name: fmt.Sprint("n", i), Residency: "UK", Limits: Limits{Points: 5}})
		must(t, err)
		if a.Limits != (Limits{Points: 5}) {
			t.Errorf("limits = %s", a.Limits)
		}
		got = append(got, a.ShardID)
	}
	if want := []string{"uk-2", "uk-2", "uk-1", "uk-2"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func aDedicatedShardIsGivenToOneOfManyAtOnce(t *testing.T, at place) {
	d, path := newDirectory(t, at, nil)
	must(t, d.AddShard(t.Context(), Shard{ID: "own", Engine: "sqlite", DSN: "own.db", Region: "UK", Dedicated: true}))
	other := openTest(t, path, nil)
	var wg sync.WaitGroup
	won := make(chan string, 16)
	for i := range 16 {
		wg.Go(func() {
			name := fmt.Sprint("n", i)
			on := []*Directory{d, other}[i%2]
			_, err := on.CreateAccount(t.Context(), NewAccount{ID: name, Name: name, Residency: "UK", ShardID: "own"})
			if err == nil {
				won <- name
			} else if shards.CodeOf(err) != shards.BadRequest {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if len(won) != 1 {
		t.Errorf("%d accounts are on a dedicated shard", len(won))
	}
}

func addShardRefuses(t *testing.T, at place) {
	d, _ := newDirectory(t, at, nil)
	for name, test := range map[string]struct {
		s    Shard
		want string
	}{
		"id":                  {Shard{ID: "UK 1", Engine: "sqlite", DSN: "x", Region: "UK"}, "a shard's id must be"},
		"id taken":            {Shard{ID: "uk-1", Engine: "sqlite", DSN: "x", Region: "UK"}, "that id or DSN"},
		"DSN taken":           {Shard{ID: "uk-2", Engine: "sqlite", DSN: "uk-1.db", Region: "UK"}, "that id or DSN"},
		"engine":              {Shard{ID: "uk-2", Engine: "mysql", DSN: "x", Region: "UK"}, "sqlite or postgres"},
		"region":              {Shard{ID: "uk-2", Engine: "sqlite", DSN: "x", Region: "U"}, "a region must be"},
		"state":               {Shard{ID: "uk-2", Engine: "sqlite", DSN: "x", Region: "UK", State: "gone"}, "a shard's state"},
		"no DSN":              {Shard{ID: "uk-2", Engine: "sqlite", Region: "UK"}, "the DSN is missing"},
		"NUL":                 {Shard{ID: "uk-2", Engine: "sqlite", DSN: "a\x00b", Region: "UK"}, "control characters"},
		"memory":              {Shard{ID: "uk-2", Engine: "sqlite", DSN: ":memory:", Region: "UK"}, "plain path"},
		"parameters":          {Shard{ID: "uk-2", Engine: "sqlite", DSN: "a.db?mode=ro", Region: "UK"}, "plain path"},
		"replica of SQLite":   {Shard{ID: "uk-2", Engine: "sqlite", DSN: "x", Replicas: Replicas{{"y", "UK"}}, Region: "UK"}, "no replicas"},
		"scheme":              {Shard{ID: "uk-2", Engine: "postgres", DSN: "http://h/d", Region: "UK"}, "must begin with postgres://"},
		"password in URL":     {Shard{ID: "uk-2", Engine: "postgres", DSN: "postgres://u:pw@h/d", Region: "UK"}, "holds a password"},
		"password half":       {Shard{ID: "uk-2", Engine: "postgres", DSN: "postgres://u:pw${X}@h/d", Region: "UK"}, "holds a password"},
		"password in query":   {Shard{ID: "uk-2", Engine: "postgres", DSN: "postgres://u@h/d?password=pw", Region: "UK"}, "holds a password"},
		"password setting":    {Shard{ID: "uk-2", Engine: "postgres", DSN: "host=h password='p w'", Region: "UK"}, "holds a password"},
		"password of replica": {Shard{ID: "uk-2", Engine: "postgres", DSN: "host=h", Replicas: Replicas{{"host=i password=pw", "UK"}}, Region: "UK"}, "holds a password"},
		"owner of SQLite":     {Shard{ID: "uk-2", Engine: "sqlite", DSN: "x", OwnerDSN: "postgres://h/d", Region: "UK"}, "no other owner"},
		"password of owner":   {Shard{ID: "uk-2", Engine: "postgres", DSN: "host=h", OwnerDSN: "postgres://u:pw@h/d", Region: "UK"}, "holds a password"},
		"replica's region":    {Shard{ID: "uk-2", Engine: "postgres", DSN: "host=h", Replicas: Replicas{{"host=i", ""}}, Region: "UK"}, "a region must be"},
		"replica is itself":   {Shard{ID: "uk-2", Engine: "postgres", DSN: "host=h", Replicas: Replicas{{"host=h", "UK"}}, Region: "UK"}, "must be its own"},
		"reference":           {Shard{ID: "uk-2", Engine: "postgres", DSN: "host=h password=${1}", Region: "UK"}, "malformed reference"},
	} {
		err := d.AddShard(t.Context(), test.s)
		if shards.CodeOf(err) != shards.BadRequest || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", name, err, test.want)
		}
	}
	if all, err := d.Shards(t.Context()); err != nil || len(all) != 2 {
		t.Errorf("something was written: %+v, %v", all, err)
	}
}

func dsnIsStoredUnexpanded(t *testing.T, at place) {
	d, _ := newDirectory(t, at, nil)
	want := Shard{
		ID: "uk-2", Engine: "postgres", DSN: "postgres://app:${PG_PASSWORD}@${PG_HOST}/uk", Region: "UK", State: ShardActive,
		OwnerDSN: "postgres://owner:${PG_OWNER}@${PG_HOST}/uk",
		Replicas: Replicas{{"host=${PG_REPLICA} user=app password=${PG_PASSWORD} application_name='it''s'", "UK"}}, Dedicated: true,
	}
	must(t, d.AddShard(t.Context(), want))
	got, err := d.Shard(t.Context(), "uk-2")
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("got %+v, %v; want %+v", got, err, want)
	}
	env := map[string]string{"PG_PASSWORD": "${PG_HOST}", "PG_HOST": "db.internal", "PG_REPLICA": ""}
	lookup := func(name string) (string, bool) { v, ok := env[name]; return v, ok }
	if dsn, err := ExpandDSN(got.DSN, lookup); err != nil || dsn != "postgres://app:${PG_HOST}@db.internal/uk" {
		t.Errorf("got %q, %v", dsn, err) // what a variable holds is not expanded again
	}
	if _, err := got.Spec(lookup); err == nil || !strings.Contains(err.Error(), "PG_REPLICA") ||
		strings.Contains(err.Error(), "db.internal") {
		t.Errorf("got %v, want an error that names PG_REPLICA", err)
	}
}

func hostsBelongToOneAccount(t *testing.T, at place) {
	d, _ := newDirectory(t, at, nil)
	ctx := t.Context()
	must(t, d.AddHost(ctx, "acme", "CRM.Acme.example."))
	must(t, d.AddHost(ctx, "account_acme", "crm.acme.example"))
	must(t, d.AddHost(ctx, "acme", "api.acme.example"))
	hosts, err := d.Hosts(ctx, "acme")
	want := []Host{{"api.acme.example", "account_acme"}, {"crm.acme.example", "account_acme"}}
	if err != nil || !reflect.DeepEqual(hosts, want) {
		t.Fatalf("got %+v, %v; want %+v", hosts, err, want)
	}
	if err := d.AddHost(ctx, "globex", "crm.acme.example"); shards.CodeOf(err) != shards.BadRequest {
		t.Errorf("another account's host: %v", err)
	}
	for _, bad := range []string{"", ".", "a..b", "-a.example", "a b", "a.example:80", "http://a", "a'b", "ünï.example", strings.Repeat("a", 64), strings.Repeat("a.", 130)} {
		if err := d.AddHost(ctx, "acme", bad); shards.CodeOf(err) != shards.BadRequest {
			t.Errorf("host %q: %v", bad, err)
		}
	}
	if err := d.AddHost(ctx, "nobody", "x.example"); !errors.Is(err, ErrNotFound) {
		t.Errorf("unknown account: %v", err)
	}
	must(t, d.RemoveHost(ctx, "crm.acme.example"))
	if err := d.RemoveHost(ctx, "crm.acme.example"); !errors.Is(err, ErrNotFound) {
		t.Errorf("removed twice: %v", err)
	}
	must(t, d.AddHost(ctx, "globex", "crm.acme.example"))
}

func createKeyRefuses(t *testing.T, at place) {
	c := newClock()
	d, _ := newDirectory(t, at, c.now)
	must(t, d.SetState(t.Context(), "globex", Closed))
	read := []string{"clients:read"}
	for name, test := range map[string]struct {
		n    NewKey
		want string
	}{
		"no name":       {NewKey{Account: "acme", Scopes: read}, "a key's name is missing"},
		"NUL in name":   {NewKey{Account: "acme", Name: "a\x00b", Scopes: read}, "control characters"},
		"bad UTF-8":     {NewKey{Account: "acme", Name: "a\xffb", Scopes: read}, "control characters"},
		"long name":     {NewKey{Account: "acme", Name: strings.Repeat("é", 101), Scopes: read}, "at most 100"},
		"no scope":      {NewKey{Account: "acme", Name: "k"}, "at least one scope"},
		"unknown scope": {NewKey{Account: "acme", Name: "k", Scopes: []string{"clients:delete"}}, `unknown scope "clients:delete"`},
		"pattern":       {NewKey{Account: "acme", Name: "k", Scopes: []string{"*:*"}}, "unknown scope"},
		"past expiry":   {NewKey{Account: "acme", Name: "k", Scopes: read, ExpiresAt: c.now()}, "in the future"},
		"closed":        {NewKey{Account: "globex", Name: "k", Scopes: read}, "is closed"},
	} {
		_, text, err := d.CreateKey(t.Context(), test.n)
		if shards.CodeOf(err) != shards.BadRequest || !strings.Contains(err.Error(), test.want) || text != "" {
			t.Errorf("%s: got %v, want %q", name, err, test.want)
		}
	}
}

func TestTheSecretOfAKeyIsNotStored(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	key, text := f.key(t, "acme", f.clock.now().Add(time.Hour))
	_, secret, _ := splitKey(text)
	must(t, f.directory.Close())
	for _, suffix := range []string{"", "-wal"} {
		content, err := os.ReadFile(f.path + suffix)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		if strings.Contains(string(content), secret) || strings.Contains(string(content), secret[:20]) {
			t.Errorf("the secret is in the file%s", suffix)
		}
	}
	again := openTest(t, f.path, f.clock.now)
	keys, err := again.Keys(t.Context(), "acme")
	if err != nil || !reflect.DeepEqual(keys, []Key{key}) {
		t.Errorf("got %+v, %v; want %+v", keys, err, key)
	}
	if got := fmt.Sprintf("%+v", keys); strings.Contains(got, secret) {
		t.Error("the secret is printed")
	}
}

func closedAccountsStayClosed(t *testing.T, at place) {
	d, _ := newDirectory(t, at, nil)
	ctx := t.Context()
	must(t, d.SetState(ctx, "acme", Suspended))
	must(t, d.SetState(ctx, "acme", Active))
	must(t, d.SetState(ctx, "account_acme", Closed))
	must(t, d.SetState(ctx, "acme", Closed))
	for _, state := range []State{Active, Suspended} {
		if err := d.SetState(ctx, "acme", state); shards.CodeOf(err) != shards.BadRequest {
			t.Errorf("%s: %v", state, err)
		}
	}
	if err := d.SetState(ctx, "globex", "deleted"); shards.CodeOf(err) != shards.BadRequest {
		t.Error(err)
	}
	if err := d.SetState(ctx, "nobody", Closed); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	if err := d.AddHost(ctx, "acme", "a.example"); shards.CodeOf(err) != shards.BadRequest {
		t.Error(err)
	}
	if err := d.RevokeKey(ctx, "nokey"); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
}

func anAccountIsBegunOnItsShardFirst(t *testing.T, at place) {
	d, _ := newDirectory(t, at, nil)
	refusal := errors.New("the shard is down")
	var begun []string
	_, err := d.CreateAccount(t.Context(), NewAccount{ID: "account_new", Name: "new", Residency: "UK", Begin: func(ctx context.Context, a Account) error {
		begun = append(begun, a.ID+" on "+a.ShardID)
		if _, err := d.Account(ctx, a.ID); !errors.Is(err, ErrNotFound) {
			t.Errorf("the account is there already: %v", err)
		}
		return refusal
	}})
	if !errors.Is(err, refusal) || !slices.Equal(begun, []string{"account_new on uk-1"}) {
		t.Errorf("got %v, %v", err, begun)
	}
	if _, err := d.Account(t.Context(), "new"); !errors.Is(err, ErrNotFound) {
		t.Errorf("there is an account: %v", err)
	}
	_, err = d.CreateAccount(t.Context(), NewAccount{ID: "x", Name: "acme", Residency: "UK", Begin: func(context.Context, Account) error {
		t.Error("begun, although the name is taken")
		return nil
	}})
	if shards.CodeOf(err) != shards.BadRequest {
		t.Error(err)
	}
}
