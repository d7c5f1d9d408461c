package resolvers

import (
	"context"

	"gatehouse/shards"
)

// page is one parent's part of a list.
type page struct {
	query   *query
	parent  string
	records []*record
	more    bool // there is more in the direction of the page
}

// hasNext and hasPrevious report what lies around the page. Beyond a cursor
// there is at least the record that it was made of.
func (p *page) hasNext() bool     { return p.more && !p.query.page.Backward || p.query.to }
func (p *page) hasPrevious() bool { return p.more && p.query.page.Backward || p.query.from }

// cursor prints the place of one of the page's records.
func (p *page) cursor(h *shards.Handle, rec *record) string {
	return h.Cursor(p.query.list, rec.row.Mark(p.query.page.Order))
}

// pagesOf returns the loader of a list's pages by parent.
func (r *response) pagesOf(q *query) *loader[*page] {
	r.mu.Lock()
	defer r.mu.Unlock()
	l := r.pages[q.key]
	if l == nil {
		l = newLoader(r.caller.Account.ID, func(ctx context.Context, parents []string) (map[string]*page, error) {
			snap, err := r.snapshot(ctx)
			if err != nil {
				return nil, err
			}
			ask := q.page
			if q.edge.by != "" || q.edge.through != nil {
				ask.Parents = parents
			}
			lists, err := snap.List(ctx, ask)
			if err != nil {
				return nil, err
			}
			out := make(map[string]*page, len(parents))
			for _, parent := range parents {
				rows := lists[parent]
				p := &page{query: q, parent: parent}
				if q.page.Limit > 0 && len(rows) > q.size {
					p.more = true
					if q.page.Backward {
						rows = rows[1:]
					} else {
						rows = rows[:q.size]
					}
				}
				p.records = r.know(ctx, q.edge.target, rows)
				out[parent] = p
			}
			return out, nil
		})
		r.pages = with(r.pages, q.key, l)
	}
	return l
}

// countsOf returns the loader of a list's totals by parent.
func (r *response) countsOf(q *query) *loader[int64] {
	r.mu.Lock()
	defer r.mu.Unlock()
	l := r.counts[q.key]
	if l == nil {
		l = newLoader(r.caller.Account.ID, func(ctx context.Context, parents []string) (map[string]int64, error) {
			snap, err := r.snapshot(ctx)
			if err != nil {
				return nil, err
			}
			ask := q.page
			if q.edge.by != "" || q.edge.through != nil {
				ask.Parents = parents
			}
			return snap.Count(ctx, ask)
		})
		r.counts = with(r.counts, q.key, l)
	}
	return l
}
