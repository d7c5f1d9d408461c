package transport

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
)

const requestIDHeader = "X-Request-Id"

// exchange is what the log will say of one request and its response. The
// goroutine that serves the request is the only one that uses it.
type exchange struct {
	id        string
	account   string
	kind      string // query or mutation
	operation string
	code      string
	reference string
	err       error
	stack     string
}

type exchangeKey struct{}

func withExchange(ctx context.Context, x *exchange) context.Context {
	return context.WithValue(ctx, exchangeKey{}, x)
}

// exchangeFrom returns the context's exchange, nil where there is none.
func exchangeFrom(ctx context.Context) *exchange {
	x, _ := ctx.Value(exchangeKey{}).(*exchange)
	return x
}

// refused notes how the request was answered.
func (x *exchange) refused(r *refusal) {
	x.code, x.reference = string(r.code), r.reference
	x.failed(r.cause)
}

// failed notes what no client is told.
func (x *exchange) failed(err error) { x.err = errors.Join(x.err, err) }

// requestID returns the client's id for its request, so that both logs can be
// laid side by side, or a new one.
func requestID(header http.Header) string {
	if given := header.Values(requestIDHeader); len(given) == 1 && validRequestID(given[0]) {
		return given[0]
	}
	return rand.Text()
}

func validRequestID(s string) bool {
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '_', c == '-', c == '.':
		default:
			return false
		}
	}
	return s != "" && len(s) <= 64
}
