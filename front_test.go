package main

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gatehouse/transport"
)

// writeCertificate writes a new pair for 127.0.0.1 and returns what trusts it.
func writeCertificate(t testing.TB, cert, key string) *x509.CertPool {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	for path, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return pool
}

// speaking returns a client that speaks just these protocols, on connections of its own.
func speaking(t testing.TB, trusted *x509.CertPool, set func(*http.Protocols)) *http.Client {
	t.Helper()
	transport := &http.Transport{Protocols: &http.Protocols{}, TLSClientConfig: &tls.Config{RootCAs: trusted}}
	set(transport.Protocols)
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 10 * time.Second}
}

func both(p *http.Protocols)      { p.SetHTTP1(true); p.SetHTTP2(true) }
func onlyHTTP1(p *http.Protocols) { p.SetHTTP1(true) }
func onlyH2C(p *http.Protocols)   { p.SetUnencryptedHTTP2(true) }

// protocol returns what a GET was answered with, which is a refusal of the
// gateway's: nobody gave a credential.
func protocol(client *http.Client, url string) (string, error) {
	response, err := client.Get(url + "/graphql?query={__typename}")
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusUnauthorized || response.Header.Get("X-Request-Id") == "" {
		return response.Status, nil
	}
	return response.Proto, nil
}

func TestHTTPSWithHTTP2AndARenewedCertificate(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	trusted := writeCertificate(t, cert, key)
	s := start(t, nil, "serve", "--config", configFor(t, newFolder(t), "tls: {certificate: '"+cert+"', key: '"+key+"'}\n"))
	url := strings.Replace(s.url, "http://", "https://", 1)
	for want, set := range map[string]func(*http.Protocols){"HTTP/2.0": both, "HTTP/1.1": onlyHTTP1} {
		if got, err := protocol(speaking(t, trusted, set), url); err != nil || got != want {
			t.Errorf("got %q, %v, want %q", got, err, want)
		}
	}
	if got, err := protocol(speaking(t, nil, both), url); err == nil {
		t.Errorf("a client that does not trust it got %s", got)
	}
	old := speaking(t, trusted, both)
	old.Transport.(*http.Transport).TLSClientConfig.MaxVersion = tls.VersionTLS11
	if got, err := protocol(old, url); err == nil {
		t.Errorf("TLS 1.1 got %s", got)
	}

	// A half that does not fit leaves the old pair in use.
	good, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(key, []byte("half a key"), 0o600); err != nil {
		t.Fatal(err)
	}
	until(t, func() bool {
		_, _ = protocol(speaking(t, trusted, both), url)
		return strings.Contains(s.stderr.String(), "can't be read again")
	})
	if got, err := protocol(speaking(t, trusted, both), url); err != nil || got != "HTTP/2.0" {
		t.Errorf("got %q, %v", got, err)
	}
	if strings.Contains(s.stderr.String(), string(good)) {
		t.Error("the log has a key")
	}
	renewed := writeCertificate(t, cert, key)
	until(t, func() bool { got, _ := protocol(speaking(t, renewed, both), url); return got == "HTTP/2.0" })
}

func TestHTTP2WithoutTLSOnlyIfItIsSet(t *testing.T) {
	t.Parallel()
	data := newFolder(t)
	s := start(t, nil, "serve", "--config", configFor(t, data, "http: {h2c: true}\n"))
	for want, set := range map[string]func(*http.Protocols){"HTTP/2.0": onlyH2C, "HTTP/1.1": onlyHTTP1} {
		if got, err := protocol(speaking(t, nil, set), s.url); err != nil || got != want {
			t.Errorf("got %q, %v, want %q", got, err, want)
		}
	}
	s.stop(t)
	s = startServe(t, data)
	if got, err := protocol(speaking(t, nil, onlyH2C), s.url); err == nil {
		t.Errorf("got %q", got)
	}
}

// until waits for what comes in a moment.
func until(t testing.TB, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it does not come")
		}
	}
}

// TestHeadersAreBounded in their length and in their time.
func TestHeadersAreBounded(t *testing.T) {
	t.Parallel()
	s := startServe(t, newFolder(t))
	r, err := http.NewRequest(http.MethodGet, s.url+"/graphql", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Long", strings.Repeat("x", 64<<10))
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("a long header: got %d", response.StatusCode)
	}

	// Many that send next to nothing: the gateway hangs up on them all.
	for range 20 {
		conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := conn.Write([]byte("GET /graphql HTTP/1.1\r\nHost: x\r\nX-Slow: ")); err != nil {
			t.Fatal(err)
		}
		if err := conn.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
			t.Fatal(err)
		}
		defer func() {
			if _, err := io.Copy(io.Discard, conn); err != nil {
				t.Errorf("a slow header: %v", err)
			}
		}()
	}
}

// TestBodiesAreBoundedInTime: net/http reads what is left of a body before it answers.
// A body has its time from its header, however long the connection was open before.
func TestBodiesAreBoundedInTime(t *testing.T) {
	t.Parallel()
	s := startServe(t, newFolder(t))
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	time.Sleep(3 * time.Second)
	sent := time.Now()
	if _, err := io.WriteString(conn, "POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if waited := time.Since(sent); waited < transport.DefaultTimeout-500*time.Millisecond {
		t.Errorf("the body had %v", waited)
	}
	if response.StatusCode != http.StatusUnauthorized || !response.Close {
		t.Errorf("got %d, and the connection stays open: %v", response.StatusCode, !response.Close)
	}
}

// A request may be given long to come in; its header is not.
func TestReadingTakesNoLongerThanARequest(t *testing.T) {
	t.Parallel()
	for reading, want := range map[time.Duration][2]time.Duration{
		0: {transport.DefaultTimeout, 0}, time.Second: {maxHeaderTime, 0}, time.Minute: {time.Minute, maxHeaderTime},
	} {
		s := (&front{reading: reading}).server(t.Context(), &atomic.Bool{}, slog.New(slog.DiscardHandler))
		if got := [2]time.Duration{s.ReadTimeout, s.ReadHeaderTimeout}; got != want {
			t.Errorf("%v: got %v", reading, got)
		}
		if s.ConnContext == nil {
			t.Error("nobody says which request is the first of its connection")
		}
	}
}
