package shards

import (
	"context"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"
)

// A new file gets its page size with its first page, and then has it for good.
func TestNewShardHasPagesOf8KiBAndIsDurable(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "shard.db")
	s, err := Open(context.Background(), Spec{ID: "1", Engine: "sqlite", DSN: path}, Options{Keys: testKeys, Create: true})
	if err != nil {
		t.Fatal(err)
	}
	var synchronous, foreignKeys int
	err = s.committer().do(context.Background(), func(ctx context.Context, c *conn) error {
		return c.query(ctx, Statement{SQL: "SELECT synchronous, foreign_keys FROM pragma_synchronous, pragma_foreign_keys"},
			func(row scanner) error { return row.Scan(&synchronous, &foreignKeys) })
	})
	if err != nil {
		t.Fatal(err)
	}
	if synchronous != 2 || foreignKeys != 1 { // 2 is FULL
		t.Errorf("synchronous %d, foreign keys %d", synchronous, foreignKeys)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	header, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if size := binary.BigEndian.Uint16(header[16:]); size != 8192 {
		t.Errorf("pages of %d bytes", size)
	}
	if header[18] != 2 || header[19] != 2 {
		t.Error("not in WAL mode")
	}
}
