package transport

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"gatehouse/shards"
)

func isUpgrade(r *http.Request) bool {
	return hasToken(r.Header["Connection"], "upgrade") && hasToken(r.Header["Upgrade"], "websocket")
}

func hasToken(values []string, token string) bool {
	for item := range strings.SplitSeq(strings.Join(values, ","), ",") {
		if strings.EqualFold(strings.Trim(item, " \t"), token) {
			return true
		}
	}
	return false
}

// checkUpgrade refuses a handshake that is malformed, or of a page that may not
// call. CORS does not cover sockets; whoever sends no Origin is no browser.
func (h *handler) checkUpgrade(r *http.Request) error {
	origins := r.Header.Values("Origin")
	switch {
	case r.Method != http.MethodGet:
		return badRequest(http.StatusMethodNotAllowed, "a WebSocket begins with GET").with("Allow", http.MethodGet)
	case !slices.Equal(r.Header.Values("Sec-Websocket-Version"), []string{"13"}):
		return badRequest(http.StatusUpgradeRequired, "only version 13 of WebSocket is possible here").with("Sec-WebSocket-Version", "13")
	case !r.ProtoAtLeast(1, 1) || !validSocketKey(r.Header.Values("Sec-Websocket-Key")):
		return badRequest(http.StatusBadRequest, "the handshake needs one Sec-WebSocket-Key of 16 bytes, over HTTP/1.1")
	case len(origins) == 0, len(origins) == 1 && h.mayOpen(origins[0], r.Host):
		return nil
	}
	return &refusal{status: http.StatusForbidden, code: shards.Forbidden, message: "pages of this origin may not open a socket"}
}

func validSocketKey(values []string) bool {
	if len(values) != 1 {
		return false
	}
	key, err := base64.StdEncoding.DecodeString(values[0])
	return err == nil && len(key) == 16
}

// mayOpen reports whether a page of this origin may open a socket.
func (h *handler) mayOpen(origin, host string) bool {
	if slices.Contains(h.origins, origin) || slices.Contains(h.origins, "*") {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && u.Host != "" && strings.EqualFold(u.Host, host)
}
