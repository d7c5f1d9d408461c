package shards

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
)

// One writer waits for the disk with each write.
func BenchmarkWriteAlone(b *testing.B) {
	h := openTest(b, Options{}).testHandle(b, "a")
	for i := 0; b.Loop(); i++ {
		write(b, h, i)
	}
}

// 64 writers share it: a write must cost a fraction of what it costs alone.
func BenchmarkWriteInGroups(b *testing.B) {
	h := openTest(b, Options{}).testHandle(b, "a")
	var n atomic.Int64
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			write(b, h, int(n.Add(1)))
		}
	})
}

func write(b *testing.B, h *Handle, i int) {
	body := fmt.Appendf(nil, `{"name":"Client %d","status":"ACTIVE","note":"%0400d"}`, i, i)
	if _, err := h.Commit(context.Background(), &Write{Ops: []Op{
		{Kind: Created, Table: "clients", ID: fmt.Sprint("c", i), Body: body, Patch: body}}}); err != nil {
		b.Error(err)
	}
}

// Reading 50 records by id, and a page of 50, among 5,000.
func BenchmarkRead(b *testing.B) {
	h := openTest(b, Options{}).testHandle(b, "a")
	ctx := context.Background()
	var ids []string
	for i := range 50 {
		w := &Write{}
		for n := range 100 {
			body := fmt.Appendf(nil, `{"name":"Client %d","status":"ACTIVE","note":"%0400d"}`, n, n)
			w.Ops = append(w.Ops, Op{Kind: Created, Table: "clients", ID: fmt.Sprint("c", i*100+n), Body: body, Patch: body})
		}
		ids = append(ids, fmt.Sprint("c", i*100))
		if _, err := h.Commit(ctx, w); err != nil {
			b.Fatal(err)
		}
	}
	read := func(b *testing.B, f func(*Snapshot) (int, error)) {
		b.ReportAllocs()
		for b.Loop() {
			s, err := h.Snapshot(ctx)
			if err != nil {
				b.Fatal(err)
			}
			if n, err := f(s); err != nil || n != 50 {
				b.Fatal(n, err)
			}
			s.Close()
		}
	}
	b.Run("ByID", func(b *testing.B) {
		read(b, func(s *Snapshot) (int, error) {
			rows, err := s.Get(ctx, "clients", ids)
			return len(rows), err
		})
	})
	b.Run("Page", func(b *testing.B) {
		read(b, func(s *Snapshot) (int, error) {
			lists, err := s.List(ctx, Page{Table: s.Table("clients"), Order: Order{"created_at", true}, Limit: 50})
			return len(lists[""]), err
		})
	})
}
