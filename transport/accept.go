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
	eventType    = "text/event-stream"
	partsType    = "multipart/mixed"
)

// accepted is what a client wants its response in.
type accepted struct {
	mediaType string // of a single response
	// events: several responses can come as a stream of events. always: a
	// single one must come so, too.
	events, always bool
	// parts: an answer can come in the parts of a multipart body, in the form of
	// 2022-08-24, which Apollo's client knows.
	parts bool
}

// preference is how much a client wants a media type.
type preference struct {
	q float64
	// exact is 2 where the client named the type, 1 for application/*, 0 for */*
	// and -1 where it said nothing.
	exact int
}

// negotiate returns what the Accept headers prefer, and false where they exclude
// everything; application/json is then what the refusal is in. Without a wish it
// is application/json, which clients from before the draft expect. A stream of
// events goes only to those who name it.
func negotiate(accept []string) (accepted, bool) {
	list := strings.Join(accept, ",")
	if strings.Trim(list, " \t,") == "" {
		return accepted{mediaType: jsonType}, true
	}
	parts := false
	json, response, events := preference{exact: -1}, preference{exact: -1}, preference{exact: -1}
	for item := range strings.SplitSeq(list, ",") {
		name, q, ok := weighted(item)
		if !ok {
			continue
		}
		json.offer(jsonType, name, q)
		response.offer(responseType, name, q)
		if name == eventType {
			events.offer(eventType, name, q)
		}
		// Others of its specifications are other formats.
		parts = parts || name == partsType && q > 0 && strings.Contains(strings.ToLower(item), "deferspec=20220824")
	}
	out := accepted{events: events.q > 0, always: events.q > max(json.q, response.q), parts: parts}
	switch {
	case json.q == 0 && response.q == 0 && events.q == 0:
		return accepted{mediaType: jsonType}, false
	case json.q == 0 && response.q == 0: // whose status says what is wrong
		out.mediaType = responseType
	case json.q != response.q:
		out.mediaType = choose(response.q > json.q)
	case json.exact != response.exact:
		out.mediaType = choose(response.exact > json.exact)
	default: // both named: the newer one; both by a wildcard: the older
		out.mediaType = choose(response.exact == 2)
	}
	return out, true
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
	name, weight, given := strings.Cut(strings.Trim(item, " \t"), ";q=")
	switch name { // which nearly everybody sends, and need no parser
	case jsonType, responseType, "*/*", gzipCoding, zstdCoding, "br", "deflate":
		if !given {
			return name, 1, true
		}
		if q, err := strconv.ParseFloat(weight, 64); err == nil && 0 <= q && q <= 1 {
			return name, q, true
		}
	}
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
