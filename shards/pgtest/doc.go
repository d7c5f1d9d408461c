// Package pgtest starts real PostgreSQL for tests: a primary and its streaming
// replicas, from the binaries that are installed, under an unprivileged user,
// on loopback. Imported by tests only.
//
// Where PostgreSQL is not installed the test is skipped and says so; in CI
// (CI=true) it fails. Servers end with the process that started them, also when
// that is killed.
//
// The tests of a package share one cluster, and each has databases of its own:
//
//	var postgres = pgtest.Shared{Replicas: 2}
//
//	func TestMain(m *testing.M) { os.Exit(postgres.Main(m)) }
//
//	func TestX(t *testing.T) {
//		cluster := postgres.Cluster(t)
//		db := cluster.Database(t)
//		... db.App(cluster.Primary), db.App(cluster.Replicas[0]) ...
//	}
//
// A test that pauses, stops or kills a server takes a cluster of its own, by
// Start.
package pgtest
