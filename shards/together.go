package shards

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/tidwall/gjson"
)

// together adds the statements of all the share's writes. What is done alike to
// records of one table is one statement, for one record or for hundreds.
func (s *share) together(batch *pgx.Batch, ifFree bool) {
	s.begin(ifFree)
	if slices.ContainsFunc(s.writes, func(p *pending) bool { return !p.plain() }) { // which might come before any op
		b := newBuilder(postgresSQL, s.account)
		b.WriteString("WITH held AS ")
		s.held(b)
		s.asItWas(b)
		queue(batch, s.trace, b.statement())
		s.raised = true
	}
	var seqs int64
	var run []entry
	flush := func() {
		switch len(run) {
		case 0:
		case 1:
			queue(batch, s.trace, s.op(&run[0]))
		default:
			queue(batch, s.trace, s.ops(run))
		}
		run = nil
	}
	for _, pending := range s.writes {
		w := pending.write
		pending.out = Committed{At: s.at.Format(TimeFormat)}
		if len(w.Ops) > 0 {
			seqs++
		}
		pending.out.Position.Seq = seqs // above the head, which is not known yet
		if w.Absent != nil {
			flush() // it sees what others of the share have made
			queue(batch, s.trace, s.absent(w.Absent))
		}
		e := s.entry(w, seqs)
		// Where another order would matter something is refused, and then they are
		// made one by one, in theirs.
		for _, kind := range [...]ChangeKind{Created, Updated, Deleted} {
			for i := range w.Ops {
				if e.op, e.n = &w.Ops[i], int64(i); e.op.Kind != kind {
					continue
				}
				if len(run) > 0 && !s.alike(&run[0], &e) {
					flush()
				}
				run = append(run, e)
			}
		}
		if w.Key != nil {
			s.remember(batch, w, seqs, pending.out)
		}
	}
	flush()
}

// plain reports whether p makes changes and nothing else.
func (p *pending) plain() bool {
	return len(p.write.Ops) > 0 && p.write.Absent == nil && p.write.Key == nil
}

// alike reports whether one statement can make both.
func (s *share) alike(a, b *entry) bool {
	return a.op.Kind == b.op.Kind && a.op.Table == b.op.Table && !s.alone(a) && !s.alone(b)
}

// alone reports whether e has a statement of its own: for its pair, or because a
// record of its table may refer to another one. What a statement's records refer
// to is looked for at its end: a child could be made before its parent, and a
// parent deleted before its child.
func (s *share) alone(e *entry) bool {
	return e.op.Pair != nil || slices.ContainsFunc(tableOf(s.schema, e.op.Table).refs, func(r reference) bool {
		return r.table == e.op.Table && (e.op.Kind == Deleted ||
			e.op.Kind == Created && gjson.GetBytes(e.op.Body, fieldOf(r.column)).Type == gjson.String)
	})
}

// op renders a record's part in a write together with its change, which is
// left out where the record's version has moved (invariant 3).
func (s *share) op(e *entry) Statement {
	b, op := newBuilder(postgresSQL, s.account), e.op
	b.Grow(longOp)
	id, at := b.arg(op.ID), b.arg(e.at)
	table := tableOf(s.schema, op.Table)
	b.WriteString("WITH held AS ")
	s.held(b)
	b.WriteString(", record AS (")
	switch op.Kind {
	case Created:
		b.add("INSERT INTO ", table.Name, " (account_id, id, version, created_at, updated_at, body")
		for _, f := range table.folds {
			b.add(", ", f.column)
		}
		b.add(") SELECT ", b.account, ", ", id, ", 1, ", at, ", ", at, ", ", b.arg(string(op.Body)), "::json")
		for _, v := range table.folded(op.Body) {
			b.add(", ", b.arg(v))
		}
		b.WriteString(" FROM held RETURNING body")
	case Updated:
		b.add("UPDATE ", table.Name, " SET version = version + 1, updated_at = ", at, ", body = ", b.arg(string(op.Body)), "::json")
		for i, v := range table.folded(op.Body) {
			b.add(", ", table.folds[i].column, " = ", b.arg(v))
		}
		b.add(" FROM held WHERE account_id = ", b.account, " AND id = ", id, " AND version = ", b.arg(op.Version), " RETURNING 1")
	case Deleted:
		b.add("DELETE FROM ", table.Name, " USING held WHERE account_id = ", b.account, " AND id = ", id, " AND version = ", b.arg(op.Version), " RETURNING 1")
	}
	from := " FROM held, record"
	if op.Pair != nil {
		from = " FROM held, record, pair"
		l, parent, child := op.Pair.Link, b.arg(op.Pair.Parent), b.arg(op.Pair.Child)
		if op.Pair.Remove {
			b.add("), pair AS (DELETE FROM ", l.Table, " USING held WHERE account_id = ", b.account, " AND ", l.Parent, " = ", parent, " AND ", l.Child, " = ", child, " RETURNING 1")
		} else {
			b.add("), pair AS (INSERT INTO ", l.Table, " (account_id, ", l.Parent, ", ", l.Child, ") SELECT ", b.account, ", ", parent, ", ", child, " FROM record RETURNING 1")
		}
	}
	s.change(b, func() {
		b.add(b.account, ", ")
		s.number(b, e.seq)
		b.add(", ", b.arg(e.n), "::bigint, ", b.arg(string(op.Kind)), ", ", b.arg(op.Table), ", ", id, ", ", b.arg(op.Version+1), "::bigint, ")
		if op.Kind == Created && bytes.Equal(op.Patch, op.Body) { // as it is of whatever was not made of less
			b.WriteString("record.body")
		} else {
			b.add(b.arg(nullable(op.Patch)), "::json")
		}
		b.add(", ", b.arg(e.actor), "::json, ", b.arg(e.write.RequestID), ", ", at, from)
	}, 1)
	return b.statement()
}

