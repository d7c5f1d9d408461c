package shards

import (
	"strings"

	"github.com/google/uuid"
)

// The alphabet of Crockford's base 32 in lower case, as TypeID uses it.
const alphabet = "0123456789abcdefghjkmnpqrstvwxyz"

const suffixLength = 26

// NewID returns a new TypeID (version 0.3) over a UUIDv7: prefix, underscore
// and 26 characters that sort by the time of their making.
func NewID(prefix string) string {
	return FormatID(prefix, uuid.Must(uuid.NewV7()))
}

// FormatID prints u as a TypeID.
func FormatID(prefix string, u uuid.UUID) string {
	var s [suffixLength]byte
	// 26 characters of 5 bits hold 130; the first carries only 3 of them.
	var acc uint32
	bits, at := 0, suffixLength
	for i := len(u) - 1; i >= 0; i-- {
		acc |= uint32(u[i]) << bits
		for bits += 8; bits >= 5; bits -= 5 {
			at--
			s[at] = alphabet[acc&31]
			acc >>= 5
		}
	}
	s[0] = alphabet[acc]
	return prefix + "_" + string(s[:])
}

// IDPrefix returns the prefix of a well-formed id, and false for anything else.
func IDPrefix(id string) (string, bool) {
	at := len(id) - suffixLength - 1
	if at < 1 || at > 63 || id[at] != '_' || id[at+1] > '7' {
		return "", false
	}
	for _, c := range []byte(id[at+1:]) {
		if strings.IndexByte(alphabet, c) < 0 {
			return "", false
		}
	}
	for i, c := range []byte(id[:at]) {
		if (c < 'a' || c > 'z') && (c != '_' || i == 0 || i == at-1) {
			return "", false
		}
	}
	return id[:at], true
}
