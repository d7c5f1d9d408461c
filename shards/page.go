package shards

import "strings"

// Order is a total order of a table's rows: by Column, then by id, both in the
// same direction. Rows without a value come first when ascending.
type Order struct {
	Column string
	Desc   bool
}

// Link is a table of pairs (account_id, Parent, Child) that joins two tables.
type Link struct{ Table, Parent, Child string }

// Page asks for rows in order: one page of the whole table, or, where By or
// Through is set, one page for each of Parents, all in one statement.
type Page struct {
	Table *Table
	Where []Condition
	Order Order
	// By is the column that holds the parent's id.
	By string
	// Through is the link table that has the pairs instead.
	Through *Link
	Parents []string
	// After and Before bound the page: rows strictly behind or ahead of the mark.
	After, Before *Mark
	// Limit is the number of rows at most, for each parent. 0 is no limit.
	Limit int
	// Backward takes the last rows rather than the first. They still come in order.
	Backward bool
}

func (p *Page) grouped() bool { return p.By != "" || p.Through != nil }

const rowOf = "SELECT t.account_id, t.id, t.version, t.created_at, t.updated_at, t.body"

// list renders the page's rows. Columns: those of a record, then the parent.
func (p *Page) list(b *builder) {
	if !p.grouped() {
		b.WriteString(rowOf + ", '' FROM " + p.Table.Name + " t" + p.indexedBy(b) + " WHERE t.account_id = " + b.account)
		p.restrict(b, "t")
		b.WriteString(p.orderBy("t", b.dialect))
		p.limit(b)
		return
	}
	// The inner query walks the index for one parent and stops at the limit, so
	// the cost is that of the rows returned, however many each parent has.
	b.WriteString(rowOf + ", p.value FROM " + b.parents(p.Parents) + " CROSS JOIN ")
	if b.dialect == postgresSQL {
		b.WriteString("LATERAL (SELECT c.*")
	} else {
		b.WriteString(p.Table.Name + " t WHERE t.account_id = " + b.account + " AND t.id IN (SELECT c.id")
	}
	p.fromParent(b)
	b.WriteString(p.orderBy("c", b.dialect))
	p.limit(b)
	b.WriteByte(')')
	if b.dialect == postgresSQL {
		b.WriteString(" t")
	}
	b.WriteString(" ORDER BY p.key" + strings.Replace(p.orderBy("t", b.dialect), " ORDER BY ", ", ", 1))
}

// count renders the number of all rows that the page is cut from. Columns: parent, count.
func (p *Page) count(b *builder) {
	whole := *p
	whole.After, whole.Before = nil, nil
	if !p.grouped() {
		whole.Order = Order{} // which must not speak against an index for the filter
		index := whole.indexedBy(b)
		if index == "" {
			index = p.indexedBy(b) // any is smaller than the table
		}
		b.WriteString("SELECT '', count(*) FROM " + p.Table.Name + " t" + index + " WHERE t.account_id = " + b.account)
		whole.restrict(b, "t")
		return
	}
	b.WriteString("SELECT p.value, (SELECT count(*)")
	parents := b.parents(p.Parents)
	whole.fromParent(b)
	b.WriteString(") FROM " + parents)
}

func (p *Page) fromParent(b *builder) {
	if l := p.Through; l != nil {
		join := " m CROSS JOIN " // in the order in which it is written
		if b.dialect == postgresSQL {
			join = " m JOIN "
		}
		b.WriteString(" FROM " + l.Table + join + p.Table.Name + " c ON c.account_id = m.account_id AND c.id = m." +
			l.Child + " WHERE m.account_id = " + b.account + " AND m." + l.Parent + " = p.value")
	} else {
		b.WriteString(" FROM " + p.Table.Name + " c" + p.indexedBy(b) + " WHERE c.account_id = " + b.account + " AND c." + p.By + " = p.value")
	}
	p.restrict(b, "c")
}

func (p *Page) restrict(b *builder, alias string) {
	for _, c := range p.Where {
		p.Table.condition(b, alias, c)
	}
	if p.After != nil {
		p.keyset(b, alias, *p.After, p.Order.Desc)
	}
	if p.Before != nil {
		p.keyset(b, alias, *p.Before, !p.Order.Desc)
	}
}

// keyset keeps the rows strictly behind m, in descending order if desc.
func (p *Page) keyset(b *builder, alias string, m Mark, desc bool) {
	col, id, than := alias+"."+p.Order.Column, alias+".id", " > "
	if desc {
		than = " < "
	}
	if !p.Table.columns[p.Order.Column].nullable {
		b.and("(" + col + ", " + id + ")" + than + "(" + b.arg(m.Value) + ", " + b.arg(m.ID) + ")")
		return
	}
	// Rows without a value sort before all others.
	switch {
	case m.Value == nil && desc:
		b.and(col + " IS NULL AND " + id + than + b.arg(m.ID))
	case m.Value == nil:
		b.and("(" + col + " IS NOT NULL OR " + id + than + b.arg(m.ID) + ")")
	case desc:
		b.and("((" + col + ", " + id + ")" + than + "(" + b.arg(m.Value) + ", " + b.arg(m.ID) + ") OR " + col + " IS NULL)")
	default:
		b.and("(" + col + ", " + id + ")" + than + "(" + b.arg(m.Value) + ", " + b.arg(m.ID) + ")")
	}
}

func (p *Page) orderBy(alias string, d dialect) string {
	way, nulls := " ASC", " NULLS FIRST"
	if p.Order.Desc != p.Backward {
		way, nulls = " DESC", " NULLS LAST"
	}
	if d == sqliteSQL || !p.Table.columns[p.Order.Column].nullable {
		nulls = ""
	}
	return " ORDER BY " + alias + "." + p.Order.Column + way + nulls + ", " + alias + ".id" + way
}

func (p *Page) limit(b *builder) {
	if p.Limit > 0 {
		b.WriteString(" LIMIT " + b.arg(int64(p.Limit)))
	}
}
