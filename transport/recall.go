package transport

import (
	"context"
	"net/http"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"gatehouse/tenancy"
)

// recall returns an operation that was asked for before, to the byte, and that
// the read cache has the answer to; nil where it has to be begun. What its text
// says is known then; what the headers say, the price and the position are
// judged anew.
func (p *pipeline) recall(ctx context.Context, request *tenancy.Request, header http.Header, asked tenancy.Asked) (*operation, error) {
	if request.Incremental || request.Caller.TrustedOnly() {
		return nil, nil
	}
	answered := p.executor.Recall(request, asked)
	if answered == nil {
		return nil, nil
	}
	t, err := termsOf(header, nil)
	if err == nil {
		err = t.apply(request)
	}
	if err != nil {
		return nil, err
	}
	if !answered.Exact(ctx, request.Handle) {
		return nil, nil
	}
	x := exchangeFrom(ctx)
	x.node, x.kind, x.name = request.Handle.Node, string(ast.Query), answered.Operation
	if err := p.limits.take(request, answered.Price); err != nil {
		return nil, err
	}
	request.Cache = tenancy.CacheHit
	return &operation{
		ctx: ctx, cancel: func() {}, taken: admitted{request},
		next: graphql.OneShot(&graphql.Response{Data: answered.Data}),
	}, nil
}

// saysAll reports whether what a request means follows from its text: it sends
// its document, rather than naming one that may be another's tomorrow, and its
// extensions have nothing that is judged anew each time. An answer in parts is
// none that is recalled.
func saysAll(params *graphql.RawParams) bool {
	for _, name := range [...]string{persistedExtension, documentIDMember, bookmarkMember, consistencyMember, idempotencyMember} {
		if _, given := params.Extensions[name]; given {
			return false
		}
	}
	return !strings.Contains(params.Query, "@defer")
}
