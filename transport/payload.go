package transport

import (
	"context"
	"fmt"
	"maps"
	"runtime/debug"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"gatehouse/tenancy"
)

// payload is one response of a stream, encoded: a copy, because the executor
// uses the memory of a response again.
type payload struct {
	text     []byte
	bookmark string
	// failed has the errors where there is no data, as a message of a socket has
	// them: it is the last one then.
	failed []byte
}

// responses calls f for each response of an operation, until f returns false.
// A panic is an INTERNAL response, the last (invariant 5).
func responses(ctx context.Context, request *tenancy.Request, o *operation, f func(payload) bool) {
	defer func() {
		value := recover()
		if value == nil {
			return
		}
		x := exchangeFrom(ctx)
		x.stack = string(debug.Stack())
		refused := refusalOf(fmt.Errorf("panic: %v", value))
		x.refused(refused)
		refused.cost = costOf(request)
		f(refused.payload(""))
	}()
	for n := 0; ; n++ {
		p, more := o.respond(ctx, request, n > 0)
		if !more {
			if n == 0 && !o.subscription { // too late, or not at all
				refused := refusalOf(o.err())
				exchangeFrom(ctx).refused(refused)
				refused.cost = costOf(request)
				f(refused.payload(bookmark(ctx, request)))
			}
			return
		}
		o.taken.rest()
		if !f(p) {
			return
		}
	}
}

// respond returns the operation's next response, false after the last one.
func (o *operation) respond(ctx context.Context, request *tenancy.Request, later bool) (p payload, more bool) {
	request.Turn.Run(func() {
		if response := o.Next(); response != nil {
			p, more = o.payload(ctx, request, response, later), true
		}
	})
	return p, more
}

// payload encodes a response; later is one behind the first. The bookmark of a
// subscription is its event's: where it failed there is none, lest somebody
// goes on from it.
func (o *operation) payload(ctx context.Context, request *tenancy.Request, response *graphql.Response, later bool) payload {
	at, _ := response.Extensions["bookmark"].(string)
	if !o.subscription {
		at = bookmark(ctx, request)
	}
	p := partsOf(request, response, at)
	p.hasNext, p.later = response.HasNext, later && !o.subscription
	out := payload{text: p.appendTo(make([]byte, 0, p.size())), bookmark: at}
	if response.Data == nil && len(response.Errors) > 0 {
		out.failed = listed(response.Errors, p.cost)
	}
	return out
}

// payload is a refusal as a response.
func (r *refusal) payload(bookmark string) payload {
	p := r.parts(bookmark)
	return payload{text: p.appendTo(make([]byte, 0, p.size())), bookmark: bookmark, failed: r.listed()}
}

// listed encodes the errors of a response for a message that is a list of them,
// without extensions beside it: the first one has the cost.
func listed(errors gqlerror.List, cost *tenancy.Cost) []byte {
	if cost != nil {
		first := *errors[0]
		first.Extensions = maps.Clone(first.Extensions)
		if first.Extensions == nil {
			first.Extensions = map[string]any{}
		}
		first.Extensions["cost"] = cost
		errors = append(gqlerror.List{&first}, errors[1:]...)
	}
	return encodeErrors(errors)
}
