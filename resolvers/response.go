package resolvers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"gatehouse/graph"
	"gatehouse/shards"
	"gatehouse/tenancy"
)

// response is what one answer is made from: one snapshot and the loaders over
// it (invariants 4 and 7). A query has one, and so has each root field of a
// mutation. It is safe for concurrent use.
type response struct {
	model  *model
	handle *shards.Handle
	caller *tenancy.Caller

	request *tenancy.Request
	// handed counts the records and changes that lists have put into the answer.
	handed atomic.Int64
	// shown, where set, is for the projector; of a mutation.
	shown *shown

	mu      sync.Mutex
	snap    *shards.Snapshot
	records map[*kind]*loader[*record]
	pages   map[string]*loader[*page]
	counts  map[string]*loader[int64]
	history map[string]*loader[*changePage]
	// together are records of which the first that is asked for loads all, while
	// the others wait for it.
	together   []string
	togetherMu sync.Mutex
}

// record is a row and, once somebody asked for it, the struct that it decodes to.
type record struct {
	kind *kind
	row  *shards.Row
	once sync.Once
	as   graph.Record // from the start, of one that was written: decoded from its body
	err  error
}

func (r *record) decode() (graph.Record, error) {
	r.once.Do(func() {
		if r.as != nil {
			r.err = r.row.Complete(r.as)
			return
		}
		r.as = graph.NewRecord(r.kind.name)
		r.err = r.row.Decode(r.as)
	})
	return r.as, r.err
}

type responseKey struct{}

var errNoTenant = errors.New("a request without a verified account")

// newResponse returns the context of an answer. Without a verified account in
// ctx every access to data is an error, never "all" (invariant 1).
func newResponse(ctx context.Context, m *model) (context.Context, *response) {
	request, ok := tenancy.RequestFrom(ctx)
	if !ok {
		return ctx, nil
	}
	r := &response{model: m, request: request, handle: request.Handle, caller: request.Caller}
	return context.WithValue(ctx, responseKey{}, r), r
}

func from(ctx context.Context) (*response, error) {
	if r, ok := ctx.Value(responseKey{}).(*response); ok {
		return r, nil
	}
	return nil, errNoTenant
}

func (r *response) reset() { r.records, r.pages, r.counts, r.history = nil, nil, nil, nil }

// snapshot opens the read at the first statement and returns the same one ever after.
func (r *response) snapshot(ctx context.Context) (*shards.Snapshot, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.snap != nil {
		return r.snap, nil
	}
	var err error
	r.snap, err = r.handle.Snapshot(ctx)
	return r.snap, err
}

// close ends the snapshot and forgets what was loaded: after a write, what
// follows must see it.
func (r *response) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.snap != nil {
		r.snap.Close()
		r.snap = nil
	}
	r.reset()
}

// maxRecords is how many records the lists of one answer may have together,
// changes among them. Lists nest, so a page of 100 in a page of 100 is 10,000 already.
const maxRecords = 10_000

// hand accounts for n records or changes that go into the answer. What has been loaded
// takes no statement to be shown again and again, so this is also where an
// answer that nobody waits for any more ends.
func (r *response) hand(ctx context.Context, n int) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	r.handed.Add(int64(n))
	return r.tooMuch()
}

// tooMuch returns an error once the answer has more than it may.
func (r *response) tooMuch() error {
	if r.handed.Load() <= maxRecords {
		return nil
	}
	return &shards.Error{Code: shards.DocumentLimit, Message: fmt.Sprintf("the answer would have more than %d records and changes; ask for smaller pages", maxRecords)}
}

// may refuses a caller who lacks a scope.
func (r *response) may(scope string) error { return may(r.caller, scope) }

func may(caller *tenancy.Caller, scope string) error {
	if caller.Scopes.Has(scope) {
		return nil
	}
	return &shards.Error{Code: shards.Forbidden, Message: "this needs the scope " + scope}
}

