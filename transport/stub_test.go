package transport_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/executor"
	"github.com/99designs/gqlgen/graphql/handler/extension"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"gatehouse/shards"
	"gatehouse/tenancy"
)

const stubSDL = `
type Query {
	hello: String!
	"Says how the request looks from within."
	seen: String!
	"Whether it is parsed, validated and computed in the background."
	aside: Boolean!
	"Reads the account, and returns its newest write."
	head: Int!
	"Returns its argument as the gateway got it."
	echo(n: Float): String!
	"Returns n bytes of text that repeats itself."
	long(n: Int!): String!
	"Fails with the code, or with something unexpected."
	fail(code: String): String
	"Waits until the request is over."
	slow: String
	"Panics where gqlgen does not catch it."
	boom: String
}
type Mutation { write: Int! }
type Subscription {
	"Counts to a number, without one for good; from 0, or behind Last-Event-ID."
	tick(to: Int): Int!
	"One event, then nothing."
	wait: Int!
	"Large events for good."
	flood: String!
	"Panics instead of its second event."
	boom: Int!
	"Fails instead of its first event."
	fails: Int!
}
`

// newExecutor returns gqlgen's own executor on a schema whose fields are below;
// only the code that gqlgen would generate is left out.
func newExecutor(t testing.TB) stubExecutor {
	t.Helper()
	schema := gqlparser.MustLoadSchema(&ast.Source{Name: "stub", Input: stubSDL})
	e := executor.New(&graphql.ExecutableSchemaMock{
		SchemaFunc: func() *ast.Schema { return schema },
		ExecFunc: func(ctx context.Context) graphql.ResponseHandler {
			if graphql.GetOperationContext(ctx).Operation.Operation == ast.Subscription {
				return subscribe(ctx)
			}
			done := false
			return func(ctx context.Context) *graphql.Response {
				if done {
					return nil
				}
				done = true
				return execute(ctx)
			}
		},
	})
	e.Use(extension.Introspection{})
	e.SetErrorPresenter(func(ctx context.Context, err error) *gqlerror.Error {
		out := graphql.DefaultErrorPresenter(ctx, err)
		var known *shards.Error
		if errors.As(err, &known) {
			out.Message, out.Extensions = known.Message, map[string]any{"code": string(known.Code)}
			if known.RetryAfter > 0 {
				out.Extensions["retryAfter"] = int(known.RetryAfter.Seconds())
			}
		}
		return out
	})
	return stubExecutor{e}
}

// stubExecutor keeps no answers.
type stubExecutor struct{ *executor.Executor }

func (e stubExecutor) CreateOperationContext(ctx context.Context, params *graphql.RawParams) (*graphql.OperationContext, gqlerror.List) {
	if params.OperationName == "Panics" {
		panic("before it begins")
	}
	created, faults := e.Executor.CreateOperationContext(graphql.StartOperationTrace(ctx), params)
	if created != nil {
		created.Stats.SetExtension(createdAside, aside())
	}
	return created, faults
}

// createdAside is the extension that has whether an operation was parsed and
// validated in the background.
const createdAside = "created aside"

func aside() bool { return strings.Contains(string(debug.Stack()), "(*background).serve") }

func (stubExecutor) Recall(*tenancy.Request, tenancy.Asked) *tenancy.Answered { return nil }

func execute(ctx context.Context) *graphql.Response {
	operation := graphql.GetOperationContext(ctx)
	root := map[ast.Operation]string{ast.Query: "Query", ast.Mutation: "Mutation"}[operation.Operation.Operation]
	var members []string
	for _, field := range graphql.CollectFields(operation, operation.Operation.SelectionSet, []string{root}) {
		value, err := resolve(ctx, root, field.Name, field.ArgumentMap(operation.Variables))
		if err != nil {
			graphql.AddError(ctx, err)
			if field.Definition.Type.NonNull {
				return &graphql.Response{Data: []byte("null")}
			}
		}
		text, err := json.Marshal(value)
		if err != nil {
			panic(err)
		}
		members = append(members, fmt.Sprintf("%q:%s", field.Alias, text))
	}
	return &graphql.Response{Data: []byte("{" + strings.Join(members, ",") + "}")}
}

