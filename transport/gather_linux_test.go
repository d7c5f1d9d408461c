package transport_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"golang.org/x/sys/unix"
)

// A page goes out at once. Without a listener that gathers it is two segments.
func TestAPageIsSentAtOnce(t *testing.T) {
	t.Parallel()
	var dialled net.Conn
	client := &http.Client{Transport: &http.Transport{DisableCompression: true, DialContext: func(ctx context.Context, network, address string) (_ net.Conn, err error) {
		dialled, err = (&net.Dialer{}).DialContext(ctx, network, address)
		return dialled, err
	}}}
	defer client.CloseIdleConnections()
	s := gathering(t, newServer(t, nil).handler, (*httptest.Server).Start)
	before := uint32(0)
	for range 4 {
		response, err := client.Do(asksLong(t.Context(), t, s.URL, 10_000))
		if err != nil {
			t.Fatal(err)
		}
		lengthOfLong(t, response)
		now := segmentsOf(t, dialled.(*net.TCPConn))
		if now-before != 1 {
			t.Errorf("%d segments for a response", now-before)
		}
		before = now
	}
}

// segmentsOf returns how many segments with data have come over a connection.
func segmentsOf(t *testing.T, c *net.TCPConn) (n uint32) {
	t.Helper()
	raw, err := c.SyscallConn()
	if err == nil {
		err = raw.Control(func(fd uintptr) {
			info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
			if err != nil {
				t.Error(err)
				return
			}
			n = info.Data_segs_in
		})
	}
	if err != nil {
		t.Error(err)
	}
	return n
}
