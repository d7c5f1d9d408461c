package resolvers

import (
	"bytes"
	"strconv"

	"github.com/99designs/gqlgen/graphql"
	"github.com/tidwall/gjson"
)

// object appends a record, or another object that has a row, as selected.
// false says that the answer would break a rule: the plain executor says which.
func (x *projection) object(o *object, rec *record) bool {
	x.out = append(x.out, '{')
	base := x.open(o, rec.row.Body)
	for i := range o.fields {
		f := &o.fields[i]
		x.next(f.head)
		switch f.from {
		case fromHead:
		case fromBody:
			x.leaf(&f.leaf, x.slots[base+f.slot])
		case fromID:
			x.quote(rec.row.ID)
		case fromVersion:
			x.out = strconv.AppendInt(x.out, rec.row.Version, 10)
		case fromCreatedAt:
			x.quote(rec.row.CreatedAt)
		case fromUpdatedAt:
			x.quote(rec.row.UpdatedAt)
		case fromLink:
			if !x.link(f.link, rec, x.slots[base+f.link.slot:]) {
				return false
			}
		}
	}
	x.slots = x.slots[:base]
	x.out = append(x.out, '}')
	return true
}

// next appends the head of an object's next member.
func (x *projection) next(head []byte) {
	if x.out[len(x.out)-1] != '{' {
		x.out = append(x.out, ',')
	}
	x.out = append(x.out, head...)
}

// open puts the members of a body that o needs into their slots, and returns
// where those begin.
func (x *projection) open(o *object, body []byte) int {
	base := len(x.slots)
	for range o.names {
		x.slots = append(x.slots, nil)
	}
	missing := len(o.names)
	for m := newMembers(body); missing > 0; {
		name, value, ok := m.member()
		if !ok {
			break
		}
		for i, want := range o.names {
			if string(name) == want {
				x.slots[base+i] = value
				missing--
				break
			}
		}
	}
	return base
}

func (x *projection) leaf(l *leaf, value []byte) {
	if value == nil || value[0] == 'n' { // null
		x.out = append(x.out, l.absent...)
		return
	}
	switch l.form {
	case formRaw:
		x.out = append(x.out, value...)
	case formText:
		x.text(value)
	case formList:
		x.out = append(x.out, '[')
		for m, first := newMembers(value), true; ; first = false {
			e, ok := m.element()
			if !ok {
				break
			}
			if !first {
				x.out = append(x.out, ',')
			}
			x.leaf(l.elem, e)
		}
		x.out = append(x.out, ']')
	case formObject:
		x.out = append(x.out, '{')
		base := x.open(l.object, value)
		for i := range l.object.fields {
			f := &l.object.fields[i]
			x.next(f.head)
			if f.from == fromBody {
				x.leaf(&f.leaf, x.slots[base+f.slot])
			}
		}
		x.slots = x.slots[:base]
		x.out = append(x.out, '}')
	}
}

// text appends a JSON string. One with escapes is written anew, in the
// spelling that the generated code has.
func (x *projection) text(value []byte) {
	if bytes.IndexByte(value, '\\') < 0 {
		x.out = append(x.out, value...)
		return
	}
	var b bytes.Buffer
	graphql.MarshalString(gjson.ParseBytes(value).Str).MarshalGQL(&b)
	x.out = append(x.out, b.Bytes()...)
}

// quote appends an id or a time, which have nothing to escape.
func (x *projection) quote(s string) {
	x.out = append(append(append(x.out, '"'), s...), '"')
}

// link appends what a link of a record leads to. slots begin with the id of
// the target, of a reference.
func (x *projection) link(l *link, from *record, slots [][]byte) bool {
	to := &x.loaded[l.index]
	switch {
	case l.edge.ref != "":
		var target *record
		if id := slots[0]; len(id) > 2 && id[0] == '"' {
			target = to.refs[string(id[1:len(id)-1])]
		}
		if target == nil {
			x.out = append(x.out, "null"...)
			return true
		}
		return x.target(l.nodes[0], target)
	case l.connection != nil:
		return x.connection(l, to.pages[from.row.ID], to.counts[from.row.ID])
	}
	p := to.pages[from.row.ID]
	return x.hands(p) && x.list(l.nodes[0], p.records)
}

// target appends the record that a reference leads to. Many lead to the same:
// where nothing else would come of it, it is copied from where it stands.
func (x *projection) target(o *object, rec *record) bool {
	if !o.copyable {
		return x.object(o, rec)
	}
	key := copyKey{o, rec}
	if at, ok := x.copies[key]; ok {
		x.out = append(x.out, x.out[at.from:at.to]...)
		return true
	}
	from := len(x.out)
	ok := x.object(o, rec)
	x.copies[key] = stretch{from, len(x.out)}
	return ok
}

// hands counts the records of a page that goes into the answer.
func (x *projection) hands(p *page) bool {
	x.handed += len(p.records)
	return x.handed <= maxRecords
}

func (x *projection) list(o *object, recs []*record) bool {
	x.out = append(x.out, '[')
	for i, rec := range recs {
		if i > 0 {
			x.out = append(x.out, ',')
		}
		if !x.object(o, rec) {
			return false
		}
	}
	x.out = append(x.out, ']')
	return true
}

func (x *projection) connection(l *link, p *page, count int64) bool {
	if !x.hands(p) {
		return false
	}
	x.out = append(x.out, '{')
	for i := range l.connection.parts {
		part := &l.connection.parts[i]
		x.next(part.head)
		switch part.name {
		case "nodes":
			if !x.list(part.node, p.records) {
				return false
			}
		case "edges":
			if !x.edges(part.parts, p) {
				return false
			}
		case "pageInfo":
			x.pageInfo(part.parts, p)
		case "totalCount":
			x.out = strconv.AppendInt(x.out, int64(int32(count)), 10)
		}
	}
	x.out = append(x.out, '}')
	return true
}

func (x *projection) edges(parts []slice, p *page) bool {
	x.out = append(x.out, '[')
	for i, rec := range p.records {
		if i > 0 {
			x.out = append(x.out, ',')
		}
		x.out = append(x.out, '{')
		for i := range parts {
			part := &parts[i]
			x.next(part.head)
			switch part.name {
			case "node":
				if !x.object(part.node, rec) {
					return false
				}
			case "cursor":
				x.quote(p.cursor(x.handle, rec))
			}
		}
		x.out = append(x.out, '}')
	}
	x.out = append(x.out, ']')
	return true
}

func (x *projection) pageInfo(parts []slice, p *page) {
	x.out = append(x.out, '{')
	for i := range parts {
		x.next(parts[i].head)
		switch n := len(p.records); {
		case parts[i].name == "hasNextPage":
			x.out = strconv.AppendBool(x.out, p.hasNext())
		case parts[i].name == "hasPreviousPage":
			x.out = strconv.AppendBool(x.out, p.hasPrevious())
		case parts[i].name == "":
		case n == 0:
			x.out = append(x.out, "null"...)
		case parts[i].name == "startCursor":
			x.quote(p.cursor(x.handle, p.records[0]))
		case parts[i].name == "endCursor":
			x.quote(p.cursor(x.handle, p.records[n-1]))
		}
	}
	x.out = append(x.out, '}')
}
