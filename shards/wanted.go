package shards

import "context"

// Wanted are records of one table, by their ids.
type Wanted struct {
	Table string
	IDs   []string
	// With are fields that refer to other records, which are wanted as well.
	With []string
}

// GetAll is Get for records of several tables, and for what they refer to: a
// statement for each table and for each of With, which take one round trip
// together. Their tables tell the rows apart; a record that is wanted twice may
// come twice.
func (s *Snapshot) GetAll(ctx context.Context, wanted ...Wanted) ([]*Row, error) {
	var list []question
	found := make([][]*Row, len(wanted))
	var others []*Row
	for i, w := range wanted {
		if list == nil {
			list = make([]question, 0, len(wanted)+len(w.With))
		}
		t := s.Table(w.Table)
		brief := len(w.IDs) <= maxBrief
		list = append(list, s.records(t, brief, &found[i], func(b *builder) string { return b.ids(w.IDs) }))
		for _, field := range w.With {
			to := t.reference(field)
			list = append(list, s.records(s.Table(to.table), brief, &others, func(b *builder) string {
				if b.dialect == sqliteSQL { // they are found by now, and to look them up again costs more than a list
					if ids := referred(found[i], field); len(ids) > 0 {
						return b.ids(ids)
					}
					return ""
				}
				return "SELECT r." + to.column + " FROM " + t.Name + " r WHERE r.account_id = " + b.account + " AND " + b.among("r.id", b.ids(w.IDs))
			}))
		}
	}
	if err := s.all(ctx, list...); err != nil {
		return nil, err
	}
	for _, rows := range found {
		others = append(others, rows...)
	}
	return others, nil
}

// maxBrief is how many records are read so quickly, a millisecond at most, that
// nobody needs to stop that.
const maxBrief = 100

// records asks for the records of a table whose ids a query returns; "" is none.
func (s *Snapshot) records(t *Table, brief bool, into *[]*Row, ids func(*builder) string) question {
	return question{brief: brief, write: func(b *builder) {
		if of := ids(b); of != "" {
			b.WriteString(rowOf + " FROM " + t.Name + " t WHERE t.account_id = " + b.account + " AND " + b.among("t.id", of))
		}
	}, row: func(row scanner) error {
		r, err := s.scan(row, t)
		if err == nil {
			*into = append(*into, r)
		}
		return err
	}}
}

// referred returns the ids that records have in a field.
func referred(rows []*Row, field string) (out []string) {
	for _, r := range rows {
		if id := r.Text(field); id != "" {
			out = append(out, id)
		}
	}
	return out
}
