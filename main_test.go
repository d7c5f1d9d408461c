package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"gatehouse/shards/pgtest"
)

var (
	program  string // the built binary
	postgres = pgtest.Shared{Replicas: 2}
)

// latencyProbe is set for the process that TestRequestsAreNoticedAtOnce starts.
const latencyProbe = "GATEHOUSE_LATENCY_PROBE"

func TestMain(m *testing.M) {
	if os.Getenv(noiseURL) != "" || os.Getenv(crowdFolder) != "" || os.Getenv(latencyProbe) != "" { // they need no program of their own
		os.Exit(m.Run())
	}
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "gatehouse")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(dir)
		if err := os.Chmod(dir, 0o755); err != nil { // also for the user who runs PostgreSQL
			panic(err)
		}
		program = filepath.Join(dir, "gatehouse")
		if out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "build: %v\n%s", err, out)
			return 1
		}
		return postgres.Main(m)
	}())
}

// done is what a command left behind.
type done struct {
	stdout, stderr string
	code           int
}

// invoke runs a command line in this process.
func invoke(t testing.TB, args ...string) done {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), args, &stdout, &stderr)
	return done{stdout.String(), stderr.String(), code}
}

// ok runs a command that must succeed, and returns what it printed.
func ok(t testing.TB, args ...string) string {
	t.Helper()
	d := invoke(t, args...)
	if d.code != 0 {
		t.Fatalf("%v: exit code %d: %s", args, d.code, d.stderr)
	}
	return d.stdout
}

// wantFailure checks that a command failed with one line, which contains want.
func wantFailure(t testing.TB, d done, want string) {
	t.Helper()
	if d.code != 1 || strings.Count(d.stderr, "\n") != 1 || !strings.HasPrefix(d.stderr, "gatehouse: ") || !strings.Contains(d.stderr, want) {
		t.Errorf("got exit code %d and %q, want 1 and one line with %q", d.code, d.stderr, want)
	}
	if d.stdout != "" {
		t.Errorf("it printed %q", d.stdout)
	}
}

// server is a dev or serve process.
type server struct {
	cmd    *exec.Cmd
	stdout string // what was printed until it was ready
	url    string
	stderr *lockedBuffer
	exited chan struct{} // closed when it has
}

var printedURL = regexp.MustCompile(`Endpoint +(http://\S+)/graphql|"address":"([^"]+)"`)

// start starts the built program and waits until it says where it listens.
func start(t testing.TB, env []string, args ...string) *server {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Env = append(os.Environ(), env...)
	return startCommand(t, cmd)
}

func startCommand(t testing.TB, cmd *exec.Cmd) *server {
	t.Helper()
	s := &server{cmd: cmd, stderr: &lockedBuffer{}, exited: make(chan struct{})}
	stdout := &lockedBuffer{}
	s.cmd.Stdout, s.cmd.Stderr = stdout, s.stderr
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = s.cmd.Process.Kill()
		<-s.exited
	})
	go func() { _ = s.cmd.Wait(); close(s.exited) }()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		out := stdout.String()
		if found := printedURL.FindStringSubmatch(out + s.stderr.String()); found != nil && (found[1] == "" || strings.Contains(out, "prints a new one")) {
			s.stdout, s.url = out, found[1]
			if s.url == "" {
				s.url = "http://" + found[2]
			}
			return s
		}
		select {
		case <-s.exited:
			t.Fatalf("%v: %v: %s", cmd.Args, s.cmd.ProcessState, s.stderr.String())
		default:
		}
	}
	t.Fatalf("%v: not ready: %s", cmd.Args, s.stderr.String())
	return nil
}

// stop ends the server as an operator does and returns its exit code.
func (s *server) stop(t testing.TB) int {
	t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case <-s.exited:
	case <-time.After(10 * time.Second):
		t.Fatal("it does not stop")
	}
	return s.cmd.ProcessState.ExitCode()
}

// ask sends an operation that needs no data, and returns the answer.
func (s *server) ask(t testing.TB, credential string) string {
	t.Helper()
	return s.send(t, credential, "{ __typename }")
}

// send sends an operation and returns the answer.
func (s *server) send(t testing.TB, credential, query string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+"/graphql", strings.NewReader(fmt.Sprintf(`{"query":%q}`, query)))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+credential)
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(answer)
}

// status returns the status code of a GET.
func (s *server) status(t testing.TB, path string) int {
	t.Helper()
	response, err := http.Get(s.url + path)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	return response.StatusCode
}

func TestExitCodesAndHelp(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"nonsense"}, {"accounts", "create"}, {"token", "acme", "--role", "king"}, {"serve", "--secret", "x"}, {}} {
		if d := invoke(t, args...); d.code != 2 || strings.Count(d.stderr, "\n") != 1 || d.stdout != "" {
			t.Errorf("%v: %+v", args, d)
		}
	}
	for _, args := range [][]string{{"--help"}, {"dev", "--help"}, {"keys", "create", "--help"}, {"version"}, {"schema"}} {
		if d := invoke(t, args...); d.code != 0 || d.stderr != "" || d.stdout == "" {
			t.Errorf("%v: %+v", args, d)
		}
	}
	help := ok(t, "--help")
	for _, want := range []string{"Exit codes: 0 done, 1 failed", "Accounts:\n", "  migrate "} {
		if !strings.Contains(help, want) {
			t.Errorf("--help lacks %q:\n%s", want, help)
		}
	}
}

func TestSeveralProblemsAreALineEach(t *testing.T) {
	t.Parallel()
	var stderr bytes.Buffer
	code := report(fmt.Errorf("wrapped: %w", problems{"one", "two"}), &stderr)
	if got, want := stderr.String(), "gatehouse: one\ngatehouse: two\n"; code != 1 || got != want {
		t.Errorf("got %d, %q", code, got)
	}
	stderr.Reset()
	if report(errors.Join(errors.New("a"), errors.New("b")), &stderr); stderr.String() != "gatehouse: a; b\n" {
		t.Errorf("got %q", stderr.String())
	}
}
