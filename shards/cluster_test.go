package shards

import (
	"context"
	"os"
	"testing"

	"github.com/jackc/pgx/v5"

	"gatehouse/shards/pgtest"
)

// Cluster is the PostgreSQL of this package's tests.
var Cluster = pgtest.Shared{Replicas: 2}

func TestMain(m *testing.M) { os.Exit(Cluster.Main(m)) }

// exec changes a database behind everybody's back.
func exec(t testing.TB, dsn, text string) {
	t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, text); err != nil {
		t.Fatal(err)
	}
}
