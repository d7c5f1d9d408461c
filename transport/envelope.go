package transport

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/99designs/gqlgen/graphql"
	"github.com/tidwall/gjson"

	"gatehouse/tenancy"
)

const (
	// maxDepth is how deep objects and lists of a request may nest.
	maxDepth = 64
	// maxMembers bounds those of a body that are passed over.
	maxMembers = 32
)

// members of a request, in a body and in an address.
const (
	queryMember      = "query"
	operationMember  = "operationName"
	variablesMember  = "variables"
	extensionsMember = "extensions"
	documentIDMember = "documentId" // in place of query
)

var members = []string{queryMember, operationMember, variablesMember, extensionsMember, documentIDMember}

func malformed(message string) error { return badRequest(http.StatusBadRequest, message) }

// decode reads what is asked.
func decode(asked tenancy.Asked) (*graphql.RawParams, error) {
	if asked.Method == http.MethodGet {
		return decodeAddress(string(asked.Text))
	}
	return decodeEnvelope(asked.Text)
}

// decodeEnvelope reads a request as it is in a POST body (invariant 2). Members
// that the draft doesn't know are passed over.
func decodeEnvelope(body []byte) (*graphql.RawParams, error) {
	p, n := &graphql.RawParams{}, 0
	err := eachMember(body, maxDepth, func(r *reader, name string) error {
		if n++; n > maxMembers {
			return malformed("the body has too many members")
		}
		return setMember(p, name, r.value())
	})
	if err != nil {
		return nil, err
	}
	return checkParams(p)
}

// eachMember has take read the value of each member of a JSON object, which is
// all of the text.
func eachMember(text []byte, maxDepth int, take func(r *reader, name string) error) error {
	if err := checkText(text, maxDepth); err != nil {
		return err
	}
	if !gjson.ValidBytes(text) {
		return notJSON(text)
	}
	r := &reader{text: text}
	if r.peek() != '{' {
		return notAnObject()
	}
	seen := map[string]bool{}
	for r.into('}') {
		name := r.name()
		if seen[name] {
			return malformed("the body has a member twice")
		}
		seen[name] = true
		if err := take(r, name); err != nil {
			return err
		}
	}
	return nil
}

// decodeMembers returns the members of a JSON object as they stand there.
func decodeMembers(text []byte, maxDepth int) (map[string]json.RawMessage, error) {
	members := map[string]json.RawMessage{}
	err := eachMember(text, maxDepth, func(r *reader, name string) error {
		members[name] = bytes.Clone(r.raw())
		return nil
	})
	return members, err
}

// notJSON says what is wrong with text that is not one JSON value.
func notJSON(text []byte) error {
	var object map[string]json.RawMessage
	if json.NewDecoder(bytes.NewReader(text)).Decode(&object) == nil && object != nil {
		return malformed("the body goes on after its JSON object")
	}
	return notAnObject()
}

func notAnObject() error { return malformed("the body must be one JSON object") }

// setMember takes value as a member of p; null is as good as absent.
func setMember(p *graphql.RawParams, name string, value any) error {
	switch name {
	case queryMember:
		return optional(&p.Query, value, "query must be a string")
	case operationMember:
		return optional(&p.OperationName, value, "operationName must be a string")
	case variablesMember:
		return optional(&p.Variables, value, "variables must be an object")
	case extensionsMember:
		var extensions map[string]any
		if err := optional(&extensions, value, "extensions must be an object"); err != nil {
			return err
		}
		return extend(p, extensions)
	case documentIDMember: // executors know no such member
		return extend(p, map[string]any{documentIDMember: value})
	}
	return checkSpelling(name)
}

// extend adds to the extensions of p, which come in two members.
func extend(p *graphql.RawParams, more map[string]any) error {
	if p.Extensions == nil {
		p.Extensions = more
		return nil
	}
	for name, value := range more {
		p.Extensions[name] = value
	}
	return nil
}

func optional[T any](to *T, value any, message string) error {
	if value == nil {
		return nil
	}
	out, ok := value.(T)
	if !ok {
		return malformed(message)
	}
	*to = out
	return nil
}

// checkSpelling refuses what other software on the way may read as a member.
func checkSpelling(name string) error {
	for _, known := range members {
		if strings.EqualFold(name, known) {
			return malformed("write " + known + " exactly so")
		}
	}
	return nil
}

// checkParams returns p if it can be executed at all.
func checkParams(p *graphql.RawParams) (*graphql.RawParams, error) {
	if p.Query == "" && p.Extensions[documentIDMember] == nil && p.Extensions[persistedExtension] == nil {
		return nil, malformed("query is missing")
	}
	if p.OperationName != "" && !validName(p.OperationName) {
		return nil, malformed("operationName is not a name")
	}
	return p, nil
}

// validName reports whether s is a name of GraphQL, of a sensible length.
func validName(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c != '_' && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return len(s) <= 255
}

// checkText refuses JSON text that nests too deep and text that is not Unicode:
// other parsers than ours may read that differently. It does not look at the grammar.
func checkText(text []byte, maxDepth int) error {
	if !utf8.Valid(text) {
		return malformed("the request must be in UTF-8")
	}
	depth, quoted := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			quoted = !quoted
		case quoted && c == '\\':
			n, ok := escape(text[i:])
			if !ok {
				return malformed("the request has an escape sequence that is no character")
			}
			i += n - 1
		case quoted:
		case c == '{' || c == '[':
			if depth++; depth > maxDepth {
				return malformed("the request is nested too deep")
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return nil
}

// escape returns the length of the escape sequence that text begins with, and
// false for half a surrogate pair.
func escape(text []byte) (int, bool) {
	switch unit := codeUnit(text); {
	case unit < 0: // one of the short ones, or malformed
		return 2, true
	case 0xDC00 <= unit && unit < 0xE000:
		return 0, false
	case 0xD800 <= unit && unit < 0xDC00:
		low := codeUnit(text[6:])
		return 12, 0xDC00 <= low && low < 0xE000
	}
	return 6, true
}

// codeUnit returns the value of the \uXXXX that text begins with, -1 if it
// begins with something else.
func codeUnit(text []byte) int {
	if len(text) < 6 || text[0] != '\\' || text[1] != 'u' {
		return -1
	}
	unit := 0
	for _, c := range text[2:6] {
		digit := strings.IndexByte("0123456789abcdef", c|0x20)
		if c < '0' || digit < 0 {
			return -1
		}
		unit = unit<<4 | digit
	}
	return unit
}
