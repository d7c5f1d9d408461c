package shards

import (
	"context"
	"encoding/json"
	"time"
)

const (
	// keepKeys is how long a write's idempotency key answers for it.
	keepKeys = 24 * time.Hour
	// maxForgotten is how many keys a write forgets: more than it adds, so that
	// they don't pile up, and few, since others wait for its transaction.
	maxForgotten = 100
)

// answer is what is kept of a write for its repetition.
type answer struct {
	At      string          `json:"at"`
	Refused []Refusal       `json:"refused,omitzero"`
	Memo    json.RawMessage `json:"memo,omitzero"`
}

// replayOf renders the look for what the write with a key did.
func replayOf(b *builder, key *IdempotencyKey, now time.Time) {
	b.WriteString("SELECT input, seq, result FROM idempotency WHERE account_id = " + b.account)
	b.and("key = " + b.arg(key.Key))
	b.and("field = " + b.arg(key.Field))
	b.and("at >= " + b.arg(expired(now)))
}

// replayed reads a row of replayOf.
func replayed(row scanner, epoch int64, key *IdempotencyKey) (*Committed, error) {
	var input, result string
	var seq int64
	if err := row.Scan(&input, &seq, &result); err != nil {
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

// answerOf returns what is kept of a write.
func answerOf(w *Write, out Committed) []byte {
	text, err := json.Marshal(answer{At: out.At, Refused: out.Refused, Memo: w.Memo})
	if err != nil {
		panic("shards: a memo that is not JSON: " + err.Error())
	}
	return text
}

// remember keeps what a write did, in its own transaction, and forgets what is too old.
func remember(ctx context.Context, c *conn, account string, write *Write, out Committed) error {
	at, err := time.Parse(TimeFormat, out.At)
	if err != nil {
		return err
	}
	if _, err := c.exec(ctx, `DELETE FROM idempotency WHERE account_id = ?1 AND at <= (SELECT max(at) FROM
		(SELECT at FROM idempotency WHERE account_id = ?1 AND at < ?2 ORDER BY at LIMIT ?3))`, account, expired(at), maxForgotten); err != nil {
		return err
	}
	// It replaces one that is too old: any other was found before.
	_, err = c.exec(ctx, "INSERT OR REPLACE INTO idempotency (account_id, key, field, input, seq, result, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
		account, write.Key.Key, write.Key.Field, write.Key.Input, out.Position.Seq, string(answerOf(write, out)), out.At)
	return err
}

func expired(now time.Time) string { return now.Add(-keepKeys).UTC().Format(TimeFormat) }

// Replay returns what the write with this key did, nil where there was none.
// A key that was used with another input is IDEMPOTENCY_MISMATCH.
func (s *Snapshot) Replay(ctx context.Context, key *IdempotencyKey) (*Committed, error) {
	var out *Committed
	err := s.each(ctx, func(b *builder) { replayOf(b, key, s.shard.opts.Now()) }, func(row scanner) (err error) {
		out, err = replayed(row, s.head.Epoch, key)
		return err
	})
	return out, err
}
