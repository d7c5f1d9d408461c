package pgtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// patience bounds all waiting for a server, on a busy machine too.
const patience = time.Minute

// Cluster is a primary with its streaming replicas.
type Cluster struct {
	Primary  *Node
	Replicas []*Node

	dir     string
	program programs
}

// Start starts a cluster for one test and stops it when the test ends.
func Start(t testing.TB, replicas int) *Cluster {
	t.Helper()
	c, err := start(replicas)
	if errors.Is(err, errAbsent) {
		absent(t)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			c.showLogs(t)
		}
		c.stop()
	})
	return c
}

// Shared is a cluster that is started once for all tests of a binary, when the
// first of them asks for it.
type Shared struct {
	Replicas int

	once    sync.Once
	cluster *Cluster
	err     error
}

// Cluster returns the cluster. Safe for concurrent use.
func (s *Shared) Cluster(t testing.TB) *Cluster {
	t.Helper()
	s.once.Do(func() { s.cluster, s.err = start(s.Replicas) })
	if errors.Is(s.err, errAbsent) {
		absent(t)
	}
	if s.err != nil {
		t.Fatal(s.err)
	}
	return s.cluster
}

// Main runs the tests, stops the cluster where it was started, and returns the
// exit code.
func (s *Shared) Main(m interface{ Run() int }) int {
	code := m.Run()
	if s.cluster != nil {
		s.cluster.stop()
	}
	return code
}

func absent(t testing.TB) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(errAbsent)
	}
	t.Skip(errAbsent)
}

func start(replicas int) (_ *Cluster, err error) {
	program, err := findPrograms()
	if err != nil {
		return nil, err
	}
	c := &Cluster{program: program}
	if c.dir, err = program.folder(); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			c.stop()
		}
	}()
	if c.Primary, err = c.node("primary"); err != nil {
		return nil, err
	}
	if err := program.run("initdb", "-D", c.Primary.data, "-U", superuser, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"); err != nil {
		return nil, err
	}
	if err := c.Primary.configure(settings); err != nil {
		return nil, err
	}
	if err := c.Primary.launch(); err != nil {
		return nil, err
	}
	for _, role := range []string{Owner, App} {
		if err := c.Primary.exec("CREATE ROLE " + role + " LOGIN"); err != nil {
			return nil, err
		}
	}
	for n := range replicas {
		if err := c.addReplica(n + 1); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// settings of all nodes. A crash of a process loses nothing that was written,
// so nothing has to be forced to the disk here. Replicas report what they read
// each second, so that the primary keeps what they need, and come back to a
// primary that was away within 200 ms.
const settings = `
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
fsync = off
max_connections = 400
shared_buffers = 32MB
wal_level = replica
max_wal_senders = 8
max_replication_slots = 8
hot_standby_feedback = on
wal_receiver_status_interval = 1s
wal_retrieve_retry_interval = 200ms
`

func (c *Cluster) addReplica(n int) error {
	name := fmt.Sprintf("replica_%d", n)
	node, err := c.node(name)
	if err != nil {
		return err
	}
	if err := c.Primary.exec("SELECT pg_create_physical_replication_slot('" + name + "')"); err != nil {
		return err
	}
	c.Replicas = append(c.Replicas, node)
	if err := c.program.run("pg_basebackup", "-D", node.data, "-d", c.Primary.DSN(superuser, "postgres"),
		"-R", "-S", name, "-X", "stream", "-c", "fast", "--no-sync"); err != nil {
		return err
	}
	return node.launch()
}

func (c *Cluster) node(name string) (*Node, error) {
	port, err := freePort()
	return &Node{Name: name, port: port, data: filepath.Join(c.dir, name), program: c.program}, err
}

func (c *Cluster) nodes() []*Node {
	if c.Primary == nil {
		return nil
	}
	return append([]*Node{c.Primary}, c.Replicas...)
}

// stop ends the servers, replicas first, and removes their files.
func (c *Cluster) stop() {
	nodes := c.nodes()
	for i := len(nodes) - 1; i >= 0; i-- {
		nodes[i].end(quit)
	}
	_ = os.RemoveAll(c.dir) // a folder of the temporary ones
}

func (c *Cluster) showLogs(t testing.TB) {
	for _, n := range c.nodes() {
		t.Logf("the end of the log of %s:\n%s", n.Name, n.logTail())
	}
}

// CaughtUp waits until every replica that runs has applied what the primary
// had committed when it was called.
func (c *Cluster) CaughtUp(t testing.TB) {
	t.Helper()
	lsn := c.Primary.Value(t, "SELECT pg_current_wal_flush_lsn()")
	for _, r := range c.Replicas {
		if r.cmd == nil {
			continue
		}
		r.await(t, "SELECT pg_last_wal_replay_lsn() >= '"+lsn+"'")
	}
}

// until calls done until it returns true, or an error once patience is over.
func until(done func(context.Context) (bool, error)) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		ok, err := done(ctx)
		if ok {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("not after %v", patience), err)
		case <-time.After(10 * time.Millisecond):
		}
	}
}
