package shards_test

import (
	"context"
	"path/filepath"
	"testing"

	"gatehouse/shards"
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
	shardtest.Exercise(t, func(t *testing.T, opts shards.Options) *shards.Shard {
		t.Helper()
		db := cluster.Database(t)
		s, err := shards.Open(context.Background(), shards.Spec{
			ID: "1", Engine: "postgres", DSN: db.App(cluster.Primary), OwnerDSN: db.Owner(cluster.Primary),
		}, opts)
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
