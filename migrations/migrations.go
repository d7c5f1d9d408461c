// Package migrations holds the SQL of both kinds of database, the account
// directory's and the shards', as bun/migrate reads it. It imports nothing of
// this module and may be imported by shards and tenancy.
package migrations

import (
	"embed"
	"io/fs"
)

//go:embed directory all:shard
var files embed.FS

// Directory returns the migrations of the account directory.
func Directory() fs.FS { return folder("directory") }

// Shard returns the migrations of a data shard.
func Shard() fs.FS { return folder("shard") }

func folder(name string) fs.FS {
	sub, err := fs.Sub(files, name)
	if err != nil {
		panic(err) // only for a path that is no path
	}
	return sub
}
