package graphiql

import (
	"embed"
	"io/fs"
	"path"
)

//go:embed all:dist
var dist embed.FS

const (
	immutable = "public, max-age=31536000, immutable"
	noCache   = "no-cache"
	noStore   = "no-store"
)

type file struct {
	contentType  string
	cacheControl string
	content      []byte
}

// builtFiles returns the files of dist/ by the address that each is served at.
// A kind of file that it does not know is a programmer's mistake and panics:
// under nosniff a guessed type would be a blank page.
func builtFiles() map[string]file {
	files := map[string]file{
		pagePath:     {"text/html; charset=utf-8", noCache, read("dist/index.html")},
		licensesPath: {"text/plain; charset=utf-8", noCache, read("dist/licenses.txt")},
	}
	assets, err := fs.Glob(dist, "dist/assets/*")
	if err != nil {
		panic("graphiql: " + err.Error())
	}
	for _, name := range assets {
		files["/graphiql/assets/"+path.Base(name)] = file{assetType(name), immutable, read(name)}
	}
	return files
}

func assetType(name string) string {
	switch path.Ext(name) {
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	case ".ttf":
		return "font/ttf"
	}
	panic("graphiql: no content type for " + name)
}

func read(name string) []byte {
	content, err := dist.ReadFile(name)
	if err != nil {
		panic("graphiql: " + err.Error())
	}
	return content
}