// recordsOf returns the loader of a kind's records; a missing record loads as nil.
func (r *response) recordsOf(k *kind) *loader[*record] {
	r.mu.Lock()
	defer r.mu.Unlock()
	l := r.records[k]
	if l == nil {
		l = newLoader(r.caller.Account.ID, func(ctx context.Context, ids []string) (map[string]*record, error) {
			snap, err := r.snapshot(ctx)
			if err != nil {
				return nil, err
			}
			rows, err := snap.Get(ctx, k.table, ids)
			if err != nil {
				return nil, err
			}
			out := make(map[string]*record, len(rows))
			for _, row := range rows {
				out[row.ID] = &record{kind: k, row: row}
			}
			return out, nil
		})
		r.records = with(r.records, k, l)
	}
	return l
}

// with returns a map that has a value more; nil is an empty one.
func with[K comparable, V any](m map[K]V, key K, v V) map[K]V {
	if m == nil {
		m = map[K]V{}
	}
	m[key] = v
	return m
}

// wanted are records of one kind.
type wanted struct {
	kind *kind
	ids  []string
	// with are references whose records are wanted as well.
	with []*edge
}

// want adds records of a kind to a list in which each kind stands once, in the
// order of their tables.
func want(list []wanted, k *kind, ids []string) []wanted {
	i, found := slices.BinarySearchFunc(list, k, func(w wanted, k *kind) int { return strings.Compare(w.kind.table, k.table) })
	if !found {
		list = slices.Insert(list, i, wanted{kind: k})
	}
	list[i].ids = append(list[i].ids, ids...)
	return list
}

// wantOne returns the list of one record and of what its references lead to.
func wantOne(k *kind, id string, with []*edge) []wanted {
	list := append(make([]wanted, 0, 1+len(with)), wanted{k, []string{id}, with})
	for _, e := range with {
		list = want(list, e.target, nil)
	}
	return list
}

// fetch loads records of several kinds in one round trip, for whoever asks for
// them afterwards.
func (r *response) fetch(ctx context.Context, list []wanted) error {
	loaders := make([]*loader[*record], len(list))
	var asked []shards.Wanted
	of := func(table string) int {
		return slices.IndexFunc(list, func(w wanted) bool { return w.kind.table == table })
	}
	for i, w := range list {
		l := r.recordsOf(w.kind)
		l.mu.Lock() // always in the order of the tables
		defer l.mu.Unlock()
		loaders[i] = l
		list[i].ids = l.missing(ctx, w.ids)
		if len(list[i].ids) > 0 {
			asked = append(asked, shards.Wanted{Table: w.kind.table, IDs: list[i].ids, With: fieldsOf(w.with)})
		}
	}
	if len(asked) == 0 {
		return nil
	}
	snap, err := r.snapshot(ctx)
	if err != nil {
		return err
	}
	rows, err := snap.GetAll(ctx, asked...)
	if err != nil {
		return err
	}
	for _, row := range rows {
		i := of(row.Table.Name)
		loaders[i].learn(ctx, row.ID, &record{kind: list[i].kind, row: row})
	}
	for i, w := range list { // those that there are not
		for _, id := range w.ids {
			loaders[i].learn(ctx, id, nil)
		}
	}
	for _, row := range rows { // and what is referred to and is not there
		w := list[of(row.Table.Name)]
		for _, e := range w.with {
			if id := row.Text(e.ref); id != "" && slices.Contains(w.ids, row.ID) {
				loaders[of(e.target.table)].learn(ctx, id, nil)
			}
		}
	}
	return nil
}

// fieldsOf returns the fields of references.
func fieldsOf(refs []*edge) []string {
	out := make([]string, len(refs))
	for i, e := range refs {
		out[i] = e.ref
	}
	return out
}

// know wraps rows that were read as part of a list, for whoever asks for them by id.
func (r *response) know(ctx context.Context, k *kind, rows []*shards.Row) []*record {
	l := r.recordsOf(k)
	out := make([]*record, len(rows))
	for i, row := range rows {
		out[i] = &record{kind: k, row: row}
		l.put(ctx, row.ID, out[i])
	}
	return out
}
