package transport

import (
	"mime"
	"strconv"
	"strings"
)

// The media types of a response. In the second a client can tell a response of
// this gateway from one of a proxy on the way, so its status codes say more.
const (
	jsonType     = "application/json"
	responseType = "application/graphql-response+json"
)

// preference is how much a client wants a media type.
type preference struct {
	q float64
	// exact is 2 where the client named the type, 1 for application/*, 0 for */*
	// and -1 where it said nothing.
	exact int
}

// negotiate returns the media type that the Accept headers prefer, and false
// where they exclude both; application/json is then what the refusal is in.
// Without a wish it is application/json, which clients from before the draft expect.
func negotiate(accept []string) (string, bool) {
	list := strings.Join(accept, ",")
	if strings.Trim(list, " \t,") == "" {
		return jsonType, true
	}
	json, response := preference{exact: -1}, preference{exact: -1}
	for item := range strings.SplitSeq(list, ",") {
		name, q, ok := weighted(item)
		if !ok {
			continue
		}
		json.offer(jsonType, name, q)
		response.offer(responseType, name, q)
	}
	switch {
	case json.q == 0 && response.q == 0:
		return jsonType, false
	case json.q != response.q:
		return choose(response.q > json.q), true
	case json.exact != response.exact:
		return choose(response.exact > json.exact), true
	default: // both named: the newer one; both by a wildcard: the older
		return choose(response.exact == 2), true
	}
}

func choose(response bool) string {
	if response {
		return responseType
	}
	return jsonType
}

// offer takes a range of Accept into account. The most exact one counts: it may
// also exclude a type that a wildcard would allow.
func (p *preference) offer(mediaType, name string, q float64) {
	exact := -1
	switch name {
	case mediaType:
		exact = 2
	case "application/*":
		exact = 1
	case "*/*":
		exact = 0
	}
	if exact >= 0 && (exact > p.exact || exact == p.exact && q > p.q) {
		*p = preference{q, exact}
	}
}

// weighted reads one item of Accept or Accept-Encoding; malformed ones and those in another
// charset than ours are passed over.
func weighted(item string) (name string, q float64, ok bool) {
	name, parameters, err := mime.ParseMediaType(item)
	if err != nil {
		return "", 0, false
	}
	if charset, given := parameters["charset"]; given && !strings.EqualFold(charset, "utf-8") {
		return "", 0, false
	}
	q = 1
	if text, given := parameters["q"]; given {
		if q, err = strconv.ParseFloat(text, 64); err != nil || !(q >= 0 && q <= 1) {
			return "", 0, false
		}
	}
	return name, q, true
}
