package transport

import (
	"net/http"
	"strconv"
	"time"

	"gatehouse/tenancy"
)

// The members that terms are in, of a request's extensions and of connection_init.
const (
	bookmarkMember    = "bookmark"
	consistencyMember = "consistency"
	idempotencyMember = "idempotencyKey"
)

// terms are what a client wants beside its operation. Each is a header, or a
// member of the request's extensions for clients that can't set headers.
type terms struct{ bookmark, consistency, idempotencyKey *string }

// termsOf returns what the client wants.
func termsOf(header http.Header, extensions map[string]any) (t terms, err error) {
	for _, one := range []struct {
		to           **string
		name, member string
	}{
		{&t.bookmark, "Bookmark", bookmarkMember},
		{&t.consistency, "Consistency", consistencyMember},
		{&t.idempotencyKey, "Idempotency-Key", idempotencyMember},
	} {
		if *one.to, err = term(header[one.name], extensions[one.member], one.name, one.member); err != nil {
			return t, err
		}
	}
	return t, nil
}

// apply validates what the client wants and hands it to the request.
func (t terms) apply(request *tenancy.Request) error {
	if t.consistency != nil {
		switch c := tenancy.Consistency(*t.consistency); c {
		case tenancy.AtBookmark:
			request.Consistency = c
		case tenancy.Strong:
			request.Consistency = c
			request.Handle.Strong()
		default:
			return malformed("Consistency must be bookmark or strong")
		}
	}
	// An empty key or bookmark is refused, too: who sends one relies on it.
	if t.idempotencyKey != nil {
		if !validKey(*t.idempotencyKey) {
			return malformed("an idempotency key must be 1 to 200 visible ASCII characters")
		}
		request.IdempotencyKey = *t.idempotencyKey
	}
	if t.bookmark != nil {
		return request.Handle.Require(*t.bookmark)
	}
	return nil
}

// term returns the one value that is given, nil where there is none.
func term(values []string, extension any, name, member string) (*string, error) {
	if len(values) > 1 {
		return nil, malformed("send the header " + name + " once")
	}
	var out *string
	if len(values) == 1 {
		out = &values[0]
	}
	if extension == nil {
		return out, nil
	}
	text, ok := extension.(string)
	if !ok {
		return nil, malformed("extensions." + member + " must be a string")
	}
	if out != nil && *out != text {
		return nil, malformed("the header " + name + " and extensions." + member + " differ")
	}
	return &text, nil
}

func validKey(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return s != "" && len(s) <= 200
}

// timeoutOf returns how long a request may take: most, or less where the client
// asks for less by Request-Timeout, in milliseconds.
func timeoutOf(header http.Header, most time.Duration) (time.Duration, error) {
	values := header["Request-Timeout"]
	if len(values) == 0 {
		return most, nil
	}
	// Nobody waits 31 years, and more digits would overflow.
	ms, err := strconv.ParseUint(values[0], 10, 40)
	if err != nil || ms == 0 || len(values) > 1 {
		return most, malformed("Request-Timeout must be a number of milliseconds, from 1")
	}
	return min(most, time.Duration(ms)*time.Millisecond), nil
}
