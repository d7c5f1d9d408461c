package cost

import (
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
)

const (
	// counted is the price of a count, which reads an index from end to end.
	counted = 10
	// written is the price of a write, which ends with a sync of the disk.
	written = 10
	// Unpaged is how many objects a list without pages stands for.
	Unpaged = 10
	// introspected is the same for the lists of introspection.
	introspected = 5
	// page and maxPage are the sizes of pages that the schema describes.
	page, maxPage = 25, 100
)

// counts are the fields that count although they are no totalCount.
var counts = map[string]bool{"Query.leadPipeline": true}

// price is what a field costs: once, and each times what it multiplies with. What
// is selected below it is part of each.
type price struct {
	once, each int64
	// least is of a place on a page of which nothing that costs is selected.
	least int64
	size  size
}

// size says what multiplies.
type size int

const (
	single     size = iota
	paged           // first or last
	perElement      // the length of the only list argument
	fixed           // Unpaged
	fixedSmall      // introspected
)

// Prices of the fields of a schema, derived from their types and arguments.
type Prices struct {
	schema *ast.Schema
	fields map[string]map[string]price // by type and field
}

// New returns the prices of a schema.
func New(schema *ast.Schema) *Prices {
	p := &Prices{schema: schema, fields: map[string]map[string]price{}}
	parts := p.partsOfPages()
	for name, t := range schema.Types {
		if t.Kind != ast.Object && t.Kind != ast.Interface {
			continue
		}
		of := make(map[string]price, len(t.Fields))
		for _, f := range t.Fields {
			of[f.Name] = p.price(t, f, parts[name])
		}
		p.fields[name] = of
	}
	return p
}

// price derives the price of a field; part: its type is a part of a page, whose
// size is counted already.
func (p *Prices) price(t *ast.Definition, f *ast.FieldDefinition, part bool) price {
	var out price
	if p.record(f.Type.Name()) {
		out.each = 1
	}
	out.size = sizeOf(t, f)
	switch out.size {
	case paged:
		out.once, out.each, out.least = 1, 0, 1
	case single:
		if p.object(f.Type.Name()) && f.Type.Elem != nil && !part {
			out.size = fixed
			if strings.HasPrefix(t.Name, "__") {
				out.size = fixedSmall
			}
		}
	}
	switch {
	case t == p.schema.Mutation && out.size == perElement:
		out.each = written
	case t == p.schema.Mutation:
		out.once = written
	case f.Name == "totalCount" || t.Name == "AccountUsage" || counts[t.Name+"."+f.Name]:
		out.once = counted
	}
	return out
}

// sizeOf reads from its arguments what a field multiplies with.
func sizeOf(t *ast.Definition, f *ast.FieldDefinition) size {
	switch {
	case f.Arguments.ForName("first") != nil:
		return paged
	case f.Arguments.ForName("ids") != nil || f.Arguments.ForName("inputs") != nil:
		return perElement
	}
	return single
}

// record reports whether a type is of records, or of introspection.
func (p *Prices) record(name string) bool {
	t := p.schema.Types[name]
	if t == nil {
		return false
	}
	return t.Kind == ast.Interface || t.Kind == ast.Union || p.object(name) && strings.HasPrefix(name, "__") || implements(t, "Record")
}

func implements(t *ast.Definition, name string) bool {
	for _, i := range t.Interfaces {
		if i == name {
			return true
		}
	}
	return false
}

// object reports whether something can be selected of a type.
func (p *Prices) object(name string) bool {
	t := p.schema.Types[name]
	return t != nil && t.IsCompositeType()
}

// partsOfPages returns the types that a page, or the result of an upsert, is made
// of: the connection, its edges, the sets of changes.
func (p *Prices) partsOfPages() map[string]bool {
	parts := map[string]bool{}
	var add func(name string)
	add = func(name string) {
		if parts[name] || !p.object(name) || p.record(name) {
			return
		}
		parts[name] = true
		for _, f := range p.schema.Types[name].Fields {
			if f.Type.Elem != nil {
				add(f.Type.Name())
			}
		}
	}
	for _, t := range p.schema.Types {
		for _, f := range t.Fields {
			if s := sizeOf(t, f); s == paged || s == perElement {
				add(f.Type.Name())
			}
		}
	}
	return parts
}
