package transport

import (
	"context"
	"net/http"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"gatehouse/tenancy"
)

// recall returns the answer to what was asked before, to the byte, where the read
// cache has it; nil where an operation has to be begun. What its text says is
// known then; what the headers say, the price and the position are judged anew.
func (p *pipeline) recall(ctx context.Context, request *tenancy.Request, header http.Header, asked tenancy.Asked) (*tenancy.Answered, error) {
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
	x.handle, x.kind, x.name = request.Handle, string(ast.Query), answered.Operation
	if err := p.limits.spare(request, answered.Price); err != nil {
		return nil, err
	}
	request.Cache = tenancy.CacheHit
	return answered, nil
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
