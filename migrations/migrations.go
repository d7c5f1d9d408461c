// Package migrations holds the SQL that makes a directory and a shard. One
// text serves both engines; what differs between them is in a dialect's
// template data. A migration is never edited after its release.
package migrations

import (
	"embed"
	"io/fs"
)

//go:embed all:directory all:shard
var files embed.FS

// Directory returns the migrations of the account directory.
func Directory() fs.FS { return sub("directory") }

// Shard returns the migrations of a shard.
func Shard() fs.FS { return sub("shard") }

func sub(dir string) fs.FS {
	f, err := fs.Sub(files, dir)
	if err != nil {
		panic(err) // the folder is embedded
	}
	return f
}
