package resolvers

import (
	"bytes"

	"gatehouse/shards"
)

// inputJSON returns a generated input as JSON: a merge patch, in which absent
// fields are absent. gqlgen's Omittable escapes for HTML on the way, which
// would make a text up to six times as long; that is undone here.
func inputJSON(input any) ([]byte, error) {
	text, err := shards.Marshal(input)
	if err != nil || !bytes.Contains(text, []byte(`\u`)) {
		return text, err
	}
	out := make([]byte, 0, len(text))
	for len(text) > 0 {
		at := bytes.IndexByte(text, '\\')
		if at < 0 {
			return append(out, text...), nil
		}
		out, text = append(out, text[:at]...), text[at:]
		n := 2 // an escape is two bytes, or six
		if text[1] == 'u' {
			n = 6
		}
		switch string(text[:n]) {
		case `\u003c`:
			out = append(out, '<')
		case `\u003e`:
			out = append(out, '>')
		case `\u0026`:
			out = append(out, '&')
		default:
			out = append(out, text[:n]...)
		}
		text = text[n:]
	}
	return out, nil
}
