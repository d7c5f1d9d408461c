package shards

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"hash"
	"sync"
)

// Position is a point in one account's history. Positions of one account are
// ordered by Epoch, then Seq.
type Position struct {
	// Epoch counts the places where the account's history has lived.
	Epoch int64
	// Seq is the number of the last write that the position covers; 0 is the
	// beginning of the history.
	Seq int64
}

// Before reports whether p is an earlier position than q.
func (p Position) Before(q Position) bool {
	return p.Epoch < q.Epoch || p.Epoch == q.Epoch && p.Seq < q.Seq
}

const (
	bookmarkVersion = 1
	macSize         = 8
	minSecret       = 32
	maxToken        = 4096 // bytes; a longer bookmark or cursor is not ours
)

// Keyring signs the tokens that callers keep, bookmarks and cursors, and
// checks them when they come back. It is safe for concurrent use.
type Keyring struct {
	signers []*signer

	mu sync.Mutex
	// printed are the last bookmarks of accounts: most responses have the same
	// as the one before.
	printed map[string]bookmark
}

type bookmark struct {
	at   Position
	text string
}

// maxPrinted bounds the bookmarks that are kept; beyond it all are printed anew.
const maxPrinted = 20_000

// NewKeyring returns a keyring that signs with the first secret and accepts
// all of them, so that a secret can be rotated. Each has at least 32 bytes.
func NewKeyring(secrets ...[]byte) (*Keyring, error) {
	if len(secrets) == 0 {
		return nil, errors.New("a keyring needs a secret")
	}
	k := &Keyring{printed: map[string]bookmark{}}
	for _, s := range secrets {
		if len(s) < minSecret {
			return nil, errors.New("a secret needs at least 32 bytes")
		}
		k.signers = append(k.signers, newSigner(bytes.Clone(s)))
	}
	return k, nil
}

// seal returns payload behind its MAC as URL-safe base64. The MAC covers scope
// too, which the token does not contain: it opens only for the same scope.
func (k *Keyring) seal(payload []byte, scope ...string) string {
	mac := k.signers[0].mac(payload, scope)
	return base64.RawURLEncoding.EncodeToString(append(mac[:], payload...))
}

// open returns the payload of a token that was sealed for scope.
func (k *Keyring) open(token string, scope ...string) ([]byte, bool) {
	if len(token) > maxToken {
		return nil, false
	}
	// Strict: one token has one spelling, else a "different" bookmark would verify.
	raw, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(raw) < macSize {
		return nil, false
	}
	for _, s := range k.signers {
		if mac := s.mac(raw[macSize:], scope); hmac.Equal(mac[:], raw[:macSize]) {
			return raw[macSize:], true
		}
	}
	return nil, false
}

// signer makes MACs under one secret, and keeps what is costly to make. It is
// safe for concurrent use.
type signer struct{ idle sync.Pool }

func newSigner(secret []byte) *signer {
	return &signer{sync.Pool{New: func() any { return hmac.New(sha256.New, secret) }}}
}

func (s *signer) mac(payload []byte, scope []string) (out [macSize]byte) {
	text := make([]byte, 0, 128+len(payload))
	for _, part := range scope { // each with its length, so that no two scopes read alike
		text = append(binary.BigEndian.AppendUint32(text, uint32(len(part))), part...)
	}
	text = append(text, payload...)
	h := s.idle.Get().(hash.Hash)
	h.Reset()
	h.Write(text)
	copy(out[:], h.Sum(text[:0]))
	s.idle.Put(h)
	return out
}

// Bookmark prints a position of account.
func (k *Keyring) Bookmark(account string, p Position) string {
	k.mu.Lock()
	last, ok := k.printed[account]
	k.mu.Unlock()
	if ok && last.at == p {
		return last.text
	}
	text := k.print(account, p)
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.printed) >= maxPrinted {
		clear(k.printed)
	}
	k.printed[account] = bookmark{p, text}
	return text
}

func (k *Keyring) print(account string, p Position) string {
	payload := make([]byte, 0, 1+2*binary.MaxVarintLen64)
	payload = append(payload, bookmarkVersion)
	payload = binary.AppendUvarint(payload, uint64(p.Epoch))
	payload = binary.AppendUvarint(payload, uint64(p.Seq))
	return k.seal(payload, "bookmark", account)
}

var errBookmark = &Error{Code: BookmarkInvalid, Message: "the bookmark is not one of this account"}

// ParseBookmark reads what Bookmark printed for the same account. Anything
// else, another account's bookmark too, is BOOKMARK_INVALID.
func (k *Keyring) ParseBookmark(account, text string) (Position, error) {
	payload, ok := k.open(text, "bookmark", account)
	if !ok || len(payload) == 0 || payload[0] != bookmarkVersion {
		return Position{}, errBookmark
	}
	payload = payload[1:]
	epoch, n := binary.Uvarint(payload)
	if n <= 0 {
		return Position{}, errBookmark
	}
	seq, m := binary.Uvarint(payload[n:])
	if m <= 0 || n+m != len(payload) {
		return Position{}, errBookmark
	}
	return Position{Epoch: int64(epoch), Seq: int64(seq)}, nil
}

// Mark is a row's place in an ordered list: the value it is ordered by and its
// id. A page goes on behind a Mark.
type Mark struct {
	Value any // string, int64 or nil
	ID    string
}

// Cursor prints a mark of a list of account. list names the field and the order.
func (k *Keyring) Cursor(account, list string, m Mark) string {
	payload, err := json.Marshal([]any{m.Value, m.ID})
	if err != nil {
		panic("shards: a mark that is not JSON: " + err.Error())
	}
	return k.seal(payload, "cursor", account, list)
}

var errCursor = &Error{Code: BadRequest, Message: "the cursor is not one of this list in this order"}

// ParseCursor reads what Cursor printed for the same account and list;
// anything else is BAD_REQUEST.
func (k *Keyring) ParseCursor(account, list, text string) (Mark, error) {
	payload, ok := k.open(text, "cursor", account, list)
	if !ok {
		return Mark{}, errCursor
	}
	var parts [2]json.RawMessage
	var m Mark
	if json.Unmarshal(payload, &parts) != nil || json.Unmarshal(parts[1], &m.ID) != nil {
		return Mark{}, errCursor
	}
	var number int64
	var value string
	switch {
	case string(parts[0]) == "null":
	case json.Unmarshal(parts[0], &number) == nil:
		m.Value = number
	case json.Unmarshal(parts[0], &value) == nil:
		m.Value = value
	default:
		return Mark{}, errCursor
	}
	return m, nil
}
