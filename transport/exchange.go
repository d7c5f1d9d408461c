package transport

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"gatehouse/shards"
)

const requestIDHeader = "X-Request-Id"

// exchange is what the log will say of one request and its response, or of one
// operation on a socket, and the context of that: a request has one object for all
// that the edge keeps of it. One goroutine at a time uses it, but as a context.
type exchange struct {
	context.Context // around it
	observer        *Observer
	id              string
	began           time.Time
	protocol        string // http, sse or websocket
	account         string
	kind            string         // query, mutation or subscription
	name            string         // of the operation
	handle          *shards.Handle // knows the node of its last read; may be nil
	code            string
	reference       string
	err             error
	stack           string
	connection      *connection // nil where it is not known
	limit           deadline    // of a request with a single response
}

type exchangeKey struct{}

// Value implements context.Context.
func (x *exchange) Value(key any) any {
	if key == (exchangeKey{}) {
		return x
	}
	return x.Context.Value(key)
}

// exchangeFrom returns the context's exchange, nil where there is none.
func exchangeFrom(ctx context.Context) *exchange {
	x, _ := ctx.Value(exchangeKey{}).(*exchange)
	return x
}

// operation returns the exchange of a socket's n-th operation, inside ctx. Its id is
// the request's in the account's history, too.
func (x *exchange) operation(ctx context.Context, n int) *exchange {
	return &exchange{
		Context: ctx, observer: x.observer, id: x.id + "." + strconv.Itoa(n), began: time.Now(), protocol: x.protocol, account: x.account,
	}
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
	if given := header[requestIDHeader]; len(given) == 1 && validRequestID(given[0]) {
		return given[0]
	}
	return newID()
}

// newID returns 128 random bits in base32. Nobody is trusted for knowing it, so
// it costs no secret randomness.
func newID() string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
	var id [26]byte
	for i, bits := range [...]uint64{rand.Uint64(), rand.Uint64()} {
		for j := range 13 {
			id[13*i+j] = alphabet[bits&31]
			bits >>= 5
		}
	}
	return string(id[:])
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
