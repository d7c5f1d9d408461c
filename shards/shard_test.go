package shards

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"
)

var testKeys, _ = NewKeyring(bytes.Repeat([]byte("k"), 32))

func openTest(t *testing.T, opts Options) *Shard {
	t.Helper()
	if opts.Keys == nil {
		opts.Keys = testKeys
	}
	opts.Create = true
	s, err := Open(context.Background(), Spec{ID: "1", Engine: "sqlite", DSN: filepath.Join(t.TempDir(), "shard.db")}, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func (s *Shard) testHandle(t *testing.T, account string) *Handle {
	t.Helper()
	if err := s.AddAccount(context.Background(), account); err != nil {
		t.Fatal(err)
	}
	return NewHandle(account, s.opts.Keys, func(context.Context, bool) (*Shard, error) { return s, nil })
}

func createGroup(id, name string) Op {
	return Op{Kind: Created, Table: "groups", ID: id, Body: fmt.Appendf(nil, `{"name":%q}`, name), Patch: []byte(`{}`)}
}

func TestWriteIsReadBack(t *testing.T) {
	s := openTest(t, Options{})
	h := s.testHandle(t, "a")
	ctx := context.Background()
	start := time.Now()
	for i := range 100 {
		if _, err := h.Commit(ctx, &Write{Ops: []Op{createGroup(fmt.Sprint("g", i), fmt.Sprint("Group ", i))}}); err != nil {
			t.Fatal(err)
		}
	}
	t.Log("per write", time.Since(start)/100)
	snap, err := h.Snapshot(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Close()
	if snap.Position != (Position{1, 100}) {
		t.Fatalf("position %+v", snap.Position)
	}
	pages, err := snap.List(ctx, Page{Table: snap.Table("groups"), Order: Order{"created_at", true}, Limit: 3})
	if err != nil || len(pages[""]) != 3 {
		t.Fatal(pages, err)
	}
	changes, err := snap.Changes(ctx, 0, 10, nil, 100)
	if err != nil || len(changes) != 10 {
		t.Fatal(changes, err)
	}
}
