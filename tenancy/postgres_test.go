package tenancy

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"gatehouse/shards"
	"gatehouse/shards/pgtest"
)

func TestADirectoryThatCannotBeOpened(t *testing.T) {
	t.Parallel()
	for dsn, want := range map[string]string{
		"${NOWHERE_TO_BE_FOUND}/d.db":                            "NOWHERE_TO_BE_FOUND",
		"postgres://u:${NOWHERE_TO_BE_FOUND}@127.0.0.1:1/d":      "NOWHERE_TO_BE_FOUND",
		"postgres://u:secret@127.0.0.1:1/d":                      "holds a password",
		"postgres://u@127.0.0.1:1/d":                             "open directory d on 127.0.0.1",
		"postgres://h/d?default_query_exec_mode=simple_protocol": "simple protocol",
		"mysql://h/d": "postgres://",
	} {
		_, err := OpenDirectory(t.Context(), dsn, Options{})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: got %v, want %q", dsn, err, want)
		}
	}
}

// TestLookupsArePrepared guards that what requests send is bound, and that the
// database has planned it before.
func TestLookupsArePrepared(t *testing.T) {
	t.Parallel()
	d, _ := newDirectory(t, onPostgres, nil)
	d.hot.SetMaxOpenConns(1) // prepared statements are a connection's
	for _, id := range []string{"account_acme", "account_globex", "it's; not \\ an id"} {
		if _, err := d.Lookup(t.Context(), id); err != nil && !errors.Is(err, ErrNotFound) {
			t.Fatal(err)
		}
	}
	var plans string
	must(t, d.hot.QueryRowContext(t.Context(),
		"SELECT string_agg(statement || ' ' || generic_plans + custom_plans, ';') FROM pg_prepared_statements WHERE statement = '"+selectAccount+"$1'").Scan(&plans))
	if want := selectAccount + "$1 3"; plans != want {
		t.Errorf("prepared: %s; want %s", plans, want)
	}
}

func TestADirectoryBehindABouncer(t *testing.T) {
	t.Parallel()
	cluster := postgres.Cluster(t)
	bouncer := cluster.Primary.Bouncer(t)
	d, dsn := newDirectory(t, func(t testing.TB) string {
		return cluster.Database(t).Owner(bouncer) + "?default_query_exec_mode=exec"
	}, nil)
	again := openTest(t, dsn, nil)
	must(t, d.SetState(t.Context(), "acme", Suspended))
	for _, d := range []*Directory{d, again} {
		for range 20 {
			a, err := d.readAccount(t.Context(), "account_acme")
			if err != nil || a.State != Suspended {
				t.Fatalf("got %+v, %v", a, err)
			}
		}
	}
}

// TestADeadGatewayLeavesNothingLocked cuts the connection of a change that has
// begun: the next one goes on at once.
func TestADeadGatewayLeavesNothingLocked(t *testing.T) {
	t.Parallel()
	cluster := postgres.Cluster(t)
	db := cluster.Database(t)
	d, dsn := newDirectory(t, func(testing.TB) string { return db.Owner(cluster.Primary) }, nil)
	other := openTest(t, dsn, nil)
	_, err := d.CreateAccount(t.Context(), NewAccount{ID: "lost", Name: "lost", Residency: "UK", Begin: func(context.Context, Account) error {
		cluster.Primary.Exec(t, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '"+db.Name+"' AND state = 'idle in transaction'")
		return nil
	}})
	if err == nil {
		t.Error("the change of a dead gateway came through")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	must(t, other.SetState(ctx, "acme", Suspended))
	if _, err := other.Account(ctx, "lost"); !errors.Is(err, ErrNotFound) {
		t.Errorf("got %v", err)
	}
	must(t, d.SetState(ctx, "acme", Active)) // on a connection that is whole
}

// TestTheDirectoryComesBack stops the database under a directory: nobody gets
// in meanwhile (invariant 4), and everybody afterwards.
func TestTheDirectoryComesBack(t *testing.T) {
	t.Parallel()
	cluster := pgtest.Start(t, 0)
	c := newClock()
	d, _ := newDirectory(t, func(t testing.TB) string { return cluster.Database(t).Owner(cluster.Primary) }, c.now)
	if _, err := d.Lookup(t.Context(), "account_acme"); err != nil {
		t.Fatal(err)
	}
	cluster.Primary.Stop(t)
	if _, err := d.Lookup(t.Context(), "account_acme"); err != nil {
		t.Error("within the lease:", err)
	}
	c.advance(maxLease)
	if _, err := d.Lookup(t.Context(), "account_acme"); shards.CodeOf(err) != shards.Unavailable {
		t.Errorf("got %v, want UNAVAILABLE", err)
	}
	cluster.Primary.Start(t)
	eventually(t, func() bool {
		_, err := d.Lookup(t.Context(), "account_acme")
		return err == nil
	})
}
