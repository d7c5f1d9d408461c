package resolvers

import (
	"slices"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
)

// object is what an operation selects of the objects of one type, compiled:
// records, parts of a body such as an address, and the stages of the pipeline.
type object struct {
	fields []field
	// names are the members of the body that the fields need. A field and an
	// edge refer to one by its index.
	names []string
	// copyable: no lists are selected, so that one record always looks the same
	// and counts nothing.
	copyable bool
	// links are those of the fields, and refs the edges of those that are
	// references, each once.
	links []*link
	refs  []*edge
	// flat: the links are references to records without links, so that one trip
	// loads all that is selected below.
	flat bool
}

// field is one field of an object in the order of the answer.
type field struct {
	head []byte // `"alias":`, and before it what is the same in each answer
	from source
	slot int // fromBody: index in names
	leaf leaf
	link *link // fromLink
}

// source says where the value of a field comes from.
type source int

const (
	fromHead source = iota // the value is part of the head: __typename
	fromBody
	fromID
	fromVersion
	fromCreatedAt
	fromUpdatedAt
	fromLink
)

// leaf is how a member of a body is written.
type leaf struct {
	form form
	// absent is what is written where the body has no such member.
	absent string
	elem   *leaf   // of formList
	object *object // of formObject
}

type form int

const (
	formRaw    form = iota // numbers, truth values, JSON of the account's own
	formText               // texts, enums, dates
	formList               // of elem
	formObject             // a part of the body that has fields
)

// link is an edge that is selected: the field of a record that leads to others.
type link struct {
	edge  *edge
	field graphql.CollectedField // which has the arguments
	index int                    // among the links of the projection
	slot  int                    // the member that has the target's id, of a reference
	// nodes are what is selected of the records: one object, but one for each
	// nodes and edges.node of a connection.
	nodes []*object
	// connection is set for a list in pages.
	connection *connection
}

// connection is what is selected of a connection.
type connection struct {
	parts   []slice
	counted bool // totalCount is selected
}

// slice is one field of a connection, of its edges or of its page info.
type slice struct {
	head  []byte
	name  string // edges, nodes, node, cursor, totalCount, hasNextPage ...; "" where head has the value
	parts []slice
	node  *object
}

// compiler turns selections into objects. It knows nothing of a request's data,
// so what it makes is good for every request with the same document and the
// same answers to its @skip and @include.
type compiler struct {
	model  *model
	schema *ast.Schema
	op     *graphql.OperationContext
	links  []*link
	fields int // compiled so far
}

// record compiles what is selected of a kind, nil where some of it is left to
// the plain executor.
func (c *compiler) record(k *kind, set ast.SelectionSet) *object {
	return c.object(c.schema.Types[k.name], k.satisfies, set)
}

func (c *compiler) object(def *ast.Definition, satisfies []string, set ast.SelectionSet) *object {
	o := &object{copyable: true, flat: true}
	_, isRecord := c.model.kinds[def.Name]
	var pending []byte // what stands before the next field's value
	for _, f := range graphql.CollectFields(c.op, set, satisfies) {
		if len(f.Deferrables) > 0 {
			return nil
		}
		c.fields++
		pending = appendKey(pending, f.Alias)
		if f.Name == "__typename" {
			pending = append(append(append(pending, '"'), def.Name...), '"')
			continue
		}
		out := field{head: pending}
		pending = nil
		switch {
		case isRecord && slices.Contains(systemFields, f.Name):
			out.from = map[string]source{"id": fromID, "version": fromVersion, "createdAt": fromCreatedAt, "updatedAt": fromUpdatedAt}[f.Name]
		case c.model.edges[def.Name+"."+f.Name] != nil:
			out.from = fromLink
			if out.link = c.link(o, c.model.edges[def.Name+"."+f.Name], f); out.link == nil {
				return nil
			}
			o.links = append(o.links, out.link)
			o.copyable = o.copyable && out.link.edge.ref != "" && out.link.nodes[0].copyable
			o.flat = o.flat && out.link.edge.ref != "" && len(out.link.nodes[0].links) == 0
		case len(f.Definition.Arguments) > 0:
			return nil // history, and what may come
		default:
			out.from, out.slot = fromBody, o.slot(f.Name)
			if !c.leaf(&out.leaf, f.Definition.Type, f.Selections) {
				return nil
			}
		}
		o.fields = append(o.fields, out)
	}
	if pending != nil {
		o.fields = append(o.fields, field{head: pending})
	}
	return o
}

