package graphiql

import (
	"encoding/json"
	"net/http"
	"strconv"
)

// Addresses of what is not a built asset.
const (
	pagePath     = "/"
	configPath   = "/graphiql/config.json"
	licensesPath = "/graphiql/licenses.txt"
)

// policy names all that the page may load. Monaco, the editor, writes style
// elements at run time and draws with data: images, hence those two exceptions.
const policy = "default-src 'none'; " +
	"script-src 'self'; " +
	"style-src 'self' 'unsafe-inline'; " +
	"font-src 'self'; " +
	"img-src 'self' data:; " +
	"connect-src 'self'; " +
	"worker-src 'self'; " +
	"base-uri 'none'; " +
	"form-action 'none'; " +
	"frame-ancestors 'none'"

// Config is what the page is told. It is sent to the browser as it stands.
type Config struct {
	// Endpoint is the path of the GraphQL endpoint on this host; "/graphql" where
	// it is empty. Another host's is blocked by the page's policy.
	Endpoint string `json:"endpoint"`
	// Tokens are offered in this order; the first is chosen until somebody
	// chooses. Without any, the page sends no Authorization header.
	Tokens []Token `json:"tokens"`
	// RecordID is a record that the demo accounts share, used by the examples
	// that need an id; empty where there is none.
	RecordID string `json:"recordId,omitempty"`
}

// Token is a bearer token of the demo data. Account and Role are its label in
// the menu; a pair should occur once, because the choice is remembered by it.
type Token struct {
	Account string `json:"account"`
	Role    string `json:"role"`
	Token   string `json:"token"`
}

// Handler serves the page at "/" and what it needs under "/graphiql/". Any
// other path is 404 and any method but GET and HEAD is 405. It is safe for
// concurrent use.
func Handler(config Config) http.Handler {
	if config.Endpoint == "" {
		config.Endpoint = "/graphql"
	}
	if config.Tokens == nil {
		config.Tokens = []Token{} // the page expects a list
	}
	files := builtFiles()
	files[configPath] = file{"application/json", noStore, encode(config)}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Content-Security-Policy", policy)
		header.Set("Cross-Origin-Resource-Policy", "same-origin")
		header.Set("Referrer-Policy", "no-referrer")
		header.Set("X-Content-Type-Options", "nosniff")
		file, ok := files[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			header.Set("Allow", "GET, HEAD")
			http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
			return
		}
		header.Set("Content-Type", file.contentType)
		header.Set("Cache-Control", file.cacheControl)
		header.Set("Content-Length", strconv.Itoa(len(file.content)))
		_, _ = w.Write(file.content) // net/http drops the body of HEAD; a reader that left is no error
	})
}

func encode(config Config) []byte {
	content, err := json.Marshal(config)
	if err != nil {
		panic("graphiql: encode config: " + err.Error()) // strings always encode
	}
	return content
}
