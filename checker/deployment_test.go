package checker

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gatehouse/shards"
	"gatehouse/shards/pgtest"
)

const (
	gateways = 3
	replicas = 2
	secret   = "a secret of at least thirty-two bytes"
)

// deployment is gateways over one PostgreSQL shard. The directory has a server
// of its own: that one is never stopped, as nobody is let in without it.
type deployment struct {
	t        testing.TB
	program  string
	cluster  *pgtest.Cluster
	gateways []*gateway
	keys     *shards.Keyring
	key      map[string]string // an API key of each account
}

var accounts = []string{"acme", "globex"}

func deploy(t testing.TB, program string) *deployment {
	t.Helper()
	keys, err := shards.NewKeyring([]byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	d := &deployment{t: t, program: program, cluster: pgtest.Start(t, replicas), keys: keys, key: map[string]string{}}
	apart := pgtest.Start(t, 0)
	url := apart.Database(t).Owner(apart.Primary)
	db := d.cluster.Database(t)

	command := func(args ...string) string { return d.command(append(args, "--directory", url)...) }
	command("migrate")
	add := []string{"shards", "add", "uk-1", "--engine", "postgres", "--region", "UK",
		"--dsn", db.App(d.cluster.Primary), "--owner-dsn", db.Owner(d.cluster.Primary)}
	for _, r := range d.cluster.Replicas {
		add = append(add, "--replica", "UK="+db.App(r))
	}
	command(add...)
	for _, account := range accounts {
		command("accounts", "create", account, "--id", "account_"+account, "--residency", "UK")
		d.key[account] = strings.TrimSpace(command("keys", "create", account, "--name", "checker", "--scope", "*:*"))
	}
	d.cluster.CaughtUp(t)
	for n := range gateways {
		d.gateways = append(d.gateways, newGateway(t, d, n, url))
	}
	return d
}

func (d *deployment) command(args ...string) string {
	d.t.Helper()
	cmd := exec.Command(d.program, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		d.t.Fatalf("%v: %v: %s", args, err, &stderr)
	}
	return string(out)
}

// gateway is one gateway process, always at the same address.
type gateway struct {
	t       testing.TB
	program string
	config  string
	log     string
	url     string
	cmd     *exec.Cmd
	exited  chan struct{}
}

func newGateway(t testing.TB, d *deployment, n int, directory string) *gateway {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	g := &gateway{
		t: t, program: d.program, url: "http://" + address + "/graphql",
		config: filepath.Join(dir, "gatehouse.yml"), log: filepath.Join(dir, fmt.Sprintf("gateway-%d.log", n+1)),
	}
	config := "listen: " + address + "\ndirectory: " + directory + "\nregions: [UK]\nsecrets: {bookmarks: ['" + secret + "']}\n" +
		"limits: {points: 1000000, burst: 10000000}\n" // the sessions ask more than a caller may
	if err := os.WriteFile(g.config, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	g.start()
	t.Cleanup(func() {
		g.kill()
		if t.Failed() {
			g.showLog()
		}
	})
	return g
}

// start starts the process and waits until it listens.
func (g *gateway) start() {
	g.t.Helper()
	log, err := os.OpenFile(g.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		g.t.Fatal(err)
	}
	defer log.Close()
	cmd, exited := exec.Command(g.program, "serve", "--config", g.config), make(chan struct{})
	cmd.Stderr = log
	if err := cmd.Start(); err != nil {
		g.t.Fatal(err)
	}
	go func() { _ = cmd.Wait(); close(exited) }()
	g.cmd, g.exited = cmd, exited
	address := strings.TrimSuffix(strings.TrimPrefix(g.url, "http://"), "/graphql")
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			_ = conn.Close()
			return
		}
		select {
		case <-exited:
			g.showLog()
			g.t.Fatal("a gateway does not start")
		default:
		}
		if time.Now().After(deadline) {
			g.t.Fatal("a gateway does not listen")
		}
	}
}

// kill is kill -9.
func (g *gateway) kill() {
	_ = g.cmd.Process.Kill() // it may have ended
	<-g.exited
}

// showLog prints the end of what is not about requests that went well, or as
// badly as they must.
func (g *gateway) showLog() {
	text, err := os.ReadFile(g.log)
	if err != nil {
		g.t.Log(err)
		return
	}
	var lines []string
	for line := range strings.Lines(string(text)) {
		if !strings.Contains(line, `"msg":"request"`) && !strings.Contains(line, `"code":"UNAVAILABLE"`) {
			lines = append(lines, line)
		}
	}
	g.t.Logf("%s:\n%s", filepath.Base(g.log), strings.Join(lines[max(0, len(lines)-15):], ""))
}
