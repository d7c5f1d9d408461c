package transport

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strings"
	"time"
)

// Schema serves the schema's text to everybody, for tools and people. Clients
// that kept it are answered 304.
func Schema(sdl string) http.Handler {
	sum := sha256.Sum256([]byte(sdl))
	etag := `"` + base64.RawURLEncoding.EncodeToString(sum[:16]) + `"`
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			badRequest(http.StatusMethodNotAllowed, "only GET and HEAD are possible here").with("Allow", "GET, HEAD").write(w, jsonType, "")
			return
		}
		header := w.Header()
		header.Set("Content-Type", "text/plain; charset=utf-8") // which browsers show rather than save
		header.Set("ETag", etag)
		header.Set("Cache-Control", "public, no-cache")
		header.Set("X-Content-Type-Options", "nosniff")
		http.ServeContent(w, r, "", time.Time{}, strings.NewReader(sdl))
	})
}