func resolve(ctx context.Context, root, field string, args map[string]any) (any, error) {
	request, ok := tenancy.RequestFrom(ctx)
	if !ok {
		return nil, errors.New("no request in the context")
	}
	switch field {
	case "__typename":
		return root, nil
	case "__type":
		return nil, nil
	case "hello":
		return "<world> & co", nil
	case "seen":
		deadline, _ := ctx.Deadline()
		return fmt.Sprintf("id=%s key=%s consistency=%s within=%t headers=%d", request.ID, request.IdempotencyKey, request.Consistency,
			time.Until(deadline) < 2*time.Second, len(graphql.GetOperationContext(ctx).Headers)), nil
	case "aside":
		return aside() && graphql.GetOperationContext(ctx).Stats.GetExtension(createdAside) == true, nil
	case "head":
		snapshot, err := request.Handle.Snapshot(ctx)
		if err != nil {
			return nil, err
		}
		defer snapshot.Close()
		at, err := snapshot.Position(ctx)
		return at.Seq, err
	case "echo":
		return fmt.Sprint(args["n"]), nil
	case "long":
		n, err := graphql.UnmarshalInt(args["n"])
		return strings.Repeat("0123456789abcdef", n/16+1)[:n], err
	case "fail":
		if args["code"] == nil {
			return nil, errors.New("unexpected")
		}
		return nil, &shards.Error{Code: shards.Code(args["code"].(string)), Message: "as asked", RetryAfter: 2 * time.Second}
	case "slow":
		<-ctx.Done()
		return nil, &shards.Error{Code: shards.Unavailable, Message: "the request took too long"}
	case "write":
		done, err := request.Handle.Commit(ctx, &shards.Write{Ops: []shards.Op{{
			Kind: shards.Created, Table: "groups", ID: fmt.Sprint(time.Now().UnixNano()), Body: fmt.Appendf(nil, `{"name":"g%d"}`, time.Now().UnixNano()), Patch: []byte(`{}`),
		}}})
		return done.Position.Seq, err
	}
	panic("boom: " + field)
}

func subscribe(ctx context.Context) graphql.ResponseHandler {
	operation := graphql.GetOperationContext(ctx)
	field := graphql.CollectFields(operation, operation.Operation.SelectionSet, []string{"Subscription"})[0]
	request, _ := tenancy.RequestFrom(ctx)
	to, bounded := field.ArgumentMap(operation.Variables)["to"].(int64)
	n := int64(0)
	if request.LastEventID != "" {
		at, err := request.Handle.Position(request.LastEventID)
		if err != nil {
			graphql.AddError(ctx, err)
		}
		n = at.Seq
	}
	return func(ctx context.Context) *graphql.Response {
		value := ""
		switch n++; field.Name {
		case "fails":
			return &graphql.Response{Errors: gqlerror.List{{Message: "as asked", Extensions: map[string]any{"code": "X"}}}}
		case "tick":
			if bounded && n > to {
				return nil
			}
			value = fmt.Sprint(n)
		case "flood":
			value = `"` + strings.Repeat("x", 100_000) + `"`
		case "wait", "boom":
			if n > 1 && field.Name == "boom" {
				panic("boom: " + secret)
			}
			if value = "1"; n > 1 {
				<-ctx.Done()
				return nil
			}
		}
		graphql.RegisterExtension(ctx, "bookmark", request.Handle.BookmarkAt(shards.Position{Epoch: 1, Seq: n}))
		return &graphql.Response{Data: fmt.Appendf(nil, `{"%s":%s}`, field.Alias, value)}
	}
}
