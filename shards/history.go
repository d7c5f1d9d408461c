package shards

import (
	"context"
	"encoding/json"
	"math"
)

// Change is one row of an account's history: one record's part in write Seq.
type Change struct {
	Seq       int64
	Kind      ChangeKind
	Table     string
	RecordID  string
	Version   int64
	Patch     []byte // nil for Deleted, and once it was erased
	Actor     Actor
	RequestID string
	At        string
}

// entry is a change that is being written.
type entry struct {
	account string
	seq     int64
	n       int64 // among those of the write
	write   *Write
	op      *Op
	actor   string // as JSON
	at      string
}

func (e *entry) append(ctx context.Context, c *conn) error {
	var patch any // NULL for DELETED
	if e.op.Patch != nil {
		patch = string(e.op.Patch)
	}
	_, err := c.exec(ctx, `INSERT INTO change (account_id, seq, n, kind, record_table, record_id, version, patch, actor, request_id, at)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)`,
		e.account, e.seq, e.n, string(e.op.Kind), e.op.Table, e.op.ID, e.op.Version+1, patch, e.actor, e.write.RequestID, e.at)
	return err
}

const selectChange = "SELECT t.account_id, t.seq, t.kind, t.record_table, t.record_id, t.version, t.patch, t.actor, t.request_id, t.at"

func (s *Snapshot) scanChange(row scanner) (*Change, error) {
	var c Change
	var account string
	var actor []byte
	if err := row.Scan(&account, &c.Seq, (*string)(&c.Kind), &c.Table, &c.RecordID, &c.Version, &c.Patch, &actor, &c.RequestID, &c.At); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(actor, &c.Actor); err != nil {
		return nil, err
	}
	return &c, s.own(account)
}

// Changes returns the changes of the writes after one position up to and with
// another, in order. Numbers have no gaps, so the range is the page. It
// returns at most limit changes; the last write may be cut then.
func (s *Snapshot) Changes(ctx context.Context, after, to int64, tables []string, limit int) ([]*Change, error) {
	var out []*Change
	err := s.each(ctx, func(b *builder) {
		b.WriteString(selectChange + " FROM change t WHERE t.account_id = " + b.account)
		b.and("t.seq > " + b.arg(after))
		b.and("t.seq <= " + b.arg(to))
		if tables != nil {
			b.and(b.in("t.record_table", tables))
		}
		b.WriteString(" ORDER BY t.seq, t.n LIMIT " + b.arg(int64(limit)))
	}, func(row scanner) error {
		c, err := s.scanChange(row)
		out = append(out, c)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

const (
	// pageWrites and pageChanges bound how much of the log is read at once.
	pageWrites  = 100
	pageChanges = 1000
)

// ChangeSets returns the next writes after one, a page of them; none at the end.
func (s *Snapshot) ChangeSets(ctx context.Context, after int64) ([]*ChangeSet, error) {
	h, err := s.opened(ctx)
	if err != nil {
		return nil, err
	}
	if after < h.trimmed {
		return nil, errHistoryGone
	}
	to := min(after+pageWrites, h.Seq)
	if to <= after {
		return nil, nil
	}
	changes, err := s.Changes(ctx, after, to, nil, pageChanges)
	if err != nil {
		return nil, err
	}
	if len(changes) == pageChanges { // the last write may be cut
		to = max(after+1, changes[pageChanges-1].Seq-1)
	}
	if to == after+1 && len(changes) == pageChanges { // and may be all there is
		if changes, err = s.Changes(ctx, after, to, nil, math.MaxInt32); err != nil {
			return nil, err
		}
	}
	sets := make([]*ChangeSet, to-after)
	for i := range sets {
		sets[i] = &ChangeSet{Position: Position{Epoch: h.Epoch, Seq: after + 1 + int64(i)}}
	}
	for _, c := range changes {
		if c.Seq <= to {
			set := sets[c.Seq-after-1]
			set.Changes = append(set.Changes, c)
		}
	}
	return sets, nil
}

var errHistoryGone = &Error{Code: HistoryGone, Message: "the history does not reach back to this bookmark any more"}

// Reaches returns nil where all writes after a position can be read: else
// HISTORY_GONE, or what Covers returns.
func (s *Snapshot) Reaches(ctx context.Context, p Position) error {
	if err := s.Covers(ctx, p); err != nil {
		return err
	}
	h, err := s.opened(ctx)
	if err == nil && p.Seq < h.trimmed {
		err = errHistoryGone
	}
	return err
}

// History returns the newest changes of each record before a write (0: of
// all), at most limit for each, newest first, with one statement.
func (s *Snapshot) History(ctx context.Context, ids []string, before int64, limit int) (map[string][]*Change, error) {
	out := make(map[string][]*Change, len(ids))
	err := s.each(ctx, func(b *builder) { historyOf(b, ids, before, limit) }, func(row scanner) error {
		c, err := s.scanChange(row)
		if err == nil {
			out[c.RecordID] = append(out[c.RecordID], c)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func historyOf(b *builder, ids []string, before int64, limit int) {
	parents, index := b.parents(ids), b.indexedBy("change_record")
	behind := ""
	if before > 0 {
		behind = " AND c.seq < " + b.arg(before)
	}
	b.WriteString(selectChange + " FROM " + parents + " CROSS JOIN ")
	newest := " FROM change c" + index + " WHERE c.account_id = " + b.account + " AND c.record_id = p.value" + behind +
		" ORDER BY c.seq DESC LIMIT " + b.arg(int64(limit))
	if b.dialect == postgresSQL {
		b.WriteString("LATERAL (SELECT *" + newest + ") t")
	} else {
		b.WriteString("change t" + index + " WHERE t.account_id = " + b.account + " AND t.record_id = p.value AND t.seq IN (SELECT c.seq" + newest + ")")
	}
	b.WriteString(" ORDER BY p.key, t.seq DESC")
}
