package shards

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Fold returns s in the form in which texts are compared without regard to
// case: Unicode's full case folding of the composed form (NFC). The engines
// can't do it alike, SQLite knows only ASCII, so the gateway does it for both.
func Fold(s string) string {
	if isASCII(s) {
		return strings.ToLower(s)
	}
	// Folding may decompose, composing may bring back an upper case: twice is stable.
	return norm.NFC.String(cases.Fold().String(strings.Map(cherokee, norm.NFC.String(s))))
}

// cherokee returns the capital of a small Cherokee letter, and everything else
// as it is: cases.Fold makes the capitals small and the small ones capitals.
func cherokee(r rune) rune {
	switch {
	case 0x13F8 <= r && r <= 0x13FD:
		return r - 8
	case 0xAB70 <= r && r <= 0xABBF:
		return r - 0xAB70 + 0x13A0
	}
	return r
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
