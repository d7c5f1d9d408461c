package shards

import (
	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Fold returns s in the form in which texts are compared without regard to
// case: Unicode's full case folding of the composed form (NFC). The engines
// can't do it alike, SQLite knows only ASCII, so the gateway does it for both.
func Fold(s string) string {
	ascii := true
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= 0x80 || 'A' <= c && c <= 'Z' {
			ascii = false
			break
		}
	}
	if ascii {
		return s
	}
	// Folding may decompose, composing may bring back an upper case: twice is stable.
	return norm.NFC.String(cases.Fold().String(norm.NFC.String(s)))
}
