package resolvers

import (
	"context"
	"log/slog"
	"slices"
	"sync"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/executor"
	"github.com/99designs/gqlgen/graphql/handler/extension"
	"github.com/99designs/gqlgen/graphql/handler/lru"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"gatehouse/graph"
	"gatehouse/tenancy"
)

// Options of an executor.
type Options struct {
	Log *slog.Logger
	// Plain has every field resolved by the generated code: slower, and equal
	// to the byte. For whoever suspects the projector.
	Plain bool
	// Introspection lets callers read the schema: those with one of the
	// IntrospectionRoles, or everybody where that is empty.
	Introspection      bool
	IntrospectionRoles []string
	// Cache bounds the answers that are kept, in bytes; none are where it is 0.
	Cache int
	// Documents, where set, holds valid documents by their text, so that
	// nothing else is validated here. Each is one of Schema's.
	Documents graphql.Cache[*ast.QueryDocument]
}

// parsedDocuments is how many documents are kept parsed and validated where
// Documents does not hold them.
const parsedDocuments = 1000

// Executor executes operations on the schema. A context without a
// tenancy.Request gets no data. It is safe for concurrent use.
type Executor struct {
	*executor.Executor
	kept      *answers // nil where none are
	schema    *ast.Schema
	documents graphql.Cache[*ast.QueryDocument]
	// begun returns what gqlgen begins every operation with.
	begun func() *graphql.OperationContext
}

// CreateOperationContext returns what is to be executed, or what is wrong with
// it. It does itself what is plain: a document that is kept, and variables that
// need no coercion.
func (e *Executor) CreateOperationContext(ctx context.Context, params *graphql.RawParams) (*graphql.OperationContext, gqlerror.List) {
	if doc, ok := e.documents.Get(ctx, params.Query); ok {
		if o := doc.Operations.ForName(params.OperationName); o != nil {
			if variables, ok := variablesOf(e.schema, o, params.Variables); ok {
				begun := e.begun()
				return &graphql.OperationContext{
					RawQuery: params.Query, OperationName: params.OperationName, Doc: doc, Operation: o, Variables: variables,
					Extensions: params.Extensions, Headers: params.Headers, DisableIntrospection: begun.DisableIntrospection,
					RecoverFunc: begun.RecoverFunc, ResolverMiddleware: begun.ResolverMiddleware, RootResolverMiddleware: begun.RootResolverMiddleware,
				}, nil
			}
		}
	}
	return e.Executor.CreateOperationContext(graphql.StartOperationTrace(ctx), params)
}

// DispatchOperation returns what yields an operation's responses, and their context.
func (e *Executor) DispatchOperation(ctx context.Context, op *graphql.OperationContext) (graphql.ResponseHandler, context.Context) {
	request, ok := tenancy.RequestFrom(ctx)
	if e.kept == nil || !ok {
		return e.Executor.DispatchOperation(ctx, op)
	}
	known, ok := e.kept.takes(op, request)
	if !ok {
		return e.Executor.DispatchOperation(ctx, op)
	}
	done := false
	return func(ctx context.Context) *graphql.Response {
		if done || ctx.Err() != nil {
			return nil
		}
		done = true
		return e.kept.respond(ctx, known, op, request, func(ctx context.Context) *graphql.Response {
			next, ctx := e.Executor.DispatchOperation(ctx, op)
			return next(ctx)
		})
	}, ctx
}

