package resolvers

import (
	"context"
	"encoding/json"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"gatehouse/shards"
)

// answer loads and writes one root field. It returns false where the generated
// code shall answer instead.
type answer func(ctx context.Context, x *projection) (done bool, err error)

// rootField is one that leads to records.
type rootField struct {
	scope  string // "" where the field needs none of its own
	answer answer
}

// rootFieldsOf returns the root fields that lead to records, by name.
func rootFieldsOf(m *model, query *ast.Definition) map[string]rootField {
	out := map[string]rootField{}
	for _, f := range query.Fields {
		var a answer
		switch {
		case f.Name == "node":
			a = answerNode
		case f.Name == "nodes":
			a = answerNodes
		case f.Name == "leadPipeline":
			a = answerPipeline
		case m.lists["Query."+f.Name] != nil:
			a = answerPage
		case m.kinds[f.Type.Name()] != nil && f.Arguments.ForName("id") != nil:
			a = answerOne(m.kinds[f.Type.Name()])
		default:
			continue
		}
		out[f.Name] = rootField{scopeOf(f), a}
	}
	return out
}

func answerPage(ctx context.Context, x *projection) (bool, error) { return x.page(ctx) }

func answerOne(k *kind) answer {
	return func(ctx context.Context, x *projection) (bool, error) {
		id, ok := graphql.GetFieldContext(ctx).Args["id"].(string)
		if !ok {
			return false, nil
		}
		return x.one(ctx, k, id)
	}
}

func answerNode(ctx context.Context, x *projection) (bool, error) {
	id, ok := graphql.GetFieldContext(ctx).Args["id"].(string)
	if !ok {
		return false, nil
	}
	return x.any(ctx, []string{id}, false)
}

func answerNodes(ctx context.Context, x *projection) (bool, error) {
	ids, ok := graphql.GetFieldContext(ctx).Args["ids"].([]string)
	if !ok || len(ids) > maxNodes {
		return false, nil
	}
	return x.any(ctx, ids, true)
}

func answerPipeline(ctx context.Context, x *projection) (bool, error) {
	summaries, within, err := pipeline(ctx, x.response)
	if err != nil {
		return false, err
	}
	rows := make([]*shards.Row, len(summaries))
	for i, s := range summaries {
		body, err := json.Marshal(map[string]any{"stage": s.Stage, "count": s.Count, "totalValue": s.TotalValue})
		if err != nil {
			return false, err
		}
		rows[i] = &shards.Row{ID: string(s.Stage), Body: body}
	}
	return x.rows(ctx, rows, within)
}

// root compiles what is selected below a root field, nil where some of it is
// not for a projector.
func (c *compiler) root(f graphql.CollectedField) *root {
	if len(f.Deferrables) > 0 {
		return nil
	}
	if c.op.Operation.Operation == ast.Mutation {
		return c.payload(f)
	}
	out := &root{alone: c.alone()}
	switch e := c.model.lists["Query."+f.Name]; {
	case e != nil:
		l := &link{edge: e, field: f}
		c.links = append(c.links, l)
		out.list = c.below(l)
		if out.list == nil {
			return nil
		}
	case f.Name == "node", f.Name == "nodes":
		out.kinds = map[string]*object{}
		for _, k := range c.model.kinds {
			if out.kinds[k.name] = c.record(k, f.Selections); out.kinds[k.name] == nil {
				return nil
			}
		}
	default:
		def := c.schema.Types[f.Definition.Type.Name()]
		satisfies := []string{def.Name}
		if k := c.model.kinds[def.Name]; k != nil {
			satisfies = k.satisfies
		}
		if out.object = c.object(def, satisfies, f.Selections); out.object == nil {
			return nil
		}
	}
	return out
}

// alone reports whether the operation asks for one root field: what that reads
// is all that is read then.
func (c *compiler) alone() bool {
	n := 0
	for _, f := range graphql.CollectFields(c.op, c.op.Operation.SelectionSet, []string{"Query"}) {
		if f.Name != "__typename" {
			n++
		}
	}
	return n == 1 && c.op.Operation.Operation == ast.Query
}
