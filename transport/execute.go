package transport

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"gatehouse/shards"
)

var errNoResponse = errors.New("the executor gave no response")

// execute returns a response and its status, or how the operation is refused.
func (h *handler) execute(ctx context.Context, method, mediaType string, params *graphql.RawParams) (int, *graphql.Response, error) {
	ctx = graphql.StartOperationTrace(ctx)
	operation, faults := h.executor.CreateOperationContext(ctx, params)
	if operation == nil {
		return 0, nil, errNoResponse
	}
	x := exchangeFrom(ctx)
	if o := operation.Operation; o != nil {
		x.kind, x.operation = string(o.Operation), o.Name
	}
	if len(faults) > 0 {
		return h.faulty(graphql.WithOperationContext(ctx, operation), mediaType, faults)
	}
	if err := checkOperation(operation, method, mediaType); err != nil {
		return 0, nil, err
	}
	next, ctx := h.executor.DispatchOperation(ctx, operation)
	response := next(ctx)
	switch {
	case response == nil && ctx.Err() != nil: // gqlgen's way to say that it did not begin
		return 0, nil, ctx.Err()
	case response == nil:
		return 0, nil, errNoResponse
	case response.Data == nil && len(response.Errors) > 0: // refused by an extension
		x.code = string(codeOf(response.Errors[0]))
		return documentStatus(mediaType, codeOf(response.Errors[0])), response, nil
	case len(response.Errors) > 0:
		x.code = string(codeOf(response.Errors[0]))
	}
	return http.StatusOK, response, nil
}

// faulty is for a document, operation name or variables that can't be executed.
func (h *handler) faulty(ctx context.Context, mediaType string, faults gqlerror.List) (int, *graphql.Response, error) {
	response := h.executor.DispatchError(ctx, bounded(faults))
	if response == nil || len(response.Errors) == 0 {
		return 0, nil, errNoResponse
	}
	response.Errors = bounded(response.Errors)
	code := codeOf(response.Errors[0])
	exchangeFrom(ctx).code = string(code)
	return documentStatus(mediaType, code), response, nil
}

// checkOperation refuses what a single HTTP response can't carry, and a GET that
// would change something.
func checkOperation(c *graphql.OperationContext, method, mediaType string) error {
	switch {
	case c.Operation.Operation == ast.Subscription:
		return malformed("subscriptions are not possible over plain HTTP")
	case c.Operation.Operation == ast.Mutation && method != http.MethodPost:
		return badRequest(http.StatusMethodNotAllowed, "mutations need POST").with("Allow", http.MethodPost)
	case defers(c):
		// gqlgen would send the first part only, and the rest would be lost.
		return badRequest(documentStatus(mediaType, shards.BadRequest), "@defer is not possible over plain HTTP")
	}
	return nil
}

// defers reports whether the document says @defer anywhere.
func defers(c *graphql.OperationContext) bool {
	if !strings.Contains(c.RawQuery, "defer") { // spares nearly everybody the walk
		return false
	}
	var found func(ast.SelectionSet) bool
	found = func(set ast.SelectionSet) bool {
		for _, selection := range set {
			switch s := selection.(type) {
			case *ast.Field:
				if found(s.SelectionSet) {
					return true
				}
			case *ast.InlineFragment:
				if s.Directives.ForName("defer") != nil || found(s.SelectionSet) {
					return true
				}
			case *ast.FragmentSpread: // its definition is walked below, once
				if s.Directives.ForName("defer") != nil {
					return true
				}
			}
		}
		return false
	}
	for _, o := range c.Doc.Operations {
		if found(o.SelectionSet) {
			return true
		}
	}
	for _, f := range c.Doc.Fragments {
		if found(f.SelectionSet) {
			return true
		}
	}
	return false
}
