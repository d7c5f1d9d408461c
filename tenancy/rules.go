package tenancy

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"gatehouse/shards"
)

// What the directory accepts as input. bun writes values into the SQL text, so
// nothing with a control character may come as far as a statement of bun's.

// refuse returns an error for input that the person at the command can mend.
func refuse(format string, args ...any) error {
	return &shards.Error{Code: shards.BadRequest, Message: fmt.Sprintf(format, args...)}
}

// checkName is for names of accounts and ids of shards.
func checkName(what, s string) error {
	ok := s != "" && len(s) <= 63 && s[0] != '-' // a leading hyphen reads as a flag of a command
	for i := 0; ok && i < len(s); i++ {
		ok = isLower(s[i]) || isDigit(s[i]) || s[i] == '-'
	}
	if !ok {
		return refuse("%s must be 1 to 63 characters of a-z, 0-9 and -, not beginning with -", what)
	}
	return nil
}

// checkID is for ids of accounts, which come from outside or from NewID.
func checkID(what, s string) error {
	if !validID(s) {
		return refuse("%s must be 1 to 63 characters of A-Z, a-z, 0-9, _ and -, not beginning with -", what)
	}
	return nil
}

func validID(s string) bool {
	if s == "" || len(s) > 63 || s[0] == '-' {
		return false
	}
	for i := range len(s) {
		if !isLower(s[i]) && !isUpper(s[i]) && !isDigit(s[i]) && s[i] != '_' && s[i] != '-' {
			return false
		}
	}
	return true
}

// checkText is for what people may word freely.
func checkText(what, s string, maxRunes int) error {
	switch {
	case strings.TrimSpace(s) == "":
		return refuse("%s is missing", what)
	case !printable(s):
		return refuse("%s must be text without control characters", what)
	case utf8.RuneCountInString(s) > maxRunes:
		return refuse("%s must be at most %d characters", what, maxRunes)
	}
	return nil
}

// printable reports whether s is UTF-8 without control characters; that also
// rules out NUL, which PostgreSQL can't store.
func printable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}

// plainText is printable text in lines.
func plainText(s string) bool {
	return printable(strings.NewReplacer("\n", "", "\r", "", "\t", "").Replace(s))
}

func isLower(c byte) bool { return 'a' <= c && c <= 'z' }
func isUpper(c byte) bool { return 'A' <= c && c <= 'Z' }
func isDigit(c byte) bool { return '0' <= c && c <= '9' }
