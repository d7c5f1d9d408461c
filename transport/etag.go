package transport

import (
	"crypto/sha256"
	"encoding/base64"
	"strings"
)

// etagOf returns the entity tag of an answer: of its data at its bookmark, which
// is signed for the account, so that no tag tells anything about another's data.
// It is a weak one, since what an answer costs stands beside the data and
// differs each time, and so it may be the same in every coding.
//
// It is taken of what was read rather than of what was asked for, because an
// answer may show what no position covers, such as the caller's own account.
func etagOf(bookmark string, data []byte) string {
	h := sha256.New()
	h.Write([]byte(bookmark))
	h.Write(data) // begins with {, which no bookmark contains
	return `W/"` + base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:16]) + `"`
}

// noneMatches reports whether the If-None-Match headers rule an answer with
// this entity tag out: the client has it already. What is malformed does not.
func noneMatches(given []string, etag string) bool {
	list := strings.Trim(strings.Join(given, ","), " \t")
	if list == "*" {
		return true
	}
	for list != "" {
		list = strings.TrimLeft(list, " \t,")
		opaque, found := strings.CutPrefix(strings.TrimPrefix(list, "W/"), `"`)
		if !found {
			return false
		}
		value, rest, closed := strings.Cut(opaque, `"`)
		if !closed {
			return false
		}
		if `"`+value+`"` == strings.TrimPrefix(etag, "W/") { // the weak comparison
			return true
		}
		list = rest
	}
	return false
}
