package shards

import (
	"context"
	"database/sql"
	"log/slog"
	"os"
	"sync"
	"time"
)

// checkpointer keeps a file's WAL short: it has it copied into the file and
// begun anew. Left to itself SQLite does the first within somebody's commit, and
// the second only where no read from the WAL is open just then, which readers
// that never pause put off for good.
type checkpointer struct {
	path string
	db   *sql.DB // has a connection while there is something to do
	// file is the database file, open once the WAL was long: closing it would take
	// the locks away that SQLite has on it, so it is closed last.
	file *os.File
	log  *slog.Logger
	// limit is how long the WAL becomes before it is copied, where it does not grow
	// fast; it grows a little further meanwhile. idle is how long nobody has written when it is emptied.
	limit int64
	idle  time.Duration
	// renewed is how long the WAL was when the next write was to begin it anew, at renewedAt.
	renewed   int64
	renewedAt time.Time

	// writes is held by who writes, and while the WAL is begun anew.
	writes sync.Mutex
	wrote  chan struct{}
	quit   chan struct{}
	ended  chan struct{}
}

const (
	maxWAL    = 9 << 20
	idleAfter = time.Minute
	// A WAL that grows by so much in a second becomes so long: the more there is of it,
	// the more of its pages are in it twice and are copied once.
	maxBusyWAL = 24 << 20
	busyGrowth = 128 << 20
	// A WAL that is longer once it is copied is not caught up with.
	maxCaughtUp = maxBusyWAL + 4<<20
	// renewPatience is how long writers wait for reads from the WAL to end that
	// began a moment ago. Most take a few milliseconds.
	renewPatience = 50 * time.Millisecond
	renewPause    = 200 * time.Microsecond
	// longRead is when it is looked again whether a read of before goes on. It is
	// twice as long after each try in vain, up to maxPause: writers wait for each.
	longRead = 5 * time.Millisecond
	maxPause = time.Second
	// syncPause is between two syncs of what is being copied.
	syncPause = time.Millisecond
	// little is what writers may wait for to be copied; it takes a millisecond or two.
	little = 1 << 20
)

// It does not wait in SQLite, whose pauses are longer than ours.
var checkpointPragmas = []string{"synchronous(FULL)", "wal_autocheckpoint(0)", "busy_timeout(0)"}

func startCheckpointer(path string, log *slog.Logger) (*checkpointer, error) {
	db, err := sql.Open("sqlite", sqliteDSN(path, "rw", checkpointPragmas))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	db.SetConnMaxIdleTime(idleAfter)
	c := &checkpointer{
		path: path, db: db, log: log, limit: maxWAL, idle: idleAfter,
		wrote: make(chan struct{}, 1), quit: make(chan struct{}), ended: make(chan struct{}),
	}
	go c.run()
	return c, nil
}

// stop ends the goroutine. It is the file's last connection that copies what is
// left of the WAL then, and removes it.
func (c *checkpointer) stop() error {
	close(c.quit)
	<-c.ended
	return c.db.Close()
}

// release closes what must stay open as long as any connection to the file is.
func (c *checkpointer) release() error {
	if c.file == nil {
		return nil
	}
	return c.file.Close()
}

// grew says that something was written. It never waits.
func (c *checkpointer) grew() {
	select {
	case c.wrote <- struct{}{}:
	default:
	}
}

func (c *checkpointer) run() {
	defer close(c.ended)
	quiet := time.NewTimer(c.idle)
	for well := true; ; {
		var err error
		select {
		case <-c.wrote:
			quiet.Reset(c.idle)
			err = c.shorten()
		case <-quiet.C:
			if err = c.empty(); c.fileSize() > 0 { // a read was in the way
				quiet.Reset(c.idle)
			}
		case <-c.quit:
			return
		}
		if err != nil && well { // said once; it is tried again with every write
			c.log.Error("a shard's WAL can't be copied, and grows", "file", c.path, "error", err)
		}
		well = err == nil
	}
}

