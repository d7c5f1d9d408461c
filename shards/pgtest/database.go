package pgtest

import (
	"crypto/rand"
	"strings"
	"testing"
)

// The roles of a deployment. Owner owns the databases and migrates them; App
// owns nothing.
const (
	Owner = "gatehouse_owner"
	App   = "gatehouse_app"
)

// Database is an empty database, on every node of its cluster.
type Database struct{ Name string }

// Database makes a database and drops it when the test ends.
func (c *Cluster) Database(t testing.TB) Database {
	t.Helper()
	db := Database{"test_" + strings.ToLower(rand.Text())}
	c.Primary.Exec(t, "CREATE DATABASE "+db.Name+" OWNER "+Owner+" TEMPLATE template0")
	t.Cleanup(func() { // where the primary is gone, so is the database
		_ = c.Primary.exec("DROP DATABASE " + db.Name + " WITH (FORCE)")
	})
	c.CaughtUp(t)
	return db
}

// Server is a Node or a Bouncer.
type Server interface {
	DSN(role, database string) string
}

// Owner returns the URL by which the owner reaches the database.
func (d Database) Owner(at Server) string { return at.DSN(Owner, d.Name) }

// App returns the URL by which the gateway reaches the database.
func (d Database) App(at Server) string { return at.DSN(App, d.Name) }
