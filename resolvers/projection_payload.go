package resolvers

import (
	"context"
	"slices"

	"github.com/99designs/gqlgen/graphql"
)

// shown is what a mutation has written, where the projector writes its payload
// from that: no struct of the record is made then.
type shown struct {
	kind     *kind // of the one record that such payloads have
	done     bool  // without an error, or a fault that the caller can mend
	record   *record
	bookmark string
}

// payload answers a mutation that writes one record with the record as it was
// written. A payload with errors, and one that shows what stands around the
// record, is left to the generated code.
func (p *projector) payload(ctx context.Context, fc *graphql.FieldContext, next graphql.Resolver) (any, error) {
	r, err := from(ctx)
	if err != nil {
		return next(ctx)
	}
	root := p.root(graphql.GetOperationContext(ctx), fc.Field)
	if root == nil || root.kind == nil {
		return next(ctx)
	}
	r.shown = &shown{kind: root.kind}
	out, err := next(ctx)
	if err != nil || !r.shown.done {
		return out, err
	}
	x := &projection{response: r, out: make([]byte, 0, root.size.Load()+64)}
	x.payload(root.payload, r.shown)
	root.grew(len(x.out))
	return written(x.out), nil
}

func (x *projection) payload(parts []slice, s *shown) {
	x.out = append(x.out, '{')
	for i := range parts {
		part := &parts[i]
		x.next(part.head)
		switch {
		case part.name == "bookmark":
			x.quote(s.bookmark)
		case part.name == "errors":
			x.out = append(x.out, "[]"...)
		case part.node == nil:
		case s.record == nil:
			x.out = append(x.out, "null"...)
		default:
			x.object(part.node, s.record)
		}
	}
	x.out = append(x.out, '}')
}

// payload compiles what is selected of a mutation's payload, nil where it has
// another number of records than one, or more is selected than the record alone.
func (c *compiler) payload(f graphql.CollectedField) *root {
	def := c.schema.Types[f.Definition.Type.Name()]
	out := &root{}
	for _, of := range def.Fields {
		if k := c.model.kinds[of.Type.Name()]; k != nil {
			if out.kind != nil || of.Type.Elem != nil {
				return nil
			}
			out.kind = k
		}
	}
	if out.kind == nil {
		return nil
	}
	var pending []byte
	for _, f := range graphql.CollectFields(c.op, f.Selections, slices.Concat([]string{def.Name}, def.Interfaces)) {
		c.fields++
		pending = appendKey(pending, f.Alias)
		if f.Name == "__typename" {
			pending = append(append(append(pending, '"'), def.Name...), '"')
			continue
		}
		p := slice{head: pending, name: f.Name}
		pending = nil
		switch {
		case f.Name == "bookmark", f.Name == "errors":
		case f.Definition.Type.Name() == out.kind.name:
			if p.node = c.record(out.kind, f.Selections); p.node == nil || len(p.node.links) > 0 {
				return nil
			}
		default:
			return nil
		}
		out.payload = append(out.payload, p)
	}
	if pending != nil {
		out.payload = append(out.payload, slice{head: pending})
	}
	return out
}