// shorten has a long WAL copied and begun anew. Nobody waits for the copying,
// readers wait for nothing, and writers for the reads that began a moment ago. A
// read that takes longer is not waited for: the WAL grows until it ends.
func (c *checkpointer) shorten() error {
	if c.fileSize() < c.limit { // it was never long
		return nil
	}
	w, err := c.checkpoint("NOOP")
	if err != nil || w.size < c.due(w.size) || w.size == w.copied && w.size == c.renewed {
		return err
	}
	if c.file == nil {
		if c.file, err = os.Open(c.path); err != nil {
			return err
		}
	}
	pause := longRead
	for before := w.size; ; {
		// Up to where the oldest read is.
		if w, err = c.checkpoint("PASSIVE"); err != nil {
			return err
		}
		if w.size < before { // all was copied, and a write has begun it anew
			return nil
		}
		if w.copied >= before { // so no read is older than this
			if w, err = c.catchUp(w); err != nil || w.size < before { // as above
				return err
			}
			if done, err := c.renew("RESTART"); done || err != nil {
				return err
			}
			before, pause = w.size, min(2*pause, maxPause)
		}
		select {
		case <-time.After(pause):
		case <-c.quit:
			return nil
		}
	}
}

// due is how long a WAL that has this size becomes before it is copied.
func (c *checkpointer) due(size int64) int64 {
	if float64(size) > time.Since(c.renewedAt).Seconds()*busyGrowth {
		return max(c.limit, maxBusyWAL)
	}
	return c.limit
}

// catchUp puts on disk what was copied, and copies what came meanwhile, until
// little comes: what is left of both is done while writers wait. SQLite syncs the file
// only behind the last frame. A WAL that has become long all the same is not caught up
// with: its writers are so fast that as much is left each time, most of it the same pages.
func (c *checkpointer) catchUp(w wal) (_ wal, err error) {
	for grew := int64(little); grew >= little && w.size <= maxCaughtUp; {
		if err := c.file.Sync(); err != nil {
			return w, err
		}
		before := w.size
		if w, err = c.checkpoint("PASSIVE"); err != nil {
			return w, err
		}
		grew = w.size - before
	}
	return w, nil
}

// empty gives back the WAL's place on the disk.
func (c *checkpointer) empty() error {
	if c.fileSize() == 0 {
		return nil
	}
	_, err := c.checkpoint("PASSIVE")
	if err == nil {
		_, err = c.renew("TRUNCATE")
	}
	return err
}

// renew copies what is left of the WAL and has the next write begin it anew,
// while nobody writes; false where a read from it does not end. Reads that begin
// once all is copied are from the file alone.
func (c *checkpointer) renew(mode string) (done bool, err error) {
	c.writes.Lock()
	defer c.writes.Unlock()
	for deadline := time.Now().Add(renewPatience); ; time.Sleep(renewPause) {
		w, err := c.checkpoint(mode)
		if err != nil || !w.busy {
			c.renewed, c.renewedAt = w.size, time.Now()
			return err == nil, err
		}
		if time.Now().After(deadline) {
			return false, nil
		}
	}
}

// fileSize is how long the WAL has been since it was last emptied: it is
// overwritten from its beginning.
func (c *checkpointer) fileSize() int64 {
	f, err := os.Stat(c.path + "-wal")
	if err != nil {
		return 0
	}
	return f.Size()
}

// wal is how long a WAL is and how much of it is copied, in bytes; busy: a
// checkpoint was kept from its end.
type wal struct {
	busy         bool
	size, copied int64
}

// checkpoint runs one of SQLite's checkpoints; NOOP only looks.
func (c *checkpointer) checkpoint(mode string) (w wal, err error) {
	if mode != "NOOP" && c.file != nil {
		stop := c.syncing()
		defer func() {
			if failed := stop(); err == nil {
				err = failed
			}
		}()
	}
	err = c.db.QueryRowContext(context.Background(), "PRAGMA wal_checkpoint("+mode+")").Scan(&w.busy, &w.size, &w.copied)
	w.size *= pageSize
	w.copied *= pageSize
	return w, err
}

// syncing puts on disk what is copied while it is copied, until stop. The disk is
// busy from the beginning, so that less is left for the end, and with a few pages
// at a time, so that the writers' own syncs wait for few.
func (c *checkpointer) syncing() (stop func() error) {
	quit, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		tick := time.NewTicker(syncPause)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				if err := c.file.Sync(); err != nil {
					ended <- err
					return
				}
			case <-quit:
				ended <- nil
				return
			}
		}
	}()
	return func() error { close(quit); return <-ended }
}
