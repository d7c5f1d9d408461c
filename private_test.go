package main

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// privately starts a gateway with a private listener and returns its address, too.
func privately(t testing.TB, data, more string, env ...string) (*server, string) {
	t.Helper()
	s := start(t, env, "serve", "--config", configFor(t, data, "private: 127.0.0.1:0\n"+more))
	found := regexp.MustCompile(`"msg":"private","at":"([^"]+)"`).FindStringSubmatch(s.stderr.String())
	if found == nil {
		t.Fatal(s.stderr.String())
	}
	return s, "http://" + found[1]
}

// get returns the status and the text of a GET, 0 where nobody answers.
func get(url string) (int, string) {
	response, err := http.Get(url)
	if err != nil {
		return 0, err.Error()
	}
	defer response.Body.Close()
	text, _ := io.ReadAll(response.Body)
	return response.StatusCode, strings.TrimSpace(string(text))
}

func TestProbes(t *testing.T) {
	t.Parallel()
	data := newFolder(t)
	s, private := privately(t, data, "http: {drain: 3s}\n")
	for path, want := range map[string]string{"/livez": "alive", "/readyz": "ready"} {
		if code, text := get(private + path); code != 200 || text != want {
			t.Errorf("%s: %d %s", path, code, text)
		}
		if code := s.status(t, path); code != 404 {
			t.Errorf("%s is public: %d", path, code)
		}
	}

	// A bad shard concerns its accounts alone.
	spoil(t, filepath.Join(data, "shards", "uk-1.db"))
	if code, text := get(private + "/readyz"); code != 200 {
		t.Errorf("with a bad shard: %d %s", code, text)
	}

	// Not ready at once, while requests are still served.
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	until(t, func() bool { code, text := get(private + "/readyz"); return code == 503 && text == "stopping" })
	response, err := http.Get(s.url + "/graphql")
	if err != nil {
		t.Fatal("new connections are refused during the drain delay: ", err)
	}
	response.Body.Close()
	if response.StatusCode != 401 || !response.Close {
		t.Errorf("got %d, close %t", response.StatusCode, response.Close)
	}
	if code, _ := get(private + "/livez"); code != 200 {
		t.Errorf("not alive while it drains: %d", code)
	}
	<-s.exited
	if code := s.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("exit code %d: %s", code, s.stderr.String())
	}
}

func TestNotReadyWithoutADirectoryOrKeys(t *testing.T) {
	t.Parallel()
	// Nobody publishes keys there.
	_, private := privately(t, newFolder(t), "tokens: {issuer: i, audience: a, jwks: 'http://127.0.0.1:9/keys'}\n")
	if code, text := get(private + "/readyz"); code != 503 || text != "the issuer's keys could not be loaded yet" {
		t.Errorf("got %d %s", code, text)
	}
	if code, _ := get(private + "/livez"); code != 200 {
		t.Errorf("got %d", code)
	}

	data := newFolder(t)
	_, private = privately(t, data, "")
	spoilDirectory(t, data)
	until(t, func() bool {
		code, text := get(private + "/readyz")
		return code == 503 && text == "the account directory does not answer"
	})
}

// TestOneBadShardConcernsItsAccountsAlone, if the configuration says so: the
// others are served, and it is served again once it is mended.
func TestOneBadShardConcernsItsAccountsAlone(t *testing.T) {
	t.Parallel()
	data := newFolder(t)
	good := makeKey(t, data)
	ok(t, "shards", "add", "uk-2", "--engine", "sqlite", "--dsn", "shards/uk-2.db", "--region", "UK", "--dedicated", "--data", data)
	ok(t, "accounts", "create", "initech", "--shard", "uk-2", "--residency", "UK", "--data", data)
	bad := makeKeyOf(t, data, "initech")
	file := filepath.Join(data, "shards", "uk-2.db")
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	spoil(t, file)
	wantFailure(t, invoke(t, "serve", "--config", configFor(t, data, "")), "open shard uk-2")

	s, private := privately(t, data, "requireShards: false\n")
	if !strings.Contains(s.stderr.String(), "open shard uk-2") {
		t.Errorf("the log does not say it: %s", s.stderr.String())
	}
	state := func() string {
		_, text := get(private + "/metrics")
		return regexp.MustCompile(`gatehouse_shard_open{shard="uk-2"} \d`).FindString(text)
	}
	if got := s.send(t, bad, "{ clients { totalCount } }"); !strings.Contains(got, `"UNAVAILABLE"`) {
		t.Errorf("got %s", got)
	}
	if got := s.send(t, good, "{ clients { totalCount } }"); !strings.Contains(got, `"totalCount":0`) {
		t.Errorf("got %s", got)
	}
	if code, text := get(private + "/readyz"); code != 200 || state() != `gatehouse_shard_open{shard="uk-2"} 0` {
		t.Errorf("got %d %s, %s", code, text, state())
	}
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
	until(t, func() bool { return strings.Contains(s.send(t, bad, "{ clients { totalCount } }"), `"totalCount":0`) })
	if state() != `gatehouse_shard_open{shard="uk-2"} 1` {
		t.Error(state())
	}
}

// spoilDirectory makes every read of the directory fail.
func spoilDirectory(t testing.TB, data string) {
	t.Helper()
	file := filepath.Join(data, directoryFile)
	if err := os.Truncate(file, 0); err != nil {
		t.Fatal(err)
	}
	for _, more := range []string{"-wal", "-shm"} {
		if err := os.Truncate(file+more, 0); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
	}
}
