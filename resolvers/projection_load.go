package resolvers

import (
	"context"
	"slices"

	"gatehouse/shards"
)

type copyKey struct {
	object *object
	rec    *record
}

type stretch struct{ from, to int }

// loaded is what a link leads to from all the records that have it.
type loaded struct {
	ids    []string           // of refs, each once
	refs   map[string]*record // by id
	pages  map[string]*page   // by parent
	counts map[string]int64
}

// load loads what the objects select below the records, breadth first: one
// statement for each link, however many records there are. It returns false
// where something is not as it should be, whatever it is: the plain executor
// then meets it, and reports it in its place. last: nothing is loaded after it.
func (x *projection) load(ctx context.Context, o *object, recs []*record, last bool, within ...shards.Condition) (bool, error) {
	if !x.reads(o) {
		return false, nil
	}
	if err := x.last(ctx, last && o.flat && len(o.links) > 0); err != nil {
		return false, err
	}
	if err := x.loadTargets(ctx, o, recs); err != nil {
		return false, err
	}
	for i, l := range o.links {
		last := last && i == len(o.links)-1
		var ok bool
		var err error
		if l.edge.ref != "" {
			ok, err = x.loadRefs(ctx, l, last)
		} else {
			ids := make([]string, len(recs))
			for i, rec := range recs {
				ids[i] = rec.row.ID
			}
			ok, err = x.loadPages(ctx, l, ids, last, within...)
		}
		if !ok || err != nil {
			return ok, err
		}
	}
	return true, nil
}

// reads reports whether the caller may read what the object's links lead to.
func (x *projection) reads(o *object) bool {
	for _, l := range o.links {
		if x.may(l.edge.target.read) != nil {
			return false
		}
	}
	return true
}

// loadTargets loads the records that references lead to, all in one round trip.
func (x *projection) loadTargets(ctx context.Context, o *object, recs []*record) error {
	var wanted []wanted
	for _, l := range o.links {
		if l.edge.ref == "" {
			continue
		}
		to := &x.loaded[l.index]
		to.refs = make(map[string]*record, len(recs))
		for _, rec := range recs {
			id := rec.row.Text(l.edge.ref)
			if _, seen := to.refs[id]; id != "" && !seen {
				to.refs[id] = nil
				to.ids = append(to.ids, id)
			}
		}
		wanted = want(wanted, l.edge.target, to.ids)
	}
	return x.fetch(ctx, wanted)
}

// loadRefs takes what loadTargets has loaded, and loads what is selected of it.
func (x *projection) loadRefs(ctx context.Context, l *link, last bool) (bool, error) {
	to := &x.loaded[l.index]
	if len(to.ids) == 0 {
		return true, nil
	}
	targets, err := x.recordsOf(l.edge.target).direct(ctx, to.ids)
	if err != nil {
		return false, err
	}
	found := targets[:0:0]
	for i, t := range targets {
		if t != nil {
			to.refs[to.ids[i]] = t
			found = append(found, t)
		}
	}
	return x.load(ctx, l.nodes[0], found, last)
}

// loadPages loads a list of every parent, and what is selected of its records.
func (x *projection) loadPages(ctx context.Context, l *link, parents []string, last bool, within ...shards.Condition) (bool, error) {
	given := l.field.ArgumentMap(x.variables)
	if !allFit(x.schema, l.field.Definition.Arguments, given) {
		return false, nil
	}
	snap, err := x.snapshot(ctx)
	if err != nil {
		return false, err
	}
	q, err := x.query(snap, l.edge, given, within...)
	if err != nil {
		return false, nil
	}
	counted := l.connection != nil && l.connection.counted
	below := slices.ContainsFunc(l.nodes, func(o *object) bool { return len(o.links) > 0 })
	if err := x.last(ctx, last && !counted && !below); err != nil {
		return false, err
	}
	lists, err := x.pagesOf(q).direct(ctx, parents)
	if err != nil {
		return false, err
	}
	to := &x.loaded[l.index]
	to.pages = make(map[string]*page, len(parents))
	var all []*record
	seen := map[string]bool{}
	for i, p := range lists {
		to.pages[parents[i]] = p
		for _, rec := range p.records {
			// Each once: lists of lists repeat a record, and would multiply level by level.
			if len(lists) == 1 || !seen[rec.row.ID] {
				seen[rec.row.ID] = true
				all = append(all, rec)
			}
		}
	}
	if counted {
		if err := x.last(ctx, last && !below); err != nil {
			return false, err
		}
		counts, err := x.countsOf(q).direct(ctx, parents)
		if err != nil {
			return false, err
		}
		to.counts = make(map[string]int64, len(parents))
		for i, n := range counts {
			to.counts[parents[i]] = n
		}
	}
	for i, o := range l.nodes {
		if ok, err := x.load(ctx, o, all, last && i == len(l.nodes)-1); !ok || err != nil {
			return ok, err
		}
	}
	return true, nil
}
