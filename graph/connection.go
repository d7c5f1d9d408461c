package graph

import "context"

// Connection is one page of a list, in the form of the Relay specification.
// The generated names, ClientConnection and so on, are aliases of it.
type Connection[T any] struct {
	Edges    []*Edge[T]
	Nodes    []*T
	PageInfo *PageInfo
	// Count counts the whole list. It is called only where totalCount is asked for.
	Count func(ctx context.Context) (int32, error)
}

// TotalCount resolves totalCount.
func (c *Connection[T]) TotalCount(ctx context.Context) (int32, error) { return c.Count(ctx) }

// Edge is a record at its place in a list.
type Edge[T any] struct {
	Node *T
	// Place prints the cursor. A cursor is signed, so it is made only where it is asked for.
	Place func() string
}

// Cursor resolves cursor.
func (e *Edge[T]) Cursor() string { return e.Place() }
