package pgtest

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/jackc/pgx/v5"
)

// Bouncer is a PgBouncer that pools transactions: each may run on another
// connection to the node.
type Bouncer struct{ port int }

// Bouncer starts a PgBouncer in front of the node and stops it when the test
// ends.
func (n *Node) Bouncer(t testing.TB) Bouncer {
	t.Helper()
	path, err := exec.LookPath("pgbouncer")
	if err != nil {
		if path = "/usr/sbin/pgbouncer"; !exists(path) { // of Debian; not in everybody's PATH
			if os.Getenv("CI") == "true" {
				t.Fatal("PgBouncer is not installed")
			}
			t.Skip("PgBouncer is not installed")
		}
	}
	port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Dir(n.data)
	users := filepath.Join(dir, fmt.Sprintf("pgbouncer-%d.users", port))
	ini := filepath.Join(dir, fmt.Sprintf("pgbouncer-%d.ini", port))
	for path, text := range map[string]string{
		users: fmt.Sprintf("%q \"\"\n%q \"\"\n", Owner, App),
		ini: fmt.Sprintf(`[databases]
* = host=127.0.0.1 port=%d
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
unix_socket_dir =
auth_type = trust
auth_file = %s
pool_mode = transaction
max_client_conn = 400
default_pool_size = 8
`, n.port, port, users),
	} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cmd := n.program.as(exec.Command(path, "-q", ini))
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	ended, err := begin(cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it keeps nothing
		<-ended
		if t.Failed() {
			t.Logf("PgBouncer: %s", &log)
		}
	})
	b := Bouncer{port}
	if err := until(func(ctx context.Context) (bool, error) {
		conn, err := pgx.Connect(ctx, b.DSN(Owner, "postgres"))
		if err != nil {
			return false, err
		}
		return true, conn.Close(ctx)
	}); err != nil {
		t.Fatal("PgBouncer:", err)
	}
	return b
}

// DSN returns the URL of a database behind it, for Owner or App.
func (b Bouncer) DSN(role, database string) string {
	return dsn("127.0.0.1:"+strconv.Itoa(b.port), role, database)
}
