package transport_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gatehouse/transport"
)

// gathering starts a server of handler whose connections gather responses.
func gathering(t *testing.T, handler http.Handler, start func(*httptest.Server)) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(handler)
	s.Listener = transport.NewListener(s.Listener)
	s.Config.ConnContext = transport.Connected
	start(s)
	s.Client().Transport.(*http.Transport).DisableCompression = true
	t.Cleanup(s.Close)
	return s
}

// asksLong returns a request for a text of n bytes.
func asksLong(ctx context.Context, t *testing.T, url string, n int) *http.Request {
	t.Helper()
	body := fmt.Sprintf(`{"query":"{ long(n: %d) }"}`, n)
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer a")
	r.Header.Set("Content-Type", "application/json")
	return r
}

// lengthOfLong reads the answer to asksLong, and returns the length of its text.
func lengthOfLong(t *testing.T, response *http.Response) int {
	t.Helper()
	body, err := io.ReadAll(response.Body)
	_ = response.Body.Close()
	var answer struct{ Data struct{ Long string } }
	if err == nil {
		err = json.Unmarshal(body, &answer)
	}
	if err != nil || response.ContentLength != int64(len(body)) {
		t.Fatalf("%v: %d bytes were announced: %.100s", err, response.ContentLength, body)
	}
	return len(answer.Data.Long)
}

// Responses of all lengths come whole and in their order, over one connection.
func TestGatheredResponsesAreWhole(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(*httptest.Server){
		"HTTP/1.1": (*httptest.Server).Start,
		"TLS":      (*httptest.Server).StartTLS,
		"h2c": func(s *httptest.Server) {
			s.Config.Protocols = &http.Protocols{}
			s.Config.Protocols.SetUnencryptedHTTP2(true)
			s.Start()
			s.Client().Transport.(*http.Transport).Protocols = s.Config.Protocols
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := gathering(t, newServer(t, nil).handler, start)
			client := s.Client()
			connections := 0
			ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) {
				if !info.Reused {
					connections++
				}
			}})
			lengths := []int{0, 1, 1000, 1 << 20, 100_000, 2}
			for n := 2600; n < 4200; n += 13 { // where it begins, and where net/http's buffer ends
				lengths = append(lengths, n)
			}
			for n := 32<<10 - 800; n < 32<<10+800; n += 29 { // where the room ends
				lengths = append(lengths, n, n+4096)
			}
			for _, n := range lengths {
				response, err := client.Do(asksLong(ctx, t, s.URL, n))
				if err != nil {
					t.Fatal(n, err)
				}
				if got := lengthOfLong(t, response); got != n {
					t.Fatalf("%d bytes: %d came", n, got)
				}
			}
			if connections != 1 {
				t.Errorf("%d connections", connections)
			}
		})
	}
}

// A response that comes too late to be sent ends its connection, so that the client
// neither waits for it nor takes the next one for it.
func TestAGatheredResponseIsNotLostInSilence(t *testing.T) {
	t.Parallel()
	const late = 100 * time.Millisecond
	endpoint := newServer(t, nil).handler
	var asked atomic.Int64
	s := gathering(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		time.Sleep(2 * late)
		endpoint.ServeHTTP(w, r)
	}), func(s *httptest.Server) {
		s.Config.WriteTimeout = late
		s.Start()
	})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for _, n := range []int{10, 10_000, 100_000} {
		response, err := s.Client().Do(asksLong(ctx, t, s.URL, n))
		if err == nil {
			_ = response.Body.Close()
		}
		if err == nil || ctx.Err() != nil {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
	// Nor is a request served that was sent behind it.
	c, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	asked.Store(0)
	for range 2 {
		if err := asksLong(ctx, t, s.URL, 10_000).Write(c); err != nil {
			t.Fatal(err)
		}
	}
	_ = c.SetReadDeadline(time.Now().Add(20 * late))
	if came, err := io.ReadAll(c); len(came) > 0 || errors.Is(err, os.ErrDeadlineExceeded) || asked.Load() != 1 {
		t.Errorf("%d requests were served, %d bytes came, %v", asked.Load(), len(came), err)
	}
}

// A handler that another goroutine runs writes to a buffer of its own.
func TestWhatATimeoutHandlerAnswers(t *testing.T) {
	t.Parallel()
	const limit = 5 * time.Millisecond
	s := gathering(t, http.TimeoutHandler(newServer(t, nil).handler, limit, "too late"), (*httptest.Server).Start)
	for range 60 {
		response, err := s.Client().Do(asksLong(t.Context(), t, s.URL, 10_000))
		if err != nil {
			t.Fatal(err)
		}
		if response.StatusCode == http.StatusOK {
			if got := lengthOfLong(t, response); got != 10_000 {
				t.Fatalf("%d bytes came", got)
			}
			continue
		}
		body, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if err != nil || response.StatusCode != http.StatusServiceUnavailable || string(body) != "too late" {
			t.Fatalf("%d, %v: %.100s", response.StatusCode, err, body)
		}
	}
}

// Requests that are sent at once are answered at once, one after the other.
func TestGatheredResponsesToAPipeline(t *testing.T) {
	t.Parallel()
	s := gathering(t, newServer(t, nil).handler, (*httptest.Server).Start)
	c, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	lengths := []int{5000, 3, 40_000, 5000}
	var sent bytes.Buffer
	for _, n := range lengths {
		if err := asksLong(t.Context(), t, s.URL, n).Write(&sent); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.Write(sent.Bytes()); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(c)
	for _, n := range lengths {
		response, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatalf("%d bytes: %.100v", n, err)
		}
		if got := lengthOfLong(t, response); got != n {
			t.Fatalf("%d bytes: %d came", n, got)
		}
	}
}
