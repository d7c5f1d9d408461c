package transport

import (
	"context"
	"errors"
	"net/http"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"gatehouse/shards"
	"gatehouse/transport/guard"
)

var errNoResponse = errors.New("the executor gave no response")

// pipeline is the one way from a document to its responses. Every protocol goes
// through it, so what it checks and accounts for holds on all of them.
type pipeline struct {
	executor graphql.GraphExecutor
	guard    *guard.Guard // nil leaves documents to the executor
}

// carrier is what a protocol can bring to the client and back.
type carrier struct {
	mutations     bool
	subscriptions bool
	// incremental responses come in several parts, as @defer wants them.
	incremental bool
}

// operation is a document on its way. One goroutine uses it at a time.
type operation struct {
	// faults, where set, is the only response: the document, the operation
	// name or the variables can't be executed.
	faults *graphql.Response
	next   func() *graphql.Response
}

// begin creates an operation, checks it and dispatches it under ctx, which has
// the tenancy.Request. The error is a refusal: nothing was executed. Whoever
// began an operation calls Next until it returns nil, or ends ctx, and then end.
func (p *pipeline) begin(ctx context.Context, params *graphql.RawParams, can carrier) (*operation, error) {
	ctx = graphql.StartOperationTrace(ctx)
	if faults := p.check(params); len(faults) > 0 {
		return p.faulty(graphql.WithOperationContext(ctx, &graphql.OperationContext{}), faults)
	}
	created, faults := p.executor.CreateOperationContext(ctx, params)
	if created == nil {
		return nil, errNoResponse
	}
	x := exchangeFrom(ctx)
	if o := created.Operation; o != nil {
		x.kind, x.operation = string(o.Operation), o.Name
	}
	if len(faults) > 0 {
		return p.faulty(graphql.WithOperationContext(ctx, created), faults)
	}
	if err := can.carry(created); err != nil {
		return nil, err
	}
	next, ctx := p.executor.DispatchOperation(ctx, created)
	return &operation{next: func() *graphql.Response { return next(ctx) }}, nil
}

// check returns what is wrong with a document, or with the sizes of its variables.
func (p *pipeline) check(params *graphql.RawParams) gqlerror.List {
	if p.guard == nil {
		return nil
	}
	doc, faults := p.guard.Document(params.Query)
	if len(faults) > 0 {
		return faults
	}
	if o := doc.Operations.ForName(params.OperationName); o != nil { // the executor says that there is none
		return p.guard.Variables(o, params.Variables)
	}
	return nil
}

// faulty is for a document, operation name or variables that can't be executed.
func (p *pipeline) faulty(ctx context.Context, faults gqlerror.List) (*operation, error) {
	response := p.executor.DispatchError(ctx, bounded(faults))
	if response == nil || len(response.Errors) == 0 {
		return nil, errNoResponse
	}
	response.Errors = bounded(response.Errors)
	exchangeFrom(ctx).code = string(codeOf(response.Errors[0]))
	return &operation{faults: response}, nil
}

// Next waits for the operation's next response and returns it: nil after the
// last one, and once its context has ended.
func (o *operation) Next(ctx context.Context) *graphql.Response {
	response := o.next()
	if response != nil && len(response.Errors) > 0 {
		exchangeFrom(ctx).code = string(codeOf(response.Errors[0]))
	}
	return response
}

// end gives back what the operation took.
func (o *operation) end() {}

// carry refuses what the protocol can't carry.
func (can carrier) carry(c *graphql.OperationContext) error {
	switch {
	case c.Operation.Operation == ast.Subscription && !can.subscriptions:
		return malformed("subscriptions are not possible over plain HTTP")
	case c.Operation.Operation == ast.Mutation && !can.mutations:
		return badRequest(http.StatusMethodNotAllowed, "mutations need POST").with("Allow", http.MethodPost)
	case !can.incremental && defers(c):
		// gqlgen would send the first part only, and the rest would be lost.
		return badDocument("@defer is not possible over plain HTTP")
	}
	return nil
}

// badDocument refuses what the draft calls well-formed: its status follows the
// media type.
func badDocument(message string) *refusal {
	return &refusal{code: shards.BadRequest, message: message}
}
