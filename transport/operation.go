package transport

import (
	"context"
	"errors"
	"net/http"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/errcode"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"gatehouse/tenancy"
	"gatehouse/transport/guard"
)

var errNoResponse = errors.New("the executor gave no response")

// pipeline is the one way from a document to its responses. Every protocol goes
// through it, so what it checks and accounts for holds on all of them.
type pipeline struct {
	executor Executor
	guard    *guard.Guard // nil leaves documents to the executor
	limits   Admission
	// documents are those that can be named instead of sent.
	documents *Documents
}

// carrier is what a protocol can bring to the gateway and back.
type carrier struct{ mutations, subscriptions bool }

// operation is a document on its way. One goroutine uses it at a time.
type operation struct {
	// faults, where set, is the only response: the document, the operation
	// name or the variables can't be executed.
	faults *graphql.Response
	// subscription: its responses are events, and have no deadline together.
	subscription bool
	ctx          context.Context
	cancel       context.CancelFunc
	next         graphql.ResponseHandler
	taken        admitted
}

// begin creates an operation of a request, checks it and dispatches it under
// limited, which has a deadline; a subscription, which has none, under whole. The
// error is a refusal: nothing was executed. Whoever began an operation ends it.
func (p *pipeline) begin(whole, limited context.Context, request *tenancy.Request, params *graphql.RawParams, can carrier) (*operation, error) {
	o := &operation{ctx: tenancy.WithRequest(limited, request), cancel: func() {}}
	begun := false
	defer func() {
		if !begun { // also where something panics
			o.end()
		}
	}()
	err := p.limits.enter(o.ctx, &o.taken, request)
	if err == nil {
		request.Turn.Run(func() { err = p.create(whole, o, request, params, can) })
	}
	if err != nil {
		return nil, err
	}
	begun = true
	return o, nil
}

func (p *pipeline) create(whole context.Context, o *operation, request *tenancy.Request, params *graphql.RawParams, can carrier) error {
	ctx := o.ctx
	keep, err := p.documents.resolve(ctx, params)
	if err != nil {
		return err
	}
	doc, faults := p.check(params)
	if len(faults) > 0 {
		return p.faulty(graphql.WithOperationContext(ctx, &graphql.OperationContext{}), o, faults)
	}
	created, faults := p.executor.CreateOperationContext(ctx, params)
	if created == nil {
		return errNoResponse
	}
	x := exchangeFrom(ctx)
	x.handle = request.Handle
	if c := created.Operation; c != nil {
		x.kind, x.name = string(c.Operation), c.Name
	}
	if len(faults) > 0 {
		return p.faulty(graphql.WithOperationContext(ctx, created), o, faults)
	}
	keep()
	if err := can.carry(created.Operation.Operation); err != nil {
		return err
	}
	if err := p.limits.charge(&o.taken, created, doc); err != nil {
		return err
	}
	if o.subscription = created.Operation.Operation == ast.Subscription; o.subscription {
		o.ctx, o.cancel = context.WithCancel(tenancy.WithRequest(whole, request))
		ctx = o.ctx
	}
	o.next, o.ctx = p.executor.DispatchOperation(ctx, created)
	if o.subscription {
		o.taken.rest()
	}
	return nil
}

// check returns the document, nil where nobody guards them, or what is wrong
// with it or with the sizes of its variables.
func (p *pipeline) check(params *graphql.RawParams) (*guard.Document, gqlerror.List) {
	if p.guard == nil {
		return nil, nil
	}
	doc, faults := p.guard.Document(params.Query)
	if len(faults) > 0 {
		return nil, faults
	}
	o := doc.Operations.ForName(params.OperationName)
	if o == nil {
		return nil, noOperation(doc, params.OperationName)
	}
	return doc, p.guard.Variables(o, params.Variables)
}

// noOperation says why none of a document's operations is the one that is named.
func noOperation(doc *guard.Document, name string) gqlerror.List {
	why := "the document has no operation of the name that operationName gives"
	switch {
	case len(doc.Operations) == 0:
		why = "the document has no operation"
	case name == "":
		why = "the document has several operations; say which one in operationName"
	}
	err := gqlerror.Errorf("%s", why)
	errcode.Set(err, errcode.ValidationFailed)
	return gqlerror.List{err}
}

// faulty is for a document, operation name or variables that can't be executed.
func (p *pipeline) faulty(ctx context.Context, o *operation, faults gqlerror.List) error {
	response := p.executor.DispatchError(ctx, bounded(faults))
	if response == nil || len(response.Errors) == 0 {
		return errNoResponse
	}
	response.Errors = bounded(response.Errors)
	o.taken.settle()
	exchangeFrom(ctx).code = string(codeOf(response.Errors[0]))
	o.faults = response
	return nil
}

// Next waits for the operation's next response and returns it: nil after the
// last one, and once its time is over. Its data is good until Next is called
// again.
func (o *operation) Next() *graphql.Response {
	response := o.next(o.ctx)
	o.taken.settle()
	if response != nil && len(response.Errors) > 0 {
		exchangeFrom(o.ctx).code = string(codeOf(response.Errors[0]))
	}
	return response
}

// err returns why there was no response.
func (o *operation) err() error {
	if err := o.ctx.Err(); err != nil { // gqlgen's way to say that it did not begin
		return err
	}
	return errNoResponse
}

// end ends the operation wherever it is, and gives back what it took.
func (o *operation) end() {
	o.cancel()
	o.taken.leave()
}

// carry refuses what the protocol can't carry.
func (can carrier) carry(kind ast.Operation) error {
	switch {
	case kind == ast.Subscription && !can.subscriptions:
		return malformed("subscriptions need a WebSocket, or Accept: " + eventType)
	case kind == ast.Mutation && !can.mutations:
		return badRequest(http.StatusMethodNotAllowed, "mutations need POST").with("Allow", http.MethodPost)
	}
	return nil
}
