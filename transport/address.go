package transport

import (
	"net/url"
	"slices"
	"unicode/utf8"

	"github.com/99designs/gqlgen/graphql"
	"github.com/tidwall/gjson"
)

// decodeAddress reads a request as it is in the query string of a GET, no less
// strictly than in a body (invariant 2).
func decodeAddress(query string) (*graphql.RawParams, error) {
	values, err := url.ParseQuery(query)
	if err != nil {
		return nil, malformed("the address is malformed")
	}
	p := &graphql.RawParams{}
	for name, given := range values {
		if !slices.Contains(members, name) {
			if err := checkSpelling(name); err != nil {
				return nil, err
			}
			continue
		}
		if len(given) > 1 {
			return nil, malformed("the address has a parameter twice")
		}
		if !utf8.ValidString(given[0]) {
			return nil, malformed("the request must be in UTF-8")
		}
		var value any = given[0]
		if name == variablesMember || name == extensionsMember {
			if value, err = decodeValue(given[0]); err != nil {
				return nil, err
			}
		}
		if err := setMember(p, name, value); err != nil {
			return nil, err
		}
	}
	return checkParams(p)
}

// decodeValue reads one JSON value, nil from an empty parameter. In a body it
// would be one level down.
func decodeValue(text string) (any, error) {
	if text == "" {
		return nil, nil
	}
	raw := []byte(text)
	if err := checkText(raw, maxDepth-1); err != nil {
		return nil, err
	}
	if !gjson.ValidBytes(raw) {
		return nil, malformed("variables and extensions must be one JSON object each")
	}
	return (&reader{text: raw}).value(), nil
}
