package resolvers

import (
	"context"
	"log/slog"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/executor"
	"github.com/99designs/gqlgen/graphql/handler/extension"
	"github.com/99designs/gqlgen/graphql/handler/lru"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"gatehouse/graph"
)

// Options of an executor.
type Options struct {
	Log *slog.Logger
	// Introspection lets callers read the schema.
	Introspection bool
	// Check, where set, refuses documents that are not worth validating. It
	// sees the text of each that is not known yet.
	Check func(document string) error
	// Plain has every field resolved by the generated code: slower, and equal
	// to the byte. For whoever suspects the projector.
	Plain bool
}

// parsedDocuments is how many documents are kept parsed and validated.
const parsedDocuments = 1000

// maxTokens bounds what is parsed of a document.
const maxTokens = 2000

// NewExecutor returns what executes operations on the schema. A context
// without a tenancy.Request gets no data.
func NewExecutor(o Options) (*executor.Executor, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	m, err := newModel(whole())
	if err != nil {
		return nil, err
	}
	e := executor.New(graph.NewExecutableSchema(graph.Config{
		Schema: public(whole()), Resolvers: Root{}, Directives: graph.DirectiveRoot{Scope: scope},
	}))
	documents := lru.New[*ast.QueryDocument](parsedDocuments)
	e.SetQueryCache(documents)
	if o.Check != nil {
		e.Use(checkDocuments{check: o.Check, known: documents})
	}
	e.SetParserTokenLimit(maxTokens)
	p := presenter{log: o.Log}
	e.SetErrorPresenter(p.present)
	e.SetRecoverFunc(p.recovered)
	if o.Introspection {
		e.Use(extension.Introspection{})
	}
	// A query is one response, a mutation one for each root field: what follows
	// a write must see it.
	e.AroundResponses(func(ctx context.Context, next graphql.ResponseHandler) *graphql.Response {
		op := graphql.GetOperationContext(ctx).Operation
		if op == nil || op.Operation == ast.Mutation { // nil: a document that was refused
			return next(ctx)
		}
		ctx, r := newResponse(ctx, m)
		if r != nil {
			defer r.close()
		}
		return next(ctx)
	})
	if !o.Plain {
		e.AroundFields(newProjector(m, whole()).resolve)
	}
	e.SetDisableSuggestion(!o.Introspection) // a suggestion tells the schema too
	e.AroundRootFields(func(ctx context.Context, next graphql.RootResolver) graphql.Marshaler {
		if name := graphql.GetRootFieldContext(ctx).Field.Name; !o.Introspection && (name == "__schema" || name == "__type") {
			graphql.AddError(ctx, bad("introspection is off; the schema is documented elsewhere"))
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
	return e, nil
}

// checkDocuments is gqlgen's hook in front of the parser and of validation,
// which is quadratic in what a document may say.
type checkDocuments struct {
	check func(string) error
	known graphql.Cache[*ast.QueryDocument]
}

func (checkDocuments) ExtensionName() string { return "checkDocuments" }

func (checkDocuments) Validate(graphql.ExecutableSchema) error { return nil }

// MutateOperationParameters refuses a document.
func (c checkDocuments) MutateOperationParameters(ctx context.Context, p *graphql.RawParams) *gqlerror.Error {
	if _, ok := c.known.Get(ctx, p.Query); ok {
		return nil
	}
	if err := c.check(p.Query); err != nil {
		return gqlerror.Wrap(err)
	}
	return nil
}

// scope lets only callers pass who hold the scope that a root field requires.
func scope(ctx context.Context, _ any, next graphql.Resolver, requires string) (any, error) {
	r, err := from(ctx)
	if err != nil {
		return nil, err
	}
	if err := r.may(requires); err != nil {
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
