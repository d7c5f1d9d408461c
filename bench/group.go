package main

import "context"

// maxGroup is how many writes share a transaction, as in gatehouse.
const maxGroup = 64

// grouper commits what waits in one transaction with one sync.
type grouper struct {
	conn  *conn
	queue chan *waiting
	ended chan struct{}
}

type waiting struct {
	write func(context.Context, session) error
	err   error
	done  chan struct{}
}

// newGrouper starts a goroutine that owns c until stop.
func newGrouper(c *conn) *grouper {
	g := &grouper{conn: c, queue: make(chan *waiting, 1024), ended: make(chan struct{})}
	go g.run()
	return g
}

func (g *grouper) stop() {
	close(g.queue)
	<-g.ended
}

func (g *grouper) do(write func(context.Context, session) error) error {
	w := &waiting{write: write, done: make(chan struct{})}
	g.queue <- w
	<-w.done
	return w.err
}

func (g *grouper) run() {
	defer close(g.ended)
	for first := range g.queue {
		group := []*waiting{first}
		for open := true; open && len(group) < maxGroup; {
			select {
			case w, ok := <-g.queue:
				if open = ok; ok {
					group = append(group, w)
				}
			default:
				open = false
			}
		}
		ctx := context.Background()
		err := g.conn.transact("BEGIN IMMEDIATE", "COMMIT", func(c *conn) error {
			for _, w := range group {
				if err := savepoint(ctx, c, w); err != nil {
					return err
				}
			}
			return nil
		})
		for _, w := range group {
			if w.err == nil {
				w.err = err
			}
			close(w.done)
		}
	}
}

// savepoint leaves a write's own failure in w, and returns everybody's.
func savepoint(ctx context.Context, c *conn, w *waiting) error {
	if err := c.control("SAVEPOINT one"); err != nil {
		return err
	}
	if w.err = w.write(ctx, c); w.err != nil {
		if err := c.control("ROLLBACK TO one"); err != nil {
			return err
		}
	}
	return c.control("RELEASE one")
}
