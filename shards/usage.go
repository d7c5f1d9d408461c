package shards

import "sync/atomic"

// Usage is what was read and written through a handle so far.
type Usage struct {
	Rows   int64 // that statements returned
	Counts int64 // of lists that were counted or summed up
	Writes int64 // of records that were committed
}

// Usage returns what was read and written so far.
func (h *Handle) Usage() Usage {
	return Usage{Rows: h.usage.rows.Load(), Counts: h.usage.counts.Load(), Writes: h.usage.writes.Load()}
}

type usage struct{ rows, counts, writes atomic.Int64 }

// counting returns f, which is called for each row, so that it counts them.
func (u *usage) counting(f func(scanner) error) func(scanner) error {
	return func(row scanner) error {
		u.rows.Add(1)
		return f(row)
	}
}
