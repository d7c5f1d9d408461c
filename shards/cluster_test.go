package shards

import (
	"os"
	"testing"

	"gatehouse/shards/pgtest"
)

// Cluster is the PostgreSQL of this package's tests.
var Cluster = pgtest.Shared{Replicas: 2}

func TestMain(m *testing.M) { os.Exit(Cluster.Main(m)) }
