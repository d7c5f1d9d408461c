package shards

import (
	"context"
	"database/sql"
	"encoding/json"
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

func appendChange(ctx context.Context, c *conn, account string, seq int64, n int, at string, write *Write, op *Op) error {
	actor, err := json.Marshal(write.Actor)
	if err != nil {
		return err
	}
	var patch any // NULL for DELETED
	if op.Patch != nil {
		patch = string(op.Patch)
	}
	_, err = c.exec(ctx, `INSERT INTO change (account_id, seq, n, kind, record_table, record_id, version, patch, actor, request_id, at)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)`,
		account, seq, int64(n), string(op.Kind), op.Table, op.ID, op.Version+1, patch, string(actor), write.RequestID, at)
	return err
}

const selectChange = "SELECT t.account_id, t.seq, t.kind, t.record_table, t.record_id, t.version, t.patch, t.actor, t.request_id, t.at"

func (s *Snapshot) scanChange(rows *sql.Rows) (*Change, error) {
	var c Change
	var account string
	var actor []byte
	if err := rows.Scan(&account, &c.Seq, &c.Kind, &c.Table, &c.RecordID, &c.Version, &c.Patch, &actor, &c.RequestID, &c.At); err != nil {
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
	b := &builder{}
	acct := b.arg(s.account)
	b.WriteString(selectChange + " FROM change t WHERE t.account_id = " + acct)
	b.and("t.seq > " + b.arg(after))
	b.and("t.seq <= " + b.arg(to))
	if tables != nil {
		b.and("t.record_table IN (SELECT value FROM json_each(" + b.list(tables) + "))")
	}
	b.WriteString(" ORDER BY t.seq, t.n LIMIT " + b.arg(int64(limit)))
	var out []*Change
	err := s.each(ctx, b.String(), b.args, func(rows *sql.Rows) error {
		c, err := s.scanChange(rows)
		out = append(out, c)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// Trimmed returns the last write that the history no longer has; 0 where it has all.
func (s *Snapshot) Trimmed() int64 { return s.trimmed }

// History returns the newest changes of each record before a write (0: of
// all), at most limit for each, newest first, with one statement.
func (s *Snapshot) History(ctx context.Context, ids []string, before int64, limit int) (map[string][]*Change, error) {
	b := &builder{}
	acct := b.arg(s.account)
	b.WriteString(selectChange + " FROM json_each(" + b.list(ids) + ") p CROSS JOIN change t INDEXED BY change_record WHERE t.account_id = " + acct +
		" AND t.record_id = p.value AND t.seq IN (SELECT c.seq FROM change c INDEXED BY change_record WHERE c.account_id = " + acct +
		" AND c.record_id = p.value")
	if before > 0 {
		b.and("c.seq < " + b.arg(before))
	}
	b.WriteString(" ORDER BY c.seq DESC LIMIT " + b.arg(int64(limit)) + ") ORDER BY p.key, t.seq DESC")
	out := make(map[string][]*Change, len(ids))
	err := s.each(ctx, b.String(), b.args, func(rows *sql.Rows) error {
		c, err := s.scanChange(rows)
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