// appendKey appends the name of an answer's member, and a comma before it if it
// is not the first behind a value.
func appendKey(b []byte, alias string) []byte {
	if len(b) > 0 {
		b = append(b, ',')
	}
	return append(append(append(b, '"'), alias...), '"', ':') // a name has nothing to escape
}

// slot returns the index of a member of the body.
func (o *object) slot(name string) int {
	if i := slices.Index(o.names, name); i >= 0 {
		return i
	}
	o.names = append(o.names, name)
	return len(o.names) - 1
}

// leaf compiles the type of a member of a body; false for one that no body has.
func (c *compiler) leaf(l *leaf, t *ast.Type, set ast.SelectionSet) bool {
	l.absent = "null"
	if t.Elem != nil {
		l.form, l.elem = formList, &leaf{}
		if t.NonNull {
			l.absent = "[]"
		}
		return c.leaf(l.elem, t.Elem, set)
	}
	def := c.schema.Types[t.NamedType]
	switch {
	case def.Kind == ast.Object:
		if _, record := c.model.kinds[def.Name]; record || t.NonNull {
			return false
		}
		l.form, l.object = formObject, c.object(def, []string{def.Name}, set)
		return l.object != nil
	case def.Kind == ast.Enum:
		l.form = formText
	case def.Kind != ast.Scalar:
		return false
	}
	switch def.Name {
	case "Int", "SafeInt":
		l.zero(t, "0")
	case "Boolean":
		l.zero(t, "false")
	case "JSONObject":
		l.zero(t, "{}")
	case "ID", "String", "DateTime", "Date":
		l.form = formText
	default:
		if def.Kind == ast.Scalar {
			return false
		}
	}
	if l.form == formText {
		l.zero(t, `""`)
	}
	return true
}

// zero is what stands for a value that must be there and is not.
func (l *leaf) zero(t *ast.Type, text string) {
	if t.NonNull {
		l.absent = text
	}
}

// link compiles an edge of the object o.
func (c *compiler) link(o *object, e *edge, f graphql.CollectedField) *link {
	l := &link{edge: e, field: f, index: len(c.links)}
	c.links = append(c.links, l)
	if e.ref != "" {
		l.slot = o.slot(e.ref)
		if !slices.Contains(o.refs, e) {
			o.refs = append(o.refs, e)
		}
		if f.Definition.Type.NonNull {
			return nil // a missing target takes its parent with it: not here
		}
	}
	return c.below(l)
}

// below compiles what is selected of the records of a link.
func (c *compiler) below(l *link) *link {
	k := l.edge.target
	if !l.edge.paged {
		o := c.record(k, l.field.Selections)
		if o == nil {
			return nil
		}
		l.nodes = []*object{o}
		return l
	}
	l.connection = &connection{}
	var ok bool
	l.connection.parts, ok = c.parts(l, k.name+"Connection", l.field.Selections)
	if !ok {
		return nil
	}
	return l
}

// parts compiles what is selected of a connection, its edges or its page info.
func (c *compiler) parts(l *link, typename string, set ast.SelectionSet) (out []slice, ok bool) {
	var pending []byte
	for _, f := range graphql.CollectFields(c.op, set, []string{typename}) {
		if len(f.Deferrables) > 0 {
			return nil, false
		}
		c.fields++
		pending = appendKey(pending, f.Alias)
		if f.Name == "__typename" {
			pending = append(append(append(pending, '"'), typename...), '"')
			continue
		}
		p := slice{head: pending, name: f.Name}
		pending = nil
		ok := true
		switch f.Name {
		case "nodes", "node":
			p.node = c.record(l.edge.target, f.Selections)
			l.nodes = append(l.nodes, p.node)
			ok = p.node != nil
		case "edges":
			p.parts, ok = c.parts(l, l.edge.target.name+"Edge", f.Selections)
		case "pageInfo":
			p.parts, ok = c.parts(l, "PageInfo", f.Selections)
		case "totalCount":
			l.connection.counted = true
		case "cursor", "hasNextPage", "hasPreviousPage", "startCursor", "endCursor":
		default:
			ok = false
		}
		if !ok {
			return nil, false
		}
		out = append(out, p)
	}
	if pending != nil {
		out = append(out, slice{head: pending})
	}
	return out, true
}