// NewExecutor returns an executor.
func NewExecutor(o Options) (*Executor, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	m, err := newModel(whole())
	if err != nil {
		return nil, err
	}
	schema := Schema()
	e := executor.New(graph.NewExecutableSchema(graph.Config{
		Schema: schema, Resolvers: Root{}, Directives: graph.DirectiveRoot{Scope: scope},
	}))
	if o.Documents == nil {
		o.Documents = lru.New[*ast.QueryDocument](parsedDocuments)
	}
	e.SetQueryCache(o.Documents)
	p := presenter{log: o.Log}
	e.SetErrorPresenter(p.present)
	e.SetRecoverFunc(p.recovered)
	if o.Introspection {
		e.Use(extension.Introspection{})
	}
	e.AroundOperations(func(ctx context.Context, next graphql.OperationHandler) graphql.ResponseHandler {
		op := graphql.GetOperationContext(ctx)
		if op.Operation.Operation != ast.Subscription {
			requireAfter(ctx, op)
		}
		if deferring, active := defers(op); deferring {
			request, ok := tenancy.RequestFrom(ctx)
			if active && ok && request.Incremental && op.Operation.Operation == ast.Query {
				return inParts(ctx, m, p.present, next)
			}
			ctx = graphql.WithOperationContext(ctx, withoutDefer(op, false))
			op = graphql.GetOperationContext(ctx)
		}
		if op.Operation.Operation != ast.Subscription {
			return next(ctx)
		}
		if !streams(op) {
			return graphql.OneShot(&graphql.Response{Errors: gqlerror.List{p.present(ctx, bad("a subscription has exactly one field of Subscription"))}})
		}
		return next(withStream(ctx, m))
	})
	// A query is one response, a mutation one for each root field: what follows
	// a write must see it.
	e.AroundResponses(func(ctx context.Context, next graphql.ResponseHandler) *graphql.Response {
		op := graphql.GetOperationContext(ctx).Operation
		if op == nil || op.Operation == ast.Mutation { // nil: a document that was refused
			return next(ctx)
		}
		if s := streamFrom(ctx); s != nil {
			return s.respond(ctx, next)
		}
		if p := partsFrom(ctx); p != nil {
			return p.respond(ctx, next)
		}
		r, err := from(ctx)
		if err != nil { // it did not come by the cache, which has begun it then
			if ctx, r = newResponse(ctx, m); r == nil {
				return next(ctx)
			}
			defer r.close()
		}
		out := next(ctx)
		if r.tooMuch() != nil && out != nil { // once, not in each place that it was met
			out = &graphql.Response{Errors: gqlerror.List{p.present(ctx, r.tooMuch())}}
		}
		return out
	})
	known := newOperations(rootFieldsOf(m, whole().Query))
	if !o.Plain {
		e.AroundFields(newProjector(m, whole(), known).resolve)
	}
	e.SetDisableSuggestion(!o.Introspection) // a suggestion tells the schema too
	e.AroundRootFields(func(ctx context.Context, next graphql.RootResolver) graphql.Marshaler {
		if name := graphql.GetRootFieldContext(ctx).Field.Name; (name == "__schema" || name == "__type") && !o.introspects(ctx) {
			graphql.AddError(ctx, bad("introspection is off for this caller; the schema is documented elsewhere"))
			return graphql.Null
		}
		if graphql.GetOperationContext(ctx).Operation.Operation != ast.Mutation {
			return next(ctx)
		}
		ctx, r := newResponse(ctx, m)
		if r != nil {
			defer r.close()
		}
		return next(ctx)
	})
	out := &Executor{Executor: e, schema: schema, documents: o.Documents}
	out.begun = sync.OnceValue(func() *graphql.OperationContext { // once all of its parts are known
		c, _ := e.CreateOperationContext(graphql.StartOperationTrace(context.Background()), &graphql.RawParams{})
		c.DisableIntrospection = !o.Introspection // which it gets as far as with a document only
		return c
	})
	if o.Cache > 0 {
		out.kept = &answers{model: m, operations: known, cache: newCache(o.Cache)}
	}
	return out, nil
}

// introspects reports whether the caller may read the schema.
func (o Options) introspects(ctx context.Context) bool {
	if !o.Introspection || len(o.IntrospectionRoles) == 0 {
		return o.Introspection
	}
	request, ok := tenancy.RequestFrom(ctx)
	return ok && slices.Contains(o.IntrospectionRoles, request.Caller.Role)
}

// scope lets only callers pass who hold the scope that a root field requires.
func scope(ctx context.Context, _ any, next graphql.Resolver, requires string) (any, error) {
	request, ok := tenancy.RequestFrom(ctx)
	if !ok {
		return nil, errNoTenant
	}
	if err := may(request.Caller, requires); err != nil {
		return nil, err
	}
	return next(ctx)
}

// Scopes returns all scopes that the schema names, sorted.
func Scopes() ([]string, error) {
	m, err := newModel(whole())
	if err != nil {
		return nil, err
	}
	return m.scopes, nil
}
