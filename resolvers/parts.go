package resolvers

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/99designs/gqlgen/graphql"
	"github.com/tidwall/gjson"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// parts answers a query in two responses: what is not deferred, and then the
// rest. Both are made from one response of ours (invariant 4), which is kept
// until the second is made or the operation ends.
type parts struct {
	model *model
	op    *graphql.OperationContext
	kept  *response
	stop  func() bool
	first *graphql.Response
	done  bool
}

type partsKey struct{}

func partsFrom(ctx context.Context) *parts {
	p, _ := ctx.Value(partsKey{}).(*parts)
	return p
}

// inParts returns what yields an operation's two responses.
func inParts(ctx context.Context, m *model, present func(context.Context, error) *gqlerror.Error, next graphql.OperationHandler) graphql.ResponseHandler {
	p := &parts{model: m, op: graphql.GetOperationContext(ctx)}
	ctx = context.WithValue(ctx, partsKey{}, p)
	begin := graphql.WithOperationContext(ctx, withoutDefer(p.op, true))
	rest := graphql.WithOperationContext(ctx, withoutDefer(p.op, false))
	beginning, resting := next(begin), next(rest)
	return func(context.Context) *graphql.Response {
		switch {
		case p.done:
			return nil
		case p.first == nil:
			p.first = beginning(begin)
			more := p.first != nil && string(p.first.Data) != "null" && len(p.first.Data) > 0
			if p.done = !more; p.done {
				p.close()
				return p.first
			}
			p.first.HasNext = &more
			return p.first
		}
		p.done = true
		defer p.close()
		more := false
		whole := resting(rest)
		if whole == nil { // it has taken too long
			return &graphql.Response{Data: []byte("[]"), HasNext: &more, Errors: gqlerror.List{present(rest, context.DeadlineExceeded)}}
		}
		return &graphql.Response{Data: p.increments(whole), HasNext: &more, Extensions: whole.Extensions}
	}
}

// respond answers one of the two from the response that both share.
func (p *parts) respond(ctx context.Context, next graphql.ResponseHandler) *graphql.Response {
	if p.kept == nil {
		_, p.kept = newResponse(ctx, p.model)
		if p.kept == nil {
			return next(ctx)
		}
		p.stop = context.AfterFunc(ctx, p.kept.close)
	}
	p.kept.handed.Store(0) // the second hands out again what the first did
	return next(context.WithValue(ctx, responseKey{}, p.kept))
}

func (p *parts) close() {
	if p.kept != nil && p.stop() {
		p.kept.close()
	}
}

// increment is a deferred fragment's part of an answer, at one place of it.
type increment struct {
	Data   json.RawMessage `json:"data"`
	Path   ast.Path        `json:"path"`
	Label  string          `json:"label,omitempty"`
	Errors gqlerror.List   `json:"errors,omitempty"`
	names  []string        // of the fields in Data
}

// increments returns the list of what the whole answer has beyond the first.
func (p *parts) increments(whole *graphql.Response) json.RawMessage {
	list := []*increment{}
	p.collect(&list, p.op.Operation.SelectionSet, gjson.ParseBytes(whole.Data), ast.Path{})
	var others gqlerror.List
	for _, e := range whole.Errors {
		if slices.ContainsFunc(p.first.Errors, func(told *gqlerror.Error) bool { return told.Path.String() == e.Path.String() }) {
			continue
		}
		if i := slices.IndexFunc(list, func(i *increment) bool { return i.has(e.Path) }); i >= 0 {
			list[i].Errors = append(list[i].Errors, e)
		} else {
			others = append(others, e)
		}
	}
	if others != nil { // a null that spread beyond what was deferred
		list = append(list, &increment{Data: json.RawMessage("null"), Path: ast.Path{}, Errors: others})
	}
	text, err := json.Marshal(list)
	if err != nil {
		panic(err) // what was JSON is JSON
	}
	return text
}

// has reports whether the field at path is in the increment, or below a field that is.
func (i *increment) has(path ast.Path) bool {
	if len(path) <= len(i.Path) || path[:len(i.Path)].String() != i.Path.String() {
		return false
	}
	name, ok := path[len(i.Path)].(ast.PathName)
	return ok && slices.Contains(i.names, string(name))
}

// collect adds the deferred fragments of a selection, wherever it has data. A
// fragment within one comes with it. Whether a fragment's type fits is seen by
// what is there; a field that others select too is sent again, and is the same.
func (p *parts) collect(list *[]*increment, set ast.SelectionSet, value gjson.Result, path ast.Path) {
	if value.IsArray() {
		for i, item := range value.Array() {
			p.collect(list, set, item, append(slices.Clone(path), ast.PathIndex(i)))
		}
		return
	}
	if !value.IsObject() {
		return
	}
	fields := value.Map()
	for _, s := range set {
		if f, ok := s.(*ast.Field); ok {
			if below, there := fields[f.Alias]; there && len(f.SelectionSet) > 0 {
				p.collect(list, f.SelectionSet, below, append(slices.Clone(path), ast.PathName(f.Alias)))
			}
			continue
		}
		below, directives := fragment(p.op, s)
		if !p.included(directives) {
			continue
		}
		d := directives.ForName("defer")
		if d == nil || !switchedOn(p.op, d) {
			p.collect(list, below, value, path)
			continue
		}
		i := &increment{Data: json.RawMessage("{"), Path: path}
		i.Label, _ = d.ArgumentMap(p.op.Variables)["label"].(string)
		if p.pick(i, below, fields); len(i.names) > 0 {
			i.Data = append(i.Data, '}')
			*list = append(*list, i)
		}
	}
}

// pick adds a fragment's fields to an increment.
func (p *parts) pick(i *increment, set ast.SelectionSet, fields map[string]gjson.Result) {
	for _, s := range set {
		f, ok := s.(*ast.Field)
		if !ok {
			if below, directives := fragment(p.op, s); p.included(directives) {
				p.pick(i, below, fields)
			}
			continue
		}
		value, there := fields[f.Alias]
		if !there || slices.Contains(i.names, f.Alias) {
			continue
		}
		if len(i.names) > 0 {
			i.Data = append(i.Data, ',')
		}
		i.names = append(i.names, f.Alias)
		i.Data = append(append(append(i.Data, '"'), f.Alias...), `":`...)
		i.Data = append(i.Data, value.Raw...)
	}
}

// included reports whether @skip and @include leave a fragment in.
func (p *parts) included(directives ast.DirectiveList) bool {
	skip, include := directives.ForName("skip"), directives.ForName("include")
	return (skip == nil || !switchedOn(p.op, skip)) && (include == nil || switchedOn(p.op, include))
}
