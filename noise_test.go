package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// The environment of the processes of TestAFloodIsNotFelt.
const (
	noiseURL  = "GATEHOUSE_NOISE_URL"
	noiseKeys = "GATEHOUSE_NOISE_KEYS"
	noiseBody = "GATEHOUSE_NOISE_BODY"
	quietTime = "GATEHOUSE_QUIET_TIME"
)

// measure has a process of its own ask as the quiet account, and returns how
// long each request took.
func (s *server) measure(t *testing.T, key string, d time.Duration) (took []time.Duration) {
	t.Helper()
	cmd := helperCommand(t, "TestQuiet", "-f", quietTime+"="+d.String(), noiseURL+"="+s.url, noiseKeys+"="+key)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for line := range strings.Lines(string(out)) {
		if d, err := time.ParseDuration(strings.TrimSpace(line)); err == nil {
			took = append(took, d)
		}
	}
	return took
}

// helperCommand runs a test of this program as a process of its own, which ends
// with t, and of the scheduling policy that chrt names so, where it may; of the
// usual one where policy is "".
func helperCommand(t *testing.T, test, policy string, env ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	args := []string{self, "-test.run", "^" + test + "$", "-test.v", "-test.timeout", "1h"}
	priority := map[string]string{"-i": "0", "-f": "10"}[policy]
	if policy != "" && exec.Command("chrt", policy, priority, "true").Run() == nil {
		args = append([]string{"chrt", policy, priority}, args...)
	}
	cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
	cmd.Env = append(os.Environ(), env...)
	return cmd
}

// TestQuiet is not a test, but the process of the quiet account. It asks a few
// milliseconds apart, and prints how long each request took. It blocks on its
// socket and makes no garbage, so that it does not measure itself.
func TestQuiet(t *testing.T) {
	d, err := time.ParseDuration(os.Getenv(quietTime))
	if err != nil {
		t.Skip("run by TestAFloodIsNotFelt")
	}
	debug.SetGCPercent(-1)
	runtime.LockOSThread()
	address := strings.TrimPrefix(os.Getenv(noiseURL), "http://")
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	file, err := conn.(*net.TCPConn).File() // which blocks
	if err != nil {
		t.Fatal(err)
	}
	fd := int(file.Fd())
	const query = `{"query":"{ clients(first: 25) { nodes { name status group { name } owner { name } } } }"}`
	request := fmt.Appendf(nil, "POST /graphql HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", address, os.Getenv(noiseKeys), len(query), query)
	answer := make([]byte, 1<<20)
	var took []time.Duration
	for end := time.Now().Add(d); time.Now().Before(end); {
		start := time.Now()
		if _, err := syscall.Write(fd, request); err != nil {
			t.Fatal(err)
		}
		n, whole := 0, false
		for !whole {
			m, err := syscall.Read(fd, answer[n:])
			if m <= 0 {
				t.Fatal(m, err)
			}
			n += m
			whole = bytes.HasSuffix(answer[:n], []byte("}")) && bytes.Count(answer[:n], []byte("{")) == bytes.Count(answer[:n], []byte("}"))
		}
		took = append(took, time.Since(start))
		if !bytes.HasPrefix(answer, []byte("HTTP/1.1 200")) || bytes.Contains(answer[:n], []byte(`"errors"`)) {
			t.Fatalf("%s", answer[:n])
		}
		pause := syscall.NsecToTimespec(int64(3 * time.Millisecond))
		_ = syscall.Nanosleep(&pause, nil)
	}
	for _, d := range took {
		fmt.Println(d)
	}
}

// makeNoise starts a process that floods the gateway, and returns what stops it
// and says what it did.
func makeNoise(t *testing.T, url string, keys []string, text string) (stop func() string) {
	t.Helper()
	cmd := helperCommand(t, "TestNoise", "-i", noiseURL+"="+url, noiseKeys+"="+strings.Join(keys, " "), noiseBody+"="+text)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(stdout)
	said := func(prefix string) string {
		for lines.Scan() {
			if _, rest, found := strings.Cut(lines.Text(), prefix); found {
				return rest
			}
		}
		t.Error("the noise has ended by itself")
		return ""
	}
	said("noise begins")
	return func() string {
		_ = stdin.Close()
		out := said("noise: ")
		_, _ = io.Copy(io.Discard, stdout)
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
		return out
	}
}

// TestNoise is not a test, but the process that makes the noise.
func TestNoise(t *testing.T) {
	url := os.Getenv(noiseURL)
	if url == "" {
		t.Skip("run by TestAFloodIsNotFelt")
	}
	ctx, cancel := context.WithCancel(t.Context())
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 100}}
	keys := strings.Fields(os.Getenv(noiseKeys))
	var mu sync.Mutex
	counts := map[int]int{}
	var wait sync.WaitGroup
	begun := time.Now()
	for i := range 40 {
		wait.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				text := os.Getenv(noiseBody)
				if strings.Contains(text, "%d") {
					text = fmt.Sprintf(text, time.Now().UnixNano())
				}
				status, _, _ := post(ctx, client, url, keys[i%len(keys)], text)
				mu.Lock()
				counts[status]++
				mu.Unlock()
			}
		})
	}
	time.Sleep(50 * time.Millisecond) // the flood is there before it is measured
	fmt.Println("noise begins")
	_, _ = io.Copy(io.Discard, os.Stdin)
	cancel()
	wait.Wait()
	delete(counts, 0) // given up at the end
	fmt.Printf("noise: requests by status %v in %v\n", counts, time.Since(begun).Round(time.Millisecond))
}
