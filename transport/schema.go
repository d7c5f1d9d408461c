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
	tag := base64.RawURLEncoding.EncodeToString(sum[:16])
	texts, c := map[string]string{"": sdl}, newCompressor()
	for _, name := range []string{zstdCoding, gzipCoding} {
		coding{name, c}.compress([][]byte{[]byte(sdl)}, func(encoded []byte) { texts[name] = string(encoded) })
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			badRequest(http.StatusMethodNotAllowed, "only GET and HEAD are possible here").with("Allow", "GET, HEAD").write(w, jsonType, "")
			return
		}
		coding := negotiateCoding(r.Header.Values("Accept-Encoding"))
		if _, worth := texts[coding]; !worth {
			coding = ""
		}
		header := w.Header()
		header.Add("Vary", "Accept-Encoding")
		if coding != "" {
			header.Set("Content-Encoding", coding)
		}
		header.Set("Content-Type", "text/plain; charset=utf-8") // which browsers show rather than save
		header.Set("ETag", `"`+tag+coding+`"`)                  // a strong one, of these bytes
		header.Set("Cache-Control", "public, no-cache")
		header.Set("X-Content-Type-Options", "nosniff")
		http.ServeContent(w, r, "", time.Time{}, strings.NewReader(texts[coding]))
	})
}
