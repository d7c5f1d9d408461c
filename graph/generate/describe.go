package main

import (
	"fmt"
	"strings"
)

// AsRead describes the record: what was written by hand, and the scopes.
func (e *entity) AsRead() string {
	text := fmt.Sprintf("%s\nReading %s needs `%s:read`, writing them `%s:write`.", oneLine(e.def.Description), e.Nouns(), e.Plural, e.Plural)
	var edges []string
	for _, f := range e.where(func(f *field) bool { return f.target != nil }) {
		edges = append(edges, "`"+f.Name+"`")
	}
	if len(edges) > 0 {
		text += fmt.Sprintf(" Reading an edge, such as %s, needs the read scope of what it leads to.", either(edges[:min(2, len(edges))]))
	}
	return text
}

// AsRead describes the field of the record.
func (f *field) AsRead() string {
	text := sentences{oneLine(f.Description)}
	text.addIf(f.Has("required"), "Every %s has one.", f.of.Noun())
	text.addIf(f.Has("unique"), "Unique among the %s of the account.", f.of.Nouns())
	text.addIf(f.Type.Elem != nil && f.Type.NonNull, "Empty where there are none.")
	text.addIf(f.Has("readonly"), "Set by the gateway.")
	if f.target != nil {
		text.add("Reading it needs `%s:read`.", f.target.Plural)
	}
	return text.String()
}

// AsFilter describes the filter: "The team that cares." makes "By the team that cares."
func (f *field) AsFilter() string {
	text := sentences{"By " + f.clause() + "."}
	text.addIf(f.kind == one && !f.Has("required"), "isNull: true finds those without one.")
	return text.String()
}

// AsSort describes the value of the order's enum.
func (f *field) AsSort() string { return "By " + f.Name + ": " + f.clause() + "." }

// AsCreate describes the field of the input that creates.
func (f *field) AsCreate() string {
	text := f.asInput()
	if f.Has("default") {
		text.add("%s unless said otherwise.", first(f.Default()))
	}
	text.addIf((f.kind == list || f.kind == json) && f.Type.NonNull, "Empty where absent.")
	return text.String()
}

// AsPatch describes the field of the patch.
func (f *field) AsPatch() string {
	text := f.asInput()
	text.addIf(f.kind == list, "Replaces all that were there.")
	text.addIf(f.kind == json, "Merged key by key at every depth, as RFC 7396 says: an absent key stays, a key that is null goes, any other is written. Limits hold after the change.")
	text.addIf(f.kind == object, "Give the whole of it, with null for what it lacks.")
	switch {
	case f.always():
		text.add("Cannot be cleared.")
	case f.kind == list && f.Type.NonNull:
		text.add("Null empties the list.")
	case f.Type.NonNull:
		text.add("Null empties it.")
	default:
		text.add("Null clears it.")
	}
	return text.String()
}

// asInput says what both inputs say.
func (f *field) asInput() sentences {
	text := sentences{oneLine(f.Description)}
	if f.kind == one {
		if rest, ok := strings.CutPrefix(text[0], "The "); ok {
			text[0] = "The id of the " + rest
		} else {
			text[0] = "The id of the " + f.target.Noun() + ": " + inside(text[0])
		}
	}
	text.addIf(f.Has("unique"), "TAKEN where another %s of the account has it.", f.of.Noun())
	text.addIf(f.kind == one, "NOT_FOUND where the account has none with this id.")
	return text
}

// clause is the beginning of the description: "The day it is due, if any." makes "the day it is due".
func (f *field) clause() string {
	text := strings.TrimSuffix(oneLine(f.Description), ".")
	if i := strings.IndexAny(text, ".,;:("); i > 0 {
		text = text[:i]
	}
	return inside(strings.TrimSpace(text))
}

type sentences []string

func (s *sentences) add(format string, args ...any) { *s = append(*s, fmt.Sprintf(format, args...)) }

func (s *sentences) addIf(ok bool, format string, args ...any) {
	if ok {
		s.add(format, args...)
	}
}

func (s sentences) String() string { return strings.Join(s, " ") }
