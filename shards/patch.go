package shards

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/tidwall/gjson"
)

// Object is a JSON object that is being worked on: its members by their names,
// each as JSON without white space between its parts. Values are left as they
// were written, so that numbers of any size survive.
type Object map[string]string

var errNotObject = errors.New("not a JSON object")

// maxDepth bounds the recursion of Merge and Diff.
const maxDepth = 64

var errDepth = errors.New("JSON nested deeper than 64 levels")

// ParseObject reads a JSON object; the last of several members of one name counts.
func ParseObject(text []byte) (Object, error) {
	var compact bytes.Buffer
	compact.Grow(len(text))
	if err := json.Compact(&compact, text); err != nil {
		return nil, errNotObject
	}
	o, ok := asObject(compact.String())
	if !ok {
		return nil, errNotObject
	}
	return o, nil
}

// asObject reads the members of an object that is known to be compact JSON.
func asObject(text string) (Object, bool) {
	if !strings.HasPrefix(text, "{") {
		return nil, false
	}
	o := Object{}
	gjson.Parse(text).ForEach(func(key, value gjson.Result) bool {
		name := key.Raw[1 : len(key.Raw)-1]
		if strings.IndexByte(name, '\\') >= 0 || !utf8.ValidString(name) {
			name = ""
			_ = json.Unmarshal([]byte(key.Raw), &name) // it is a text
		}
		o[name] = value.Raw
		return true
	})
	return o, true
}

// JSON prints the object with its keys sorted.
func (o Object) JSON() []byte {
	n := 2
	for name, value := range o {
		n += len(name) + len(value) + 4
	}
	out := append(make([]byte, 0, n), '{')
	for _, name := range slices.Sorted(maps.Keys(o)) {
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(append(append(out, Quote(name)...), ':'), o[name]...)
	}
	return append(out, '}')
}

// Quote returns a text as JSON.
func Quote(text string) string {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c >= utf8.RuneSelf || c == '"' || c == '\\' {
			quoted, err := Marshal(text)
			if err != nil {
				panic("shards: a text that is not JSON: " + err.Error())
			}
			return string(quoted)
		}
	}
	return `"` + text + `"`
}

// Merge applies an RFC 7396 merge patch to o.
func (o Object) Merge(patch Object) error { return o.merge(patch, 0) }

func (o Object) merge(patch Object, depth int) error {
	if depth > maxDepth {
		return errDepth
	}
	for name, value := range patch {
		if value == "null" {
			delete(o, name)
			continue
		}
		sub, ok := asObject(value)
		if !ok {
			o[name] = value
			continue
		}
		old, ok := asObject(o[name])
		if !ok {
			old = Object{}
		}
		if err := old.merge(sub, depth+1); err != nil {
			return err
		}
		o[name] = string(old.JSON())
	}
	return nil
}

// Diff returns the RFC 7396 merge patch that turns o into another object; an
// empty one where they are equal. Nulls inside of it can't be told from
// absence, as in any merge patch.
func (o Object) Diff(to Object) (Object, error) { return o.diff(to, 0) }

func (o Object) diff(to Object, depth int) (Object, error) {
	if depth > maxDepth {
		return nil, errDepth
	}
	patch := Object{}
	for name := range o {
		if _, ok := to[name]; !ok {
			patch[name] = "null"
		}
	}
	for name, value := range to {
		old, ok := o[name]
		if ok && old == value {
			continue
		}
		from, isObject := asObject(old)
		into, isObject2 := asObject(value)
		if !isObject || !isObject2 {
			patch[name] = value
			continue
		}
		sub, err := from.diff(into, depth+1)
		if err != nil {
			return nil, err
		}
		if len(sub) > 0 {
			patch[name] = string(sub.JSON())
		}
	}
	return patch, nil
}

// Merge applies an RFC 7396 merge patch to target, a JSON object, and returns
// the result with its keys sorted. An empty target counts as {}.
func Merge(target, patch []byte) ([]byte, error) {
	if len(target) == 0 {
		target = []byte("{}")
	}
	return combine(target, patch, func(t, p Object) (Object, error) { return t, t.Merge(p) })
}

// Diff returns the merge patch that turns one JSON object into another.
func Diff(from, to []byte) ([]byte, error) { return combine(from, to, Object.Diff) }

func combine(a, b []byte, f func(a, b Object) (Object, error)) ([]byte, error) {
	x, err := ParseObject(a)
	if err != nil {
		return nil, err
	}
	y, err := ParseObject(b)
	if err != nil {
		return nil, err
	}
	out, err := f(x, y)
	if err != nil {
		return nil, err
	}
	return out.JSON(), nil
}

// Marshal prints v as JSON with the keys of maps sorted and without HTML
// escaping, which would make a text up to six times as long.
func Marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
