package transport

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/vektah/gqlparser/v2/gqlerror"

	"gatehouse/shards"
	"gatehouse/tenancy"
)

// refusal is the answer to a request that is not executed.
type refusal struct {
	// status is 0 where it follows the media type, as it does for what is wrong
	// with a document.
	status  int
	code    shards.Code
	message string // ours, never the request's (invariant 1)
	header  http.Header
	// retryAfter is in seconds; 0 where waiting does not help.
	retryAfter int
	// reference leads from the answer to the log.
	reference string
	cause     error         // only for the log
	cost      *tenancy.Cost // of the request, nil where nobody counts
}

func (r *refusal) Error() string { return string(r.code) + ": " + r.message }

// badRequest refuses what the client can mend.
func badRequest(status int, message string) *refusal {
	return &refusal{status: status, code: shards.BadRequest, message: message}
}

// with adds a header to the answer.
func (r *refusal) with(key, value string) *refusal {
	if r.header == nil {
		r.header = http.Header{}
	}
	r.header.Set(key, value)
	return r
}

// refusalOf returns how err is answered. A client learns of a shards.Error its
// code and message, of anything else only a reference.
func refusalOf(err error) *refusal {
	var r *refusal
	var known *shards.Error
	switch {
	case errors.As(err, &r):
		return r
	case errors.As(err, &known):
	case errors.Is(err, context.DeadlineExceeded):
		known = &shards.Error{Code: shards.Unavailable, Message: "the request took too long"}
	case errors.Is(err, context.Canceled):
		known = &shards.Error{Code: shards.Unavailable, Message: "the request was given up"}
	default:
		known = &shards.Error{Code: shards.Internal}
	}
	r = &refusal{status: statusOf(known.Code), code: known.Code, message: known.Message, cause: err}
	switch r.code {
	case shards.Unavailable, shards.RateLimited:
		r.retryAfter = seconds(known.RetryAfter)
	case shards.Internal:
		r.reference = rand.Text()[:12]
		r.message = "something went wrong on our side; please quote the reference " + r.reference
	}
	return r
}

// statusOf is for what goes wrong before the document is looked at. Codes that
// are not listed are about what the client sent.
func statusOf(code shards.Code) int {
	switch code {
	case shards.Unauthenticated:
		return http.StatusUnauthorized
	case shards.Forbidden, shards.AccountSuspended:
		return http.StatusForbidden
	case shards.Misdirected:
		return http.StatusMisdirectedRequest
	case shards.CostLimit:
		return 0 // the document's fault: documentStatus
	case shards.RateLimited:
		return http.StatusTooManyRequests
	case shards.Unavailable:
		return http.StatusServiceUnavailable
	case shards.Internal:
		return http.StatusInternalServerError
	}
	return http.StatusBadRequest
}

// documentStatus is for what goes wrong with a document: the draft wants a
// well-formed request to be 200 in application/json, whatever it asks for.
func documentStatus(mediaType string, code shards.Code) int {
	switch {
	case code == shards.Unavailable || code == shards.Internal || code == shards.RateLimited:
		return statusOf(code)
	case mediaType == responseType:
		return http.StatusBadRequest
	}
	return http.StatusOK
}

// seconds is what Retry-After takes: whole ones, and never 0, which would call
// back at once.
func seconds(d time.Duration) int {
	return max(1, int((d+time.Second-1)/time.Second))
}

// write answers with the refusal in the given media type. Without a bookmark
// that is "".
func (r *refusal) write(w http.ResponseWriter, mediaType, bookmark string) {
	if r.retryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(r.retryAfter))
	}
	for key, values := range r.header {
		w.Header()[key] = values
	}
	status := r.status
	if status == 0 {
		status = documentStatus(mediaType, r.code)
	}
	writeParts(w, mediaType, status, r.parts(bookmark))
}

// parts returns the refusal as a response.
func (r *refusal) parts(bookmark string) parts {
	return parts{errors: r.errors(), bookmark: bookmark, cost: r.cost}
}

// errors returns the refusal as the errors of a response, encoded.
func (r *refusal) errors() []byte { return encodeErrors(r.list()) }

// listed returns them as a message of a socket has them.
func (r *refusal) listed() []byte { return listed(r.list(), r.cost) }

func (r *refusal) list() gqlerror.List {
	extensions := map[string]any{"code": r.code}
	if r.retryAfter > 0 {
		extensions["retryAfter"] = r.retryAfter
	}
	return gqlerror.List{{Message: r.message, Extensions: extensions}}
}
