package shards

import (
	"bytes"
	"encoding/json"
	"errors"
)

// object is a JSON object whose values are left as they were written, so that
// numbers of any size survive.
type object = map[string]json.RawMessage

var errNotObject = errors.New("not a JSON object")

// maxDepth bounds the recursion of Merge and Diff.
const maxDepth = 64

var errDepth = errors.New("JSON nested deeper than 64 levels")

// Merge applies an RFC 7396 merge patch to target, a JSON object, and returns
// the result with its keys sorted. An empty target counts as {}.
func Merge(target, patch []byte) ([]byte, error) {
	t, ok := asObject(target)
	if !ok && len(target) > 0 {
		return nil, errNotObject
	}
	p, ok := asObject(patch)
	if !ok {
		return nil, errNotObject
	}
	merged, err := merge(t, p, 0)
	if err != nil {
		return nil, err
	}
	return encode(merged)
}

func merge(target, patch object, depth int) (object, error) {
	if depth > maxDepth {
		return nil, errDepth
	}
	if target == nil {
		target = make(object, len(patch))
	}
	for key, value := range patch {
		if isNull(value) {
			delete(target, key)
			continue
		}
		sub, ok := asObject(value)
		if !ok {
			target[key] = value
			continue
		}
		old, _ := asObject(target[key])
		merged, err := merge(old, sub, depth+1)
		if err != nil {
			return nil, err
		}
		if target[key], err = encode(merged); err != nil {
			return nil, err
		}
	}
	return target, nil
}

// Diff returns the RFC 7396 merge patch that turns the JSON object from into
// to; {} where they are equal. Nulls inside to can't be told from absence, as
// in any merge patch.
func Diff(from, to []byte) ([]byte, error) {
	f, ok := asObject(from)
	t, ok2 := asObject(to)
	if !ok || !ok2 {
		return nil, errNotObject
	}
	patch, err := diff(f, t, 0)
	if err != nil {
		return nil, err
	}
	return encode(patch)
}

func diff(from, to object, depth int) (object, error) {
	if depth > maxDepth {
		return nil, errDepth
	}
	patch := object{}
	for key := range from {
		if _, ok := to[key]; !ok {
			patch[key] = json.RawMessage("null")
		}
	}
	for key, value := range to {
		old, ok := from[key]
		if ok && sameJSON(old, value) {
			continue
		}
		o, isObject := asObject(old)
		v, isObject2 := asObject(value)
		if !ok || !isObject || !isObject2 {
			patch[key] = value
			continue
		}
		sub, err := diff(o, v, depth+1)
		if err != nil {
			return nil, err
		}
		if len(sub) == 0 {
			continue
		}
		if patch[key], err = encode(sub); err != nil {
			return nil, err
		}
	}
	return patch, nil
}

func asObject(raw []byte) (object, bool) {
	raw = bytes.TrimLeft(raw, " \t\r\n")
	if len(raw) == 0 || raw[0] != '{' {
		return nil, false
	}
	var o object
	if json.Unmarshal(raw, &o) != nil {
		return nil, false
	}
	return o, true
}

func isNull(raw []byte) bool { return string(bytes.TrimSpace(raw)) == "null" }

func sameJSON(a, b []byte) bool {
	if bytes.Equal(a, b) {
		return true
	}
	var x, y bytes.Buffer
	return json.Compact(&x, a) == nil && json.Compact(&y, b) == nil && bytes.Equal(x.Bytes(), y.Bytes())
}

func encode(o object) ([]byte, error) { return Marshal(o) }

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
