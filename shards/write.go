package shards

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/tidwall/gjson"
)

// ChangeKind says what a change did to its record. Its values are those of the
// schema's enum.
type ChangeKind string

const (
	Created ChangeKind = "CREATED"
	Updated ChangeKind = "UPDATED"
	Deleted ChangeKind = "DELETED"
)

// Write is everything that one commit does to an account. It is prepared from
// a read and committed as a value: no transaction is open in between, so each
// Op says which version it was prepared from.
type Write struct {
	Actor     Actor
	RequestID string
	// Key, where set, makes a repetition of this write answer as it did the first time.
	Key *IdempotencyKey
	// Memo is kept with Key for the repetition, to answer from.
	Memo json.RawMessage
	Ops  []Op
	// Partial writes the ops that the database accepts and reports the others
	// in Committed.Refused; without it one refusal undoes the whole write.
	// An op whose version has moved undoes the whole write in both.
	Partial bool
	// Absent, where set, was an empty page when the write was prepared. Where it
	// has a record by now, the whole write is a Conflict: somebody else has made
	// what the caller looked for in vain and was about to create.
	Absent *Page
}

// Op is one record's part in a Write. A record has one part in a write at most.
type Op struct {
	Kind  ChangeKind
	Table string
	ID    string
	// Version is the one that the op was prepared from; 0 for Created.
	Version int64
	// Body is the record afterwards; unused for Deleted.
	Body []byte
	// Patch is what the change log keeps: an RFC 7396 merge patch. That of Updated
	// has every field of the body that is another one afterwards.
	Patch []byte
	// Pair, where set, is put into its link table, or removed from it.
	Pair *Pair
}

// changes reports whether the op may change a field of the body.
func (o *Op) changes(field string) bool {
	return o.Patch == nil || gjson.GetBytes(o.Patch, field).Exists()
}

// Pair is a row of a link table.
type Pair struct {
	Link          Link
	Parent, Child string
	Remove        bool
}

// Reason says why the database refused an op. Its values are those of the
// schema's UserErrorCode.
type Reason string

const (
	Required Reason = "REQUIRED"
	Invalid  Reason = "INVALID"
	Taken    Reason = "TAKEN"
	NotFound Reason = "NOT_FOUND"
	Conflict Reason = "CONFLICT"
	InUse    Reason = "IN_USE"
)

// Refusal is an op that broke a rule which only the database can judge.
type Refusal struct {
	Op     int    `json:"op"`
	Reason Reason `json:"reason"`
	// Field is the body's field to blame, "" where no single one is.
	Field string `json:"field,omitzero"`
}

func (r *Refusal) Error() string {
	return fmt.Sprintf("op %d refused: %s %s", r.Op, r.Reason, r.Field)
}

// Committed is what became of a Write.
type Committed struct {
	// Position is the write's own; that of the account's head where nothing was written.
	Position Position
	// At is the time in the records and in the change log.
	At string
	// Refused are the ops of a Partial write that were left out.
	Refused []Refusal
	// Replayed: the write had been committed before, under the same key; Memo is the first one's.
	Replayed bool
	Memo     json.RawMessage
	// Spent is about how long processors of this machine worked for the write, once it
	// was with whoever writes to the shard, also where that was refused; 0 where the
	// server has a machine of its own.
	Spent time.Duration
}

// IdempotencyKey names a write that must have one effect however often it is sent.
type IdempotencyKey struct {
	Key string
	// Field is the response key of the mutation's root field: a request may have several.
	Field string
	// Input is a digest of what was asked; the same key with another one is refused.
	Input string
}

// MaxIdempotencyKey is the length of a key in bytes.
const MaxIdempotencyKey = 200
