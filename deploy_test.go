package main

import (
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"gatehouse/shards/pgtest"
)

// TestDeployGuide runs the commands of docs/deploy-postgres.md, in order, and
// looks at what they print.
func TestDeployGuide(t *testing.T) {
	t.Parallel()
	cluster := pgtest.Start(t, 0)
	guide, err := os.ReadFile(filepath.Join("docs", "deploy-postgres.md"))
	if err != nil {
		t.Fatal(err)
	}
	script := ""
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(string(guide), -1) {
		script += block[1]
	}
	_, port, _ := net.SplitHostPort(cluster.Primary.Address())
	script = strings.ReplaceAll(script, ":5432", ":"+port)
	for _, at := range []string{"5433"} {
		script = strings.ReplaceAll(script, at, freePort(t))
	}
	// The gateways' addresses are made of a loop's number.
	for _, at := range []string{"808", "809"} {
		one, two := freePort(t), freePort(t)
		script = strings.ReplaceAll(script, at+"$n", "$([ $n = 1 ] && echo "+one+" || echo "+two+")")
	}
	const end = "trap 'kill $(jobs -p); pg_ctl -D replica -m immediate stop >/dev/null' EXIT\n"
	out := cluster.Shell(t, end+script, filepath.Dir(program))
	for _, want := range []string{
		`directory +up to date`, `REPLICAS +1\n`, `SHARD +uk-1\n`,
		`\{"data":\{"clients":\{"nodes":\[\{"name":"Ada"\}\]\}\}`, `ACCOUNT_SUSPENDED(?s:.*)ACCOUNT_SUSPENDED`, `uk-1 +up to date`,
	} {
		if !regexp.MustCompile(want).MatchString(out) {
			t.Errorf("the commands do not print %s:\n%s", want, out)
		}
	}
}

func freePort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}
