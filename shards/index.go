package shards

import "slices"

// indexedBy names the index for a page. SQLite takes a generated column for
// one that needs the whole row, and so often prefers to search the primary key
// of an account to end; and statistics of one account mislead for the next. We
// know what was asked and which indexes there are, so we decide.
func (p *Page) indexedBy(b *builder) string {
	best, score := "", 0
	for _, ix := range p.Table.indexes {
		if s := p.score(ix); s > score {
			best, score = ix.name, s
		}
	}
	if best == "" {
		return ""
	}
	return b.indexedBy(best)
}

// score rates an index by its first column behind account_id: the fewer rows
// it leaves, the better; one that also has the order spares the sort.
func (p *Page) score(ix index) int {
	if len(ix.columns) == 0 || p.Through != nil {
		return 0
	}
	first := ix.columns[0]
	if ix.partial && first != p.By && !p.tests(first, Equal, In, StartsWith, Greater, GreaterOrEqual, Less, LessOrEqual) {
		return 0 // rows without a value may be asked for too
	}
	ordered := first == p.Order.Column || len(ix.columns) > 1 && ix.columns[1] == p.Order.Column
	rare := ix.unique && len(ix.columns) == 1 || p.Table.isFold(first)
	ref := p.Table.refers(first)
	score := 0
	switch {
	case first == p.By:
		score = 90
	case p.tests(first, Equal):
		score = 40
		if ref {
			score = 80
		}
		if rare {
			score = 100
		}
		if ordered && !ref && !rare {
			score = 60
		}
	case p.tests(first, In):
		score = 30
		if ref {
			score = 70
		}
		if rare {
			score = 95
		}
	case p.tests(first, StartsWith):
		score = 75
	case p.tests(first, Greater, GreaterOrEqual, Less, LessOrEqual) && ordered:
		score = 55
	case ordered && first != p.Order.Column && p.testsNull(first):
		score = 60
	case first == p.Order.Column:
		score = 50
	case p.tests(first, IsNull, Greater, GreaterOrEqual, Less, LessOrEqual):
		score = 20
	}
	if score > 0 && ordered {
		score += 5
	}
	return score
}

// tests reports whether the page has a condition of one of these kinds that
// the index column can serve.
func (p *Page) tests(column string, ops ...Comparison) bool {
	for _, c := range p.Where {
		if slices.Contains(ops, c.Op) && slices.Contains(p.Table.tested(c), column) {
			return true
		}
	}
	return false
}

// testsNull reports whether only rows without a value in the column are asked
// for, which an index finds as it does one value.
func (p *Page) testsNull(column string) bool {
	return slices.ContainsFunc(p.Where, func(c Condition) bool {
		return c.Op == IsNull && c.Value == true && p.Table.columns[column].nullable && slices.Contains(p.Table.tested(c), column)
	})
}

// tested returns the columns that condition compares for c.
func (t *Table) tested(c Condition) []string {
	fold := c.Column + "_fold"
	switch {
	case !t.isFold(fold):
		return []string{c.Column}
	case c.Op == Equal, c.Op == In:
		return []string{c.Column, fold}
	case c.Op == StartsWith, c.Op == IsNull:
		return []string{fold}
	}
	return []string{c.Column}
}
