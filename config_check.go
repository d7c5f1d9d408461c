package main

import (
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"time"

	"gatehouse/tenancy"
	"gatehouse/transport"
)

const (
	maxCache   = 16 << 30
	maxMaxBody = 64 << 20
	// maxTimeout lets an answer be written before the connection's own timeout.
	maxTimeout = 25 * time.Second
	maxIdle    = time.Hour
	maxDrain   = time.Minute
	// maxDocumentLimit is beyond what anybody should allow, but no number that overflows.
	maxDocumentLimit = 1 << 24
)

// check returns what is wrong with the values as such, a line each. What only the directory, the shards or the port can
// tell comes later.
func (c *config) check() (wrong problems) {
	add := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	if c.Listen != inherited && !isAddress(c.Listen) {
		add("listen: %q is no address; write host:port, for example 127.0.0.1:8080, or "+inherited, c.Listen)
	}
	if c.Private != "" && !isAddress(c.Private) {
		add("private: %q is no address; write host:port, for example 127.0.0.1:8081", c.Private)
	}
	wrong = append(wrong, c.checkHTTP()...)
	if c.Data == "" && c.Directory == "" {
		add("data is missing: the folder with the account directory; or directory, where it is on PostgreSQL")
	}
	if c.Cache < 0 || c.Cache > maxCache {
		add("cache must be 0 to %d bytes", maxCache)
	}
	if len(c.Regions) == 0 {
		add("regions is missing: those whose accounts this gateway may serve, for example [UK]")
	}
	if len(c.Secrets.Bookmarks) == 0 {
		add("secrets.bookmarks is missing: a secret of at least %d bytes", minSecret)
	}
	if _, err := transport.CORS(c.CORS.Origins, c.CORS.Credentials); err != nil {
		add("%v", err)
	}
	if c.Limits.MaxBody < 1 || c.Limits.MaxBody > maxMaxBody {
		add("limits.maxBody must be 1 to %d bytes", maxMaxBody)
	}
	if c.Limits.Sockets < 1 {
		add("limits.sockets must be at least 1")
	}
	if c.Limits.Timeout <= 0 || c.Limits.Timeout > maxTimeout {
		add("limits.timeout must be above 0s and at most %v", maxTimeout)
	}
	for name, n := range map[string]int64{
		"cost": c.Limits.Cost, "points": c.Limits.Points, "burst": c.Limits.Burst, "concurrency": c.Limits.Concurrency,
	} {
		if n < 1 || n > tenancy.MaxLimit {
			add("limits.%s must be 1 to %d", name, tenancy.MaxLimit)
		}
	}
	if c.Limits.Burst < c.Limits.Cost {
		add("limits.burst must be at least limits.cost, or what may cost so much could never run")
	}
	for _, limit := range c.Limits.Documents.All() {
		if *limit.Value < 1 || *limit.Value > maxDocumentLimit {
			add("limits.documents.%s must be 1 to %d", limit.Name, maxDocumentLimit)
		}
	}
	if _, ok := logLevel(c.Log.Level); !ok {
		add("log.level must be debug, info, warn or error, not %q", c.Log.Level)
	}
	if c.Log.Format != "text" && c.Log.Format != "json" {
		add("log.format must be text or json, not %q", c.Log.Format)
	}
	return wrong
}

func (c *config) checkHTTP() (wrong problems) {
	if (c.TLS.Certificate == "") != (c.TLS.Key == "") {
		wrong = append(wrong, "tls needs both: certificate and key")
	}
	if c.HTTP.H2C && c.TLS.Certificate != "" {
		wrong = append(wrong, "http.h2c is HTTP/2 without TLS; with tls there is HTTP/2 anyway")
	}
	if c.HTTP.IdleTimeout < time.Second || c.HTTP.IdleTimeout > maxIdle {
		wrong = append(wrong, fmt.Sprintf("http.idleTimeout must be 1s to %v", maxIdle))
	}
	if c.HTTP.Drain < 0 || c.HTTP.Drain > maxDrain {
		wrong = append(wrong, fmt.Sprintf("http.drain must be 0s to %v", maxDrain))
	}
	return wrong
}

func isAddress(s string) bool {
	_, port, err := net.SplitHostPort(s)
	return err == nil && isPort(port)
}

func isPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && strconv.FormatUint(n, 10) == s
}

func logLevel(s string) (slog.Level, bool) {
	switch s {
	case "debug":
		return slog.LevelDebug, true
	case "info":
		return slog.LevelInfo, true
	case "warn":
		return slog.LevelWarn, true
	case "error":
		return slog.LevelError, true
	}
	return 0, false
}
