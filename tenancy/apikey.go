package tenancy

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"hash/crc32"
	"strings"
)

// An API key reads gk_<id>_<secret><checksum>, 69 characters:
//
//	id        16 of a-z2-7: the look-up part, not secret, fine in logs
//	secret    43 of base64url: 256 random bits
//	checksum  6 of 0-9A-Za-z: CRC-32 of what comes before
//
// The checksum refuses typing errors, and lets scanners of source code tell a
// leaked key from noise, without a look-up. The secret is random throughout,
// so a plain SHA-256 is all that has to be stored of it.
const (
	keyPrefix      = "gk_"
	keyIDLength    = 16
	secretLength   = 43
	checksumLength = 6
	secretAt       = len(keyPrefix) + keyIDLength + 1
	checksumAt     = secretAt + secretLength
	keyLength      = checksumAt + checksumLength
)

// newKey makes a key: its look-up part and its whole text.
func newKey() (id, text string) {
	id = strings.ToLower(rand.Text()[:keyIDLength])
	secret := make([]byte, sha256.Size)
	_, _ = rand.Read(secret) // never fails, it would end the process
	text = keyPrefix + id + "_" + base64.RawURLEncoding.EncodeToString(secret)
	return id, text + checksum(text)
}

// splitKey returns the look-up part and the secret of a well-formed key. It
// does not allocate.
func splitKey(text string) (id, secret string, ok bool) {
	if len(text) != keyLength || text[:len(keyPrefix)] != keyPrefix || text[secretAt-1] != '_' {
		return "", "", false
	}
	id, secret = text[len(keyPrefix):secretAt-1], text[secretAt:checksumAt]
	for i := range len(id) {
		if !isLower(id[i]) && (id[i] < '2' || id[i] > '7') {
			return "", "", false
		}
	}
	for i := range len(secret) {
		if c := secret[i]; !isLower(c) && !isUpper(c) && !isDigit(c) && c != '-' && c != '_' {
			return "", "", false
		}
	}
	if !checksumHolds(text) {
		return "", "", false
	}
	return id, secret, true
}

const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

func appendChecksum(b []byte, sum uint32) []byte {
	var digits [checksumLength]byte
	for i := len(digits) - 1; i >= 0; i-- {
		digits[i] = base62[sum%62]
		sum /= 62
	}
	return append(b, digits[:]...)
}

func checksum(body string) string {
	return string(appendChecksum(nil, crc32.ChecksumIEEE([]byte(body))))
}

func checksumHolds(text string) bool {
	var buffer [keyLength]byte
	body := append(buffer[:0], text[:checksumAt]...)
	want := appendChecksum(body, crc32.ChecksumIEEE(body))
	return string(want[checksumAt:]) == text[checksumAt:]
}

// hashSecret is what the directory stores of a key's secret.
func hashSecret(secret string) [sha256.Size]byte {
	var buffer [secretLength]byte
	return sha256.Sum256(append(buffer[:0], secret...))
}

func parseHash(text string) (hash [sha256.Size]byte, err error) {
	b, err := hex.DecodeString(text)
	if err == nil && len(b) != len(hash) {
		err = errors.New("wrong length")
	}
	if err != nil {
		return hash, errors.New("an API key's hash in the directory is damaged")
	}
	copy(hash[:], b)
	return hash, nil
}

// matches compares in constant time. Without a key (k is zero) it does the
// same work and never holds: the zero hash is no secret's hash.
func (k *Key) matches(secret string) bool {
	got := hashSecret(secret)
	return subtle.ConstantTimeCompare(got[:], k.hash[:]) == 1
}
