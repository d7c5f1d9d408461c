package shards_test

import (
	"context"
	"path/filepath"
	"testing"

	"gatehouse/shards"
	"gatehouse/shards/pgtest"
	"gatehouse/shards/shardtest"
)

func TestSQLite(t *testing.T) {
	t.Parallel()
	shardtest.Exercise(t, func(t *testing.T, opts shards.Options) *shards.Shard {
		t.Helper()
		// A path with all that a DSN might trip over.
		path := filepath.Join(t.TempDir(), "a b?c=d#e%41&.db")
		s, err := shards.Open(context.Background(), shards.Spec{ID: "1", Engine: "sqlite", DSN: path}, opts)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
		return s
	})
}

func TestPostgres(t *testing.T) {
	t.Parallel()
	cluster := shards.Cluster.Cluster(t)
	exercisePostgres(t, cluster, func(db pgtest.Database) string { return db.App(cluster.Primary) })
}

// Behind a PgBouncer each transaction may be on another connection. Reads and
// writes of a test have as many as it has for the database.
func TestPostgresBehindPgBouncer(t *testing.T) {
	t.Parallel()
	cluster := shards.Cluster.Cluster(t)
	bouncer := cluster.Primary.Bouncer(t)
	modes := []string{"exec"}
	if *soak {
		modes = append(modes, "cache_describe")
	}
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			exercisePostgres(t, cluster, func(db pgtest.Database) string {
				return db.App(bouncer) + "?pool_max_conns=4&default_query_exec_mode=" + mode
			})
		})
	}
}

func exercisePostgres(t *testing.T, cluster *pgtest.Cluster, dsn func(pgtest.Database) string) {
	shardtest.Exercise(t, func(t *testing.T, opts shards.Options) *shards.Shard {
		t.Helper()
		db := cluster.Database(t)
		s, err := shards.Open(context.Background(), shards.Spec{ID: "1", Engine: "postgres", DSN: dsn(db), OwnerDSN: db.Owner(cluster.Primary)}, opts)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
		return s
	})
}
