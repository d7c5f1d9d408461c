package main

import (
	"strings"
	"text/template"
	"unicode"
	"unicode/utf8"
)

// english is what the template needs to write names and lists as prose.
func english() template.FuncMap {
	return template.FuncMap{"a": a, "are": are, "both": both, "concat": concat, "either": either, "first": first, "text": text, "words": words}
}

// words writes a name as prose: salesOrder is "sales order".
func words(name string) string {
	var b strings.Builder
	for i, r := range name {
		if unicode.IsUpper(r) && i > 0 {
			b.WriteByte(' ')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// a puts the article before a noun; "user" and "unit" begin with a consonant, as heard.
func a(noun string) string {
	if strings.ContainsAny(noun[:1], "aeio") {
		return "an " + noun
	}
	return "a " + noun
}

func are(names []string) string {
	if len(names) == 1 {
		return "is"
	}
	return "are"
}

func both(names []string) string   { return series(names, " and ") }
func either(names []string) string { return series(names, " or ") }

func series(names []string, last string) string {
	n := len(names) - 1
	if n < 1 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:n], ", ") + last + names[n]
}

// concat makes one list of names and lists of them.
func concat(parts ...any) (all []string) {
	for _, part := range parts {
		switch part := part.(type) {
		case string:
			all = append(all, part)
		case []string:
			all = append(all, part...)
		}
	}
	return all
}

func first(s string) string {
	_, n := utf8.DecodeRuneInString(s)
	return strings.ToUpper(s[:n]) + s[n:]
}

func lowerFirst(s string) string {
	_, n := utf8.DecodeRuneInString(s)
	return strings.ToLower(s[:n]) + s[n:]
}

// inside writes a sentence as it goes on inside another: "The day" is "the day", but "VAT due" stays.
func inside(s string) string {
	if len(s) > 1 && unicode.IsUpper(rune(s[1])) {
		return s
	}
	return lowerFirst(s)
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// text writes a description as SDL has it.
func text(s string) string { return `"""` + "\n" + strings.ReplaceAll(s, `"""`, `\"""`) + "\n" + `"""` }
