package shards

import "context"

// Wanted are records of one table, by their ids.
type Wanted struct {
	Table string
	IDs   []string
	// With are columns that refer to other records, which are wanted as well.
	With []string
}

// GetAll is Get for records of several tables, and for what they refer to: a
// statement for each table and for each of With, which take one round trip
// together. Their tables tell the rows apart; a record that is wanted twice may
// come twice.
func (s *Snapshot) GetAll(ctx context.Context, wanted ...Wanted) ([]*Row, error) {
	var out []*Row
	var list []question
	for _, w := range wanted {
		t := s.Table(w.Table)
		var found []*Row
		list = append(list, s.records(t, func(b *builder) string { return b.ids(w.IDs) }, func(r *Row) {
			found, out = append(found, r), append(out, r)
		}))
		for _, column := range w.With {
			list = append(list, s.records(s.Table(t.target(column)), func(b *builder) string {
				if b.dialect == sqliteSQL { // they are found by now, and to look them up again costs more than a list
					if to := referred(found, column); len(to) > 0 {
						return b.ids(to)
					}
					return ""
				}
				return "SELECT r." + column + " FROM " + t.Name + " r WHERE r.account_id = " + b.account + " AND " + b.among("r.id", b.ids(w.IDs))
			}, func(r *Row) { out = append(out, r) }))
		}
	}
	if err := s.all(ctx, list...); err != nil {
		return nil, err
	}
	return out, nil
}

// records asks for the records of a table whose ids a query returns; "" is none.
func (s *Snapshot) records(t *Table, ids func(*builder) string, found func(*Row)) question {
	return question{write: func(b *builder) {
		if of := ids(b); of != "" {
			b.WriteString(rowOf + " FROM " + t.Name + " t WHERE t.account_id = " + b.account + " AND " + b.among("t.id", of))
		}
	}, row: func(row scanner) error {
		r, err := s.scan(row, t)
		if err == nil {
			found(r)
		}
		return err
	}}
}

// referred returns the ids that records have in a column.
func referred(rows []*Row, column string) (out []string) {
	for _, r := range rows {
		if id := r.Text(fieldOf(column)); id != "" {
			out = append(out, id)
		}
	}
	return out
}
