package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// A page comes in one segment: the public listener gathers it.
func TestAPageIsSentAtOnce(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	s := start(t, nil, "dev", "--data", data, "--listen", "127.0.0.1:0")
	token := strings.TrimSpace(ok(t, "token", "acme", "--data", data))
	c, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableCompression: true, DialContext: func(context.Context, string, string) (net.Conn, error) { return c, nil }}}
	defer client.CloseIdleConnections()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/graphql",
		strings.NewReader(fmt.Sprintf(`{"query":%q}`, "{ __schema { types { name kind fields { name } } } }")))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("Content-Type", "application/json")
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || len(body) < 5<<10 || len(body) > 30<<10 {
		t.Fatalf("%d bytes came, %v; the test needs a page", len(body), err)
	}
	raw, err := c.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if err := raw.Control(func(fd uintptr) {
		if info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO); err != nil || info.Data_segs_in != 1 {
			t.Errorf("it came in %d segments, %v", info.Data_segs_in, err)
		}
	}); err != nil {
		t.Fatal(err)
	}
}
