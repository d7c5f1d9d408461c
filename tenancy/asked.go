package tenancy

import (
	"context"

	"gatehouse/shards"
)

// Asked is what a request asks for, as it was sent. Headers that say more of it
// are not part of it.
type Asked struct {
	// Method is of HTTP: a query string and a body may read alike.
	Method string
	Text   []byte // the query string of a GET, the body of a POST
}

// Answered is an answer to a query that the read cache has. It is shared, and
// must not be changed.
type Answered struct {
	At        shards.Position // where it was read
	Data      []byte
	Operation string // its name
	Price     int64  // what it may cost, in points; 0 where nobody counts
}

// Exact reports whether the answer is still what a read by handle would bring,
// as far as that is known without a read.
func (a *Answered) Exact(ctx context.Context, handle *shards.Handle) bool {
	at, known := handle.Newest(ctx)
	return known && at == a.At
}
