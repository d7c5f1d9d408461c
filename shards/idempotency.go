package shards

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"
)

// keepKeys is how long a write's idempotency key answers for it.
const keepKeys = 24 * time.Hour

// answer is what is kept of a write for its repetition.
type answer struct {
	At      string          `json:"at"`
	Refused []Refusal       `json:"refused,omitzero"`
	Memo    json.RawMessage `json:"memo,omitzero"`
}

// replay returns what the write with this key did, nil where there was none.
func replay(ctx context.Context, c *conn, account string, epoch int64, key *IdempotencyKey, now time.Time) (*Committed, error) {
	var input, result string
	var seq int64
	err := c.one(ctx, "SELECT input, seq, result FROM idempotency WHERE account_id = ?1 AND key = ?2 AND field = ?3 AND at >= ?4",
		[]any{account, key.Key, key.Field, expired(now)}, &input, &seq, &result)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if input != key.Input {
		return nil, &Error{Code: IdempotencyMismatch, Message: "the idempotency key was used before, with another input"}
	}
	var a answer
	if err := json.Unmarshal([]byte(result), &a); err != nil {
		return nil, err
	}
	return &Committed{Position: Position{epoch, seq}, At: a.At, Refused: a.Refused, Replayed: true, Memo: a.Memo}, nil
}

// remember keeps what a write did, in its own transaction, and forgets what is too old.
func remember(ctx context.Context, c *conn, account string, write *Write, out Committed) error {
	at, err := time.Parse(TimeFormat, out.At)
	if err != nil {
		return err
	}
	if _, err := c.exec(ctx, "DELETE FROM idempotency WHERE account_id = ?1 AND at < ?2", account, expired(at)); err != nil {
		return err
	}
	result, err := json.Marshal(answer{At: out.At, Refused: out.Refused, Memo: write.Memo})
	if err != nil {
		return err
	}
	_, err = c.exec(ctx, "INSERT INTO idempotency (account_id, key, field, input, seq, result, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
		account, write.Key.Key, write.Key.Field, write.Key.Input, out.Position.Seq, string(result), out.At)
	return err
}

func expired(now time.Time) string { return now.Add(-keepKeys).UTC().Format(TimeFormat) }

// Replay returns what the write with this key did, nil where there was none.
// A key that was used with another input is IDEMPOTENCY_MISMATCH.
func (s *Snapshot) Replay(ctx context.Context, key *IdempotencyKey) (*Committed, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn == nil {
		return nil, errors.New("read through a closed snapshot")
	}
	return replay(ctx, s.conn, s.account, s.Position.Epoch, key, s.shard.opts.Now())
}
