package transport

import (
	"encoding/json"
	"strings"
	"unicode/utf16"
)

// reader reads JSON text that is valid, and that checkText has let pass, as
// encoding/json does: a fuzz test compares them. It copies what it returns, so
// that nothing keeps a whole body.
type reader struct {
	text []byte
	at   int
}

// value reads a value; numbers as json.Number, so that nothing is rounded.
func (r *reader) value() any {
	switch r.peek() {
	case '{':
		out := map[string]any{}
		for r.into('}') {
			name := r.name()
			out[name] = r.value()
		}
		return out
	case '[':
		out := []any{}
		for r.into(']') {
			out = append(out, r.value())
		}
		return out
	case '"':
		return r.string()
	case 't':
		r.at += len("true")
		return true
	case 'f':
		r.at += len("false")
		return false
	case 'n':
		r.at += len("null")
		return nil
	}
	return json.Number(r.raw())
}

// raw returns a value as it stands there.
func (r *reader) raw() []byte {
	switch r.peek() {
	case '{', '[':
		return r.container()
	case '"':
		from := r.at
		r.at = r.end(from+1) + 1
		return r.text[from:r.at]
	}
	from := r.at
	for r.at < len(r.text) && strings.IndexByte(" \t\r\n,]}", r.text[r.at]) < 0 {
		r.at++
	}
	return r.text[from:r.at]
}

// container is raw for an object or a list.
func (r *reader) container() []byte {
	from, depth := r.at, 0
	for {
		switch r.text[r.at] {
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		case '"':
			r.at = r.end(r.at + 1)
		}
		r.at++
		if depth == 0 {
			return r.text[from:r.at]
		}
	}
}

// into steps to the next element of the object or list that ends with end, and
// reports whether there is one.
func (r *reader) into(end byte) bool {
	switch r.peek() {
	case '{', '[', ',': // it begins, or an element has been read
		r.at++
		if r.peek() != end {
			return true
		}
	}
	r.at++
	return false
}

// name reads the name of a member, and the colon behind it.
func (r *reader) name() string {
	r.peek()
	name := r.string()
	r.peek()
	r.at++
	return name
}

// peek returns the next byte that is no space.
func (r *reader) peek() byte {
	for {
		switch c := r.text[r.at]; c {
		case ' ', '\t', '\r', '\n':
			r.at++
		default:
			return c
		}
	}
}

// string reads the text that begins here.
func (r *reader) string() string {
	from := r.at + 1
	for i := from; ; i++ {
		switch r.text[i] {
		case '"':
			r.at = i + 1
			return string(r.text[from:i])
		case '\\':
			to := r.end(i)
			r.at = to + 1
			return unescaped(r.text[from:to])
		}
	}
}

// end returns where the text ends, of which something is at i.
func (r *reader) end(i int) int {
	for r.text[i] != '"' {
		if r.text[i] == '\\' {
			i++
		}
		i++
	}
	return i
}

// unescaped returns what a text with escape sequences stands for.
func unescaped(text []byte) string {
	var out strings.Builder
	out.Grow(len(text))
	for i := 0; i < len(text); {
		if text[i] != '\\' {
			out.WriteByte(text[i])
			i++
			continue
		}
		if unit := codeUnit(text[i:]); unit >= 0 {
			c := rune(unit)
			i += 6
			if utf16.IsSurrogate(c) {
				c = utf16.DecodeRune(c, rune(codeUnit(text[i:])))
				i += 6
			}
			out.WriteRune(c)
			continue
		}
		switch c := text[i+1]; c {
		case 'b':
			out.WriteByte('\b')
		case 'f':
			out.WriteByte('\f')
		case 'n':
			out.WriteByte('\n')
		case 'r':
			out.WriteByte('\r')
		case 't':
			out.WriteByte('\t')
		default: // ", \ and /
			out.WriteByte(c)
		}
		i += 2
	}
	return out.String()
}