// longOp is as long as the text of an op may well be, in bytes.
const longOp = 1200

// change ends a statement, whose last WITH is open, with the changes of what it
// has written, the values of which are rendered in between. Where all is made at
// once it fails unless there are n of them: a write that left one out must not be
// committed.
func (s *share) change(b *builder, values func(), n int) {
	if !s.atOnce {
		b.WriteString(") " + insertChanges)
		values()
		return
	}
	b.WriteString("), logged AS (" + insertChanges)
	values()
	b.WriteString(" RETURNING 1)")
	if !s.raised {
		s.asItWas(b)
		b.WriteString(" WHERE 1 = 1 /")
		s.raised = true
	} else {
		b.WriteString(" SELECT 1 /")
	}
	b.add(" (CASE (SELECT count(*) FROM logged) WHEN ", b.arg(int64(n)), " * (SELECT count(*) FROM held) THEN 1 ELSE 0 END)")
}

const insertChanges = "INSERT INTO change (account_id, seq, n, kind, record_table, record_id, version, patch, actor, request_id, at) SELECT "

// ops renders what op does for entries that are alike, as one statement: each
// column of theirs is one parameter, a list.
func (s *share) ops(run []entry) Statement {
	b, table, kind := newBuilder(postgresSQL, s.account), tableOf(s.schema, run[0].op.Table), run[0].op.Kind
	at := b.arg(run[0].at)
	var lists, names []string
	list := func(name, of string, values any) {
		lists, names = append(lists, b.arg(values)+"::"+of+"[]"), append(names, name)
	}
	list("id", "text", listOf(run, func(e *entry) string { return e.op.ID }))
	list("version", "bigint", listOf(run, func(e *entry) int64 { return e.op.Version }))
	list("seq", "bigint", listOf(run, func(e *entry) int64 { return e.seq }))
	list("n", "bigint", listOf(run, func(e *entry) int64 { return e.n }))
	list("patch", "text", listOf(run, func(e *entry) *string { return nullable(e.op.Patch) }))
	list("actor", "text", listOf(run, func(e *entry) string { return e.actor }))
	list("request_id", "text", listOf(run, func(e *entry) string { return e.write.RequestID }))
	if kind != Deleted {
		list("body", "text", listOf(run, func(e *entry) string { return string(e.op.Body) }))
		for i, of := range table.foldedAll(run) {
			list(table.folds[i].column, "text", of)
		}
	}
	b.WriteString("WITH held AS ")
	s.held(b)
	b.add(", op AS (SELECT * FROM unnest(", strings.Join(lists, ", "), ") op (", strings.Join(names, ", "), ")), record AS (")
	// Two entries of one record are one row here, whose change the other one's lacks.
	guard, from := " WHERE t.account_id = "+b.account+" AND t.id = op.id AND t.version = op.version RETURNING op.*", "held, record op"
	switch kind {
	case Created:
		b.WriteString("INSERT INTO " + table.Name + " (account_id, id, version, created_at, updated_at, body" + table.foldList(", %[1]s") + ") SELECT " +
			b.account + ", op.id, 1, " + at + ", " + at + ", op.body::json" + table.foldList(", op.%[1]s") + " FROM held, op RETURNING id")
		from = "held, op JOIN record ON record.id = op.id"
	case Updated:
		b.WriteString("UPDATE " + table.Name + " t SET version = t.version + 1, updated_at = " + at + ", body = op.body::json" +
			table.foldList(", %[1]s = op.%[1]s") + " FROM held, op" + guard)
	case Deleted:
		b.WriteString("DELETE FROM " + table.Name + " t USING held, op" + guard)
	}
	s.change(b, func() {
		b.add(b.account, ", ")
		s.number(b, 0)
		b.add(" + op.seq, op.n, ", b.arg(string(kind)), ", ", b.arg(table.Name), ", op.id, op.version + 1, op.patch::json, op.actor::json, op.request_id, ", at, " FROM ", from)
	}, len(run))
	return b.statement()
}

func listOf[T any](run []entry, of func(*entry) T) []T {
	out := make([]T, len(run))
	for i := range run {
		out[i] = of(&run[i])
	}
	return out
}

// foldedAll returns the values of each fold column, a list for each.
func (t *Table) foldedAll(run []entry) [][]*string {
	out := make([][]*string, len(t.folds))
	for i := range run {
		for j, v := range t.folded(run[i].op.Body) {
			var text *string
			if s, ok := v.(string); ok {
				text = &s
			}
			out[j] = append(out[j], text)
		}
	}
	return out
}

// foldList prints each fold column's name in a format.
func (t *Table) foldList(format string) string {
	var b strings.Builder
	for _, f := range t.folds {
		fmt.Fprintf(&b, format, f.column)
	}
	return b.String()
}

// nullable returns a text for the database, NULL where there is none.
func nullable(text []byte) *string {
	if text == nil {
		return nil
	}
	s := string(text)
	return &s
}

func actorText(w *Write) string {
	text, err := json.Marshal(w.Actor)
	if err != nil {
		panic("shards: an actor that is not JSON: " + err.Error())
	}
	return string(text)
}
