package shards

import (
	"encoding/json"
	"fmt"
	"strings"
)

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

// builder collects the text and the bound arguments of one statement. Values
// never enter the text, so one shape of a query has one text.
type builder struct {
	strings.Builder
	args []any
}

// arg binds v and returns its placeholder.
func (b *builder) arg(v any) string {
	b.args = append(b.args, v)
	return fmt.Sprintf("?%d", len(b.args))
}

// list binds values as one JSON parameter: one text for any number of them.
func (b *builder) list(values any) string {
	text, err := json.Marshal(values)
	if err != nil {
		panic("shards: a list that is not JSON: " + err.Error())
	}
	return b.arg(string(text))
}

func (b *builder) and(condition string) { b.WriteString(" AND " + condition) }

const rowOf = "SELECT t.account_id, t.id, t.version, t.created_at, t.updated_at, t.body"

// list renders the page's rows. Columns: those of a record, then the parent.
func (p *Page) list(account string) *builder {
	b := &builder{}
	acct := b.arg(account)
	if !p.grouped() {
		b.WriteString(rowOf + ", '' FROM " + p.Table.Name + " t" + p.indexedBy() + " WHERE t.account_id = " + acct)
		p.restrict(b, "t")
		b.WriteString(p.orderBy("t"))
		p.limit(b)
		return b
	}
	// The inner query walks the index for one parent and stops at the limit, so
	// the cost is that of the rows returned, however many each parent has.
	b.WriteString(rowOf + ", p.value FROM json_each(" + b.list(p.Parents) + ") p CROSS JOIN " + p.Table.Name +
		" t WHERE t.account_id = " + acct + " AND t.id IN (SELECT c.id")
	p.fromParent(b, acct)
	b.WriteString(p.orderBy("c"))
	p.limit(b)
	b.WriteString(") ORDER BY p.key" + strings.Replace(p.orderBy("t"), " ORDER BY ", ", ", 1))
	return b
}

// count renders the number of all rows that the page is cut from. Columns: parent, count.
func (p *Page) count(account string) *builder {
	whole := *p
	whole.After, whole.Before = nil, nil
	b := &builder{}
	acct := b.arg(account)
	if !p.grouped() {
		whole.Order = Order{} // which must not speak against an index for the filter
		index := whole.indexedBy()
		if index == "" {
			index = p.indexedBy() // any is smaller than the table
		}
		b.WriteString("SELECT '', count(*) FROM " + p.Table.Name + " t" + index + " WHERE t.account_id = " + acct)
		whole.restrict(b, "t")
		return b
	}
	b.WriteString("SELECT p.value, (SELECT count(*)")
	from := &builder{args: b.args}
	parents := from.list(p.Parents)
	whole.fromParent(from, acct)
	b.WriteString(from.String() + ") FROM json_each(" + parents + ") p")
	b.args = from.args
	return b
}

func (p *Page) fromParent(b *builder, acct string) {
	if l := p.Through; l != nil {
		b.WriteString(" FROM " + l.Table + " m CROSS JOIN " + p.Table.Name + " c ON c.account_id = m.account_id AND c.id = m." +
			l.Child + " WHERE m.account_id = " + acct + " AND m." + l.Parent + " = p.value")
	} else {
		b.WriteString(" FROM " + p.Table.Name + " c" + p.indexedBy() + " WHERE c.account_id = " + acct + " AND c." + p.By + " = p.value")
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

func (p *Page) orderBy(alias string) string {
	way := " ASC"
	if p.Order.Desc != p.Backward {
		way = " DESC"
	}
	return " ORDER BY " + alias + "." + p.Order.Column + way + ", " + alias + ".id" + way
}

func (p *Page) limit(b *builder) {
	if p.Limit > 0 {
		b.WriteString(" LIMIT " + b.arg(int64(p.Limit)))
	}
}
