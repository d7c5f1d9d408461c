package resolvers

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"runtime/debug"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"gatehouse/shards"
	"gatehouse/tenancy"
)

// presenter is the one place where an error becomes what a caller sees.
type presenter struct{ log *slog.Logger }

// present returns err for the caller: the message and the code of a
// shards.Error, the message of gqlgen's own errors, and for everything else a
// reference under which the log has it. Nothing from inside leaves here.
func (p presenter) present(ctx context.Context, err error) *gqlerror.Error {
	out := &gqlerror.Error{}
	var g *gqlerror.Error
	if errors.As(err, &g) {
		out.Path, out.Locations = g.Path, g.Locations
	}
	if out.Path == nil {
		out.Path = graphql.GetPath(ctx)
	}
	var known *shards.Error
	var number *graphql.IntegerError
	switch {
	case errors.As(err, &known):
		if known.Err != nil {
			p.report(ctx, string(known.Code), err)
		}
	case g != nil && g.Err == nil: // made by gqlgen or the parser, about the request
		known = &shards.Error{Code: shards.BadRequest, Message: g.Message}
	case errors.As(err, &number):
		known = &shards.Error{Code: shards.BadRequest, Message: number.Message}
	case errors.Is(err, context.DeadlineExceeded):
		known = &shards.Error{Code: shards.Unavailable, Message: "the request took too long"}
	case errors.Is(err, context.Canceled):
		known = &shards.Error{Code: shards.Unavailable, Message: "the request was given up"}
	default:
		known = errInternal(p.report(ctx, string(shards.Internal), err))
	}
	out.Message = known.Message
	out.Extensions = map[string]any{"code": string(known.Code)}
	if known.RetryAfter > 0 {
		out.Extensions["retryAfter"] = int(math.Ceil(known.RetryAfter.Seconds()))
	}
	return out
}

// recovered turns a panic of a resolver into an error that present hides.
func (p presenter) recovered(ctx context.Context, value any) error {
	return errPanic(value)
}

func errPanic(value any) error { return fmt.Errorf("panic: %v\n%s", value, debug.Stack()) }

// report logs what the caller is not told, and returns the reference that both have.
func (p presenter) report(ctx context.Context, code string, err error) string {
	reference := rand.Text()[:12]
	attrs := []any{"code", code, "reference", reference, "error", err.Error()}
	if r, ok := tenancy.RequestFrom(ctx); ok {
		attrs = append(attrs, "request", r.ID, "account", r.Caller.Account.ID)
	}
	if errors.Is(err, shards.ErrIncident) {
		p.log.ErrorContext(ctx, "ISOLATION INCIDENT", attrs...)
	} else {
		p.log.ErrorContext(ctx, "request failed", attrs...)
	}
	return reference
}

// errInternal hides what went wrong behind a reference.
func errInternal(reference string) *shards.Error {
	return &shards.Error{Code: shards.Internal, Message: "something went wrong on our side; please quote the reference " + reference}
}
