package resolvers

import (
	"context"
	"strings"
	"time"

	"github.com/99designs/gqlgen/graphql"

	"gatehouse/graph"
	"gatehouse/shards"
)

// stream is a subscription under way. Nothing runs between its events: each is
// fetched by whoever wants the next response, so a client that does not read
// holds up nobody, and nothing is left behind when it goes.
type stream struct {
	model  *model
	follow *follow
	// events has room for the one that is being answered.
	events chan *graph.ChangeSet
	ended  bool
}

// eventTimeout bounds the reads that one event takes. It has no request whose
// deadline could.
const eventTimeout = 5 * time.Second

type streamKey struct{}

// withStream makes room for the stream of the operation that begins.
func withStream(ctx context.Context, m *model) context.Context {
	return context.WithValue(ctx, streamKey{}, &stream{model: m})
}

// streams reports whether a subscription has its one field, without which
// gqlgen gives up or panics. Validation does not see @skip and @include.
func streams(op *graphql.OperationContext) bool {
	fields := graphql.CollectFields(op, op.Operation.SelectionSet, []string{"Subscription"})
	return len(fields) == 1 && !strings.HasPrefix(fields[0].Name, "__")
}

func streamFrom(ctx context.Context) *stream {
	s, _ := ctx.Value(streamKey{}).(*stream)
	return s
}

// begin returns what gqlgen reads the events from.
func (s *stream) begin(f *follow) <-chan *graph.ChangeSet {
	s.follow, s.events = f, make(chan *graph.ChangeSet, 1)
	return s.events
}

// respond waits for the next event and answers it from a response of its own
// (invariant 7). An error is the last response.
func (s *stream) respond(ctx context.Context, next graphql.ResponseHandler) *graphql.Response {
	if s.ended || s.follow == nil {
		return nil
	}
	set, err := s.follow.next(ctx)
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		s.ended = true
		graphql.AddError(ctx, err)
		return &graphql.Response{Errors: graphql.GetErrors(ctx)}
	}
	ctx, cancel := context.WithTimeout(ctx, eventTimeout)
	defer cancel()
	ctx, r := newResponse(ctx, s.model)
	defer r.close()
	event := r.event(set)
	// Not where the records were read, which may be further on: a client that
	// goes on from here must not miss what lies between.
	graphql.RegisterExtension(ctx, "bookmark", event.Bookmark)
	s.events <- event
	return next(ctx)
}

// event shows a write, and has its records loaded together by the first that
// is asked for.
func (r *response) event(set *shards.ChangeSet) *graph.ChangeSet {
	out := &graph.ChangeSet{Bookmark: r.handle.BookmarkAt(set.Position), Changes: make([]*graph.Change, len(set.Changes))}
	for i, c := range set.Changes {
		out.Changes[i] = r.change(set.Position.Epoch, c)
		if r.may(r.model.tables[c.Table].read) == nil {
			r.together = append(r.together, c.RecordID)
		}
	}
	return out
}

// loadTogether loads the records of an event for the first of its changes that
// is asked for its record, and what is selected below them.
func (r *response) loadTogether(ctx context.Context) error {
	r.togetherMu.Lock()
	defer r.togetherMu.Unlock()
	ids := r.together
	r.together = nil
	if len(ids) == 0 {
		return nil
	}
	recs, err := r.any(ctx, ids)
	if err != nil {
		return err
	}
	return r.aheadAll(ctx, recs, selected(ctx))
}
