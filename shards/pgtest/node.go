package pgtest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

const superuser = "postgres"

// Node is one server. Its address stays the same when it is started again. Its
// methods are for one goroutine at a time.
type Node struct {
	Name string // primary, replica_1, replica_2

	port    int
	data    string
	program programs

	cmd   *exec.Cmd
	ended <-chan struct{} // closed when cmd has ended
}

// Address returns the node's host and port.
func (n *Node) Address() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(n.port)) }

// DSN returns the URL of a database of the node, for a role. There are no
// passwords: one that is given is ignored.
func (n *Node) DSN(role, database string) string {
	return dsn(n.Address(), role, database)
}

func dsn(address, role, database string) string {
	return (&url.URL{Scheme: "postgres", User: url.User(role), Host: address, Path: "/" + database}).String()
}

// Start starts a node that was stopped or killed, and waits until it answers.
func (n *Node) Start(t testing.TB) {
	t.Helper()
	if err := n.launch(); err != nil {
		t.Fatal(err)
	}
}

// Stop stops the node at once, as `pg_ctl stop -m immediate` does: connections
// are cut and nothing is tidied up, so that it has to recover at its next start.
func (n *Node) Stop(t testing.TB) {
	t.Helper()
	n.end(quit)
}

// Kill kills the node's first process, as kill -9 does.
func (n *Node) Kill(t testing.TB) {
	t.Helper()
	n.end(syscall.SIGKILL)
}

// Pause stops a replica from applying what it receives. It goes on answering
// from where it is.
func (n *Node) Pause(t testing.TB) {
	t.Helper()
	n.Exec(t, "SELECT pg_wal_replay_pause()")
	n.await(t, "SELECT pg_get_wal_replay_pause_state() = 'paused'")
}

// Resume lets a replica go on where Pause stopped it.
func (n *Node) Resume(t testing.TB) {
	t.Helper()
	n.Exec(t, "SELECT pg_wal_replay_resume()")
}

// Exec runs a statement as the superuser, in the database postgres.
func (n *Node) Exec(t testing.TB, statement string) {
	t.Helper()
	if err := n.exec(statement); err != nil {
		t.Fatal(err)
	}
}

// Value returns, as text, the one value that a query gives the superuser.
func (n *Node) Value(t testing.TB, query string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	value, err := n.value(ctx, query)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

func (n *Node) await(t testing.TB, query string) {
	t.Helper()
	if err := until(func(ctx context.Context) (bool, error) {
		value, err := n.value(ctx, query)
		return value == "true", err
	}); err != nil {
		t.Fatalf("%s: %s: %v", n.Name, query, err)
	}
}

func (n *Node) exec(statement string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := pgx.Connect(ctx, n.DSN(superuser, "postgres"))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, statement)
	return err
}

func (n *Node) value(ctx context.Context, query string) (string, error) {
	conn, err := pgx.Connect(ctx, n.DSN(superuser, "postgres"))
	if err != nil {
		return "", err
	}
	defer conn.Close(ctx)
	var value any
	err = conn.QueryRow(ctx, query).Scan(&value)
	return fmt.Sprint(value), err
}

func (n *Node) configure(settings string) error {
	f, err := os.OpenFile(filepath.Join(n.data, "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(settings)
	return errors.Join(err, f.Close())
}

func (n *Node) logPath() string { return n.data + ".log" }

func (n *Node) logTail() string {
	text, err := os.ReadFile(n.logPath())
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-4000):])
}

// launch starts the server and waits until it answers. After a kill the parts
// of the old one may hold its memory for a moment; then it is tried again.
func (n *Node) launch() error {
	return until(func(ctx context.Context) (bool, error) {
		if err := n.spawn(); err != nil {
			return false, err
		}
		for {
			if value, err := n.value(ctx, "SELECT true"); err == nil && value == "true" {
				return true, nil
			}
			select {
			case <-n.ended:
				return false, fmt.Errorf("%s ended by itself:\n%s", n.Name, n.logTail())
			case <-ctx.Done():
				n.end(quit)
				return false, fmt.Errorf("%s does not answer:\n%s", n.Name, n.logTail())
			case <-time.After(10 * time.Millisecond):
			}
		}
	})
}

func (n *Node) spawn() error {
	log, err := os.OpenFile(n.logPath(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := n.program.command("postgres", "-D", n.data, "-p", strconv.Itoa(n.port))
	cmd.Stdout, cmd.Stderr = log, log
	ended, err := begin(cmd)
	if err != nil {
		return err
	}
	n.cmd, n.ended = cmd, ended
	return nil
}

// quit is the signal of an immediate shutdown.
const quit = syscall.SIGQUIT

// end sends the server a signal and waits until it has ended.
func (n *Node) end(signal syscall.Signal) {
	if n.cmd == nil {
		return
	}
	_ = n.cmd.Process.Signal(signal) // it may have ended by itself
	<-n.ended
	n.cmd = nil
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	_, port, _ := strings.Cut(l.Addr().String(), ":")
	if err := l.Close(); err != nil {
		return 0, err
	}
	return strconv.Atoi(port)
}
