package resolvers

import (
	"bytes"
	"reflect"
	"strings"

	"github.com/99designs/gqlgen/graphql"

	"gatehouse/shards"
)

// inputObject returns what a generated input, a struct, says: a merge patch, in
// which absent fields are absent. Most fields are texts, which need no encoder.
func inputObject(input any) (shards.Object, error) {
	v := reflect.ValueOf(input)
	of := v.Type()
	out := make(shards.Object, v.NumField())
	for i := range v.NumField() {
		name, option, _ := strings.Cut(of.Field(i).Tag.Get("json"), ",")
		field := v.Field(i)
		if option == "omitzero" && field.IsZero() {
			continue
		}
		switch x := field.Interface().(type) {
		case string:
			out[name] = shards.Quote(x)
		case graphql.Omittable[*string]:
			out[name] = "null"
			if s := x.Value(); s != nil {
				out[name] = shards.Quote(*s)
			}
		default:
			text, err := inputJSON(x)
			if err != nil {
				return nil, err
			}
			out[name] = string(text)
		}
	}
	return out, nil
}

// inputJSON returns a generated input, a list of them, or a part of one, as JSON.
// gqlgen's Omittable escapes for HTML on the way, which would make a text up to
// six times as long; that is undone here.
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
