package transport

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/rs/cors"
)

// preflightAge is for how many seconds a browser need not ask again.
const preflightAge = 600

// CORS returns what lets pages of the given origins call the endpoint. An
// origin is scheme://host, with a port unless it is the scheme's own; "*" is
// every origin. Without any, only pages of the endpoint's own origin can.
// credentials lets a browser attach cookies and the like, of which this
// gateway reads none; together with "*" that is an error, as are malformed
// origins.
func CORS(origins []string, credentials bool) (func(http.Handler) http.Handler, error) {
	if len(origins) == 0 { // to rs/cors, no origin means every origin
		return func(next http.Handler) http.Handler { return next }, nil
	}
	if slices.Contains(origins, "*") && credentials {
		return nil, fmt.Errorf("cors: name the origins: with credentials, * would let every site act for its visitors")
	}
	if slices.Contains(origins, "*") && len(origins) > 1 {
		return nil, fmt.Errorf("cors: * stands for every origin, so no other may stand beside it")
	}
	for _, origin := range origins {
		if origin != "*" && !validOrigin(origin) {
			return nil, fmt.Errorf("cors: %q is not an origin as browsers send it, such as https://app.example.com", origin)
		}
	}
	return cors.New(cors.Options{
		AllowedOrigins: origins,
		AllowedMethods: []string{http.MethodGet, http.MethodPost},
		AllowedHeaders: []string{
			"Authorization", "Content-Type", "Bookmark", "Consistency", "Idempotency-Key", "If-None-Match", "Last-Event-ID", requestIDHeader, "Request-Timeout",
		},
		ExposedHeaders:   []string{"Bookmark", "Cache-Status", "ETag", requestIDHeader, "Retry-After"},
		AllowCredentials: credentials,
		MaxAge:           preflightAge,
	}).Handler, nil
}

// validOrigin accepts exactly the spelling that browsers use, because it is
// compared byte by byte; patterns and "null" are not among them.
func validOrigin(s string) bool {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return false
	}
	port := u.Port()
	if _, err := strconv.ParseUint(port, 10, 16); port != "" && err != nil {
		return false
	}
	standard := u.Scheme == "http" && port == "80" || u.Scheme == "https" && port == "443"
	foreign := strings.ContainsFunc(s, func(c rune) bool { return c > '~' || c == '*' || 'A' <= c && c <= 'Z' })
	return s == u.Scheme+"://"+u.Host && !foreign && !standard && !strings.HasSuffix(u.Host, ":")
}
