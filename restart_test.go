package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

var restarts = flag.Int("restarts", 5, "how often TestNoRequestIsLostInARestart restarts the gateway")

// once is a body that can't be read a second time, so that no client may send it
// again by itself.
type once struct{ io.Reader }

// TestNoRequestIsLostInARestart: clients that never try again, on connections
// that they keep and on new ones, write while the gateway is stopped and
// started. Every write is answered, and every answer is true.
func TestNoRequestIsLostInARestart(t *testing.T) {
	t.Parallel()
	data := newFolder(t)
	ok(t, "accounts", "limit", "acme", "points=1000000", "burst=1000000", "--data", data) // a budget would refuse some
	key := makeKey(t, data)
	// The socket that outlives the processes, as a supervisor holds it.
	holder, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer holder.Close()
	handedOver, err := holder.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer handedOver.Close()
	config := configFor(t, data, "")
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(config, []byte(strings.Replace(string(text), "127.0.0.1:0", inherited, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	begin := func() *server {
		cmd := exec.Command(program, "serve", "--config", config)
		cmd.Env = append(os.Environ(), "LISTEN_FDS=1")
		cmd.ExtraFiles = []*os.File{handedOver} // descriptor 3
		return startCommand(t, cmd)
	}

	s := begin()
	url := "http://" + holder.Addr().String() + "/graphql"
	ended := make(chan struct{})
	var clients sync.WaitGroup
	var mu sync.Mutex
	var took []time.Duration
	for i := range 8 {
		clients.Go(func() {
			transport := &http.Transport{DisableKeepAlives: i%2 == 0}
			defer transport.CloseIdleConnections()
			client := &http.Client{Transport: transport, Timeout: 30 * time.Second}
			for n := 0; ; n++ {
				select {
				case <-ended:
					return
				default:
				}
				start := time.Now()
				if err := write(client, url, key, fmt.Sprintf("group %d of %d", n, i)); err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				took = append(took, time.Since(start))
				mu.Unlock()
			}
		})
	}
	written := func() int { mu.Lock(); defer mu.Unlock(); return len(took) }
	for range *restarts {
		before := written()
		until(t, func() bool { return written() >= before+50 || t.Failed() })
		stopping := time.Now()
		if code := s.stop(t); code != 0 { // within 10 s
			t.Errorf("exit code %d: %s", code, s.stderr.String())
		}
		t.Logf("stopped within %v", time.Since(stopping).Round(time.Millisecond))
		s = begin()
	}
	close(ended)
	clients.Wait()
	slices.Sort(took)
	if len(took) == 0 {
		t.Fatal("nothing was written")
	}
	t.Logf("%d restarts, %d writes; the longest took %v", *restarts, len(took), took[len(took)-1].Round(time.Millisecond))

	if got, want := groupsOf(t, url, key), len(took); got != want {
		t.Errorf("%d groups after %d acknowledged writes", got, want)
	}
}

// makeKey returns a key of acme that may do everything.
func makeKey(t testing.TB, data string) string {
	t.Helper()
	return makeKeyOf(t, data, "acme")
}

func makeKeyOf(t testing.TB, data, account string) string {
	t.Helper()
	return createKey(t, data, account, "--scope", "*:read", "--scope", "*:write")
}

// createKey returns the text of a new key.
func createKey(t testing.TB, data, account string, args ...string) string {
	t.Helper()
	var created struct{ Key string }
	printed := ok(t, append([]string{"keys", "create", account, "--name", "test", "--json", "--data", data}, args...)...)
	if err := json.Unmarshal([]byte(printed), &created); err != nil {
		t.Fatal(err, printed)
	}
	return created.Key
}

// write creates a group and reports all that is not success.
func write(client *http.Client, url, key, name string) error {
	body := `{"query":"mutation($name: String!) { createGroup(input: {name: $name}) { group { id } errors { code } } }","variables":{"name":"` + name + `"}}`
	r, err := http.NewRequest(http.MethodPost, url, once{strings.NewReader(body)})
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+key)
	r.Header.Set("Content-Type", "application/json")
	response, err := client.Do(r)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode != 200 || !strings.Contains(string(answer), `"errors":[]`) {
		return fmt.Errorf("%d %s", response.StatusCode, answer)
	}
	return nil
}

func groupsOf(t testing.TB, url, key string) int {
	t.Helper()
	r, err := http.NewRequest(http.MethodPost, url, strings.NewReader(`{"query":"{ groups { totalCount } }"}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+key)
	r.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var answer struct {
		Data struct{ Groups struct{ TotalCount int } }
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	return answer.Data.Groups.TotalCount
}
