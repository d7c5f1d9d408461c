package shards

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"modernc.org/sqlite"
)

// The benchmarks of this file compare a setting with what it could be instead.
// Both run in turn, for a quarter of a second each, b.N times: -benchtime=8x.

// figures of one turn, by unit.
type figures map[string]float64

// inTurn runs the contestants in turn and reports, for each unit, the median of
// the first one's figure, and of the ratios of it to those of the others.
func inTurn(b *testing.B, names []string, turn func(name string) figures) {
	all := map[string][]figures{}
	for _, name := range names { // warms up
		turn(name)
	}
	for range b.N {
		for _, name := range names {
			all[name] = append(all[name], turn(name))
		}
	}
	b.ReportMetric(0, "ns/op") // says nothing here
	first := all[names[0]]
	for unit := range first[0] {
		var values []float64
		for _, f := range first {
			values = append(values, f[unit])
		}
		b.ReportMetric(median(values), unit)
		for _, name := range names[1:] {
			var ratios []float64
			for i, f := range all[name] {
				ratios = append(ratios, first[i][unit]/f[unit])
			}
			b.ReportMetric(median(ratios), unit+"/"+name)
		}
	}
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}

const oneTurn = 250 * time.Millisecond

// BenchmarkCheckpointer guards: beside readers that never pause the WAL stays
// short and more is written than where SQLite sees to it within commits, and
// where nobody reads nothing is lost.
func BenchmarkCheckpointer(b *testing.B) {
	for _, test := range []struct{ writers, readers int }{{1, 2}, {32, 2}, {32, 0}} {
		b.Run(fmt.Sprintf("%d writers, %d readers", test.writers, test.readers), func(b *testing.B) {
			shards, n := map[string]*Shard{}, atomic.Int64{}
			for _, name := range []string{"ours", "SQLite's"} {
				s := openTest(b, Options{})
				h := s.testHandle(b, "a")
				for i := range 2000 {
					write(b, h, i)
				}
				shards[name] = s
			}
			n.Store(2000)
			theirs := shards["SQLite's"]
			theirs.checkpointer().limit = 1 << 60
			if err := theirs.committer().conn.control(context.Background(), "PRAGMA wal_autocheckpoint=1000"); err != nil {
				b.Fatal(err)
			}
			inTurn(b, []string{"ours", "SQLite's"}, func(name string) figures {
				s := shards[name]
				reads, stop := s.readWithoutPause(b, "a", test.readers)
				var all sync.WaitGroup
				times := make([][]float64, test.writers)
				start := time.Now()
				for i := range test.writers {
					all.Go(func() {
						h := s.again("a")
						for time.Since(start) < oneTurn {
							began := time.Now()
							write(b, h, int(n.Add(1)))
							times[i] = append(times[i], float64(time.Since(began))/1e6)
						}
					})
				}
				all.Wait()
				took := time.Since(start).Seconds()
				stop()
				waited := slices.Concat(times...)
				slices.Sort(waited)
				return figures{
					"writes/s": float64(len(waited)) / took, "reads/s": float64(reads.Load()) / took,
					"p99-ms": waited[len(waited)*99/100], "max-ms": waited[len(waited)-1], "WAL-MiB": float64(s.fileSize(b, "-wal")) / (1 << 20),
				}
			})
		})
	}
}

// BenchmarkReaders guards: beside a writer, whose every commit lets all readers
// drop what they have, a small cache reads more than twice what one of 32 MB
// does. Mapped memory reads a little more of a file as small as this one, and
// half as much of one six times as large (benchClients), when it is read at random.
func BenchmarkReaders(b *testing.B) {
	s, ids := filled(b)
	evict(b, s)
	h := s.again("a0")
	settings := map[string][]string{
		"ours": readerPragmas, "32MB": {"cache_size(-32000)", "mmap_size(0)"}, "mmap": {"cache_size(-1000)", "mmap_size(1073741824)"},
	}
	n := 0
	for _, commits := range []int{0, 50} {
		b.Run(fmt.Sprint(commits, " commits a second"), func(b *testing.B) {
			inTurn(b, []string{"ours", "32MB", "mmap"}, func(name string) figures {
				quit := make(chan struct{})
				var all sync.WaitGroup
				if commits > 0 {
					all.Go(func() {
						tick := time.NewTicker(time.Second / time.Duration(commits))
						defer tick.Stop()
						for {
							select {
							case <-tick.C:
								n++
								write(b, h, n)
							case <-quit:
								return
							}
						}
					})
				}
				reads := readMany(b, s.Spec.DSN, settings[name], ids, oneTurn)
				close(quit)
				all.Wait()
				return figures{"reads/s": reads}
			})
		})
	}
}

// BenchmarkLayout guards: with WITHOUT ROWID and pages of 8 KiB a page of 50
// comes from fewer pages of the file, and sooner, than otherwise.
func BenchmarkLayout(b *testing.B) {
	s, ids := filled(b)
	layouts := []string{"ours", "4KiB", "rowid"}
	paths := map[string]string{}
	for _, name := range layouts {
		paths[name] = relaid(b, s, name)
	}
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	ctx := context.Background()
	for _, test := range []struct {
		name string
		do   func(c *conn) error
	}{
		{"50 by id", func(c *conn) error { return getFifty(c, ids) }},
		{"page of 50", func(c *conn) error {
			return c.query(ctx, Statement{"SELECT id, body FROM clients INDEXED BY clients_name_fold WHERE account_id = ?1 AND name_fold >= ?2 ORDER BY name_fold, id LIMIT 50",
				[]any{anAccount(), "client " + ids[rand.IntN(len(ids))]}}, discard)
		}},
	} {
		b.Run(test.name, func(b *testing.B) {
			inTurn(b, layouts, func(name string) figures {
				// Alone: the driver's connections share one cache of all their sizes together.
				c, done := open(b, paths[name], "ro", readerPragmas)
				defer done()
				n := 0
				start := time.Now()
				for time.Since(start) < oneTurn {
					if err := test.do(c); err != nil {
						b.Fatal(err)
					}
					n++
				}
				return figures{"reads/s": float64(n) / time.Since(start).Seconds(), "pages/read": float64(misses(b, c)) / float64(n)}
			})
		})
	}
}

const benchAccounts, benchClients = 40, 1000

func anAccount() string { return fmt.Sprint("a", rand.IntN(benchAccounts)) }

// filled returns a shard with many clients, and the ids that each account has.
func filled(b *testing.B) (s *Shard, ids []string) {
	b.Helper()
	s = openTest(b, Options{})
	for i := range benchAccounts {
		s.testHandle(b, fmt.Sprint("a", i))
	}
	for i := range benchClients {
		ids = append(ids, NewID("client"))
		if i%50 < 49 {
			continue
		}
		for n := range benchAccounts {
			w := &Write{}
			for _, id := range ids[i-49:] {
				body := fmt.Appendf(nil, `{"name":"Client %s","status":"ACTIVE","note":"%0500d"}`, id, n)
				w.Ops = append(w.Ops, Op{Kind: Created, Table: "clients", ID: id, Body: body, Patch: body})
			}
			if _, err := s.again(fmt.Sprint("a", n)).Commit(context.Background(), w); err != nil {
				b.Fatal(err)
			}
		}
	}
	return s, ids
}

func open(b *testing.B, path, mode string, pragmas []string) (_ *conn, done func()) {
	b.Helper()
	c, err := connect(&sqlite.Driver{}, sqliteDSN(path, mode, pragmas), nil)
	if err != nil {
		b.Fatal(err)
	}
	return c, func() { c.close() }
}

// relaid copies the clients of a shard into a file of another layout, as they
// would have come: those of all accounts in turn.
func relaid(b *testing.B, s *Shard, layout string) (path string) {
	b.Helper()
	path = filepath.Join(b.TempDir(), "relaid.db")
	size := pageSize
	if layout == "4KiB" {
		size = 4096
	}
	c, done := open(b, path, "rwc", []string{fmt.Sprintf("page_size(%d)", size), "synchronous(OFF)"})
	defer done()
	ctx := context.Background()
	run := func(text string) {
		if _, err := c.exec(ctx, text); err != nil {
			b.Fatal(text, err)
		}
	}
	run("ATTACH 'file:" + s.Spec.DSN + "?mode=ro' AS shard")
	var texts []string
	err := c.query(ctx, Statement{SQL: "SELECT sql FROM shard.sqlite_schema WHERE tbl_name = 'clients' AND sql IS NOT NULL ORDER BY type DESC"}, func(row scanner) error {
		var text string
		err := row.Scan(&text)
		texts = append(texts, text)
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	run("PRAGMA foreign_keys=0")
	for _, text := range texts {
		if layout == "rowid" {
			text = strings.ReplaceAll(text, "WITHOUT ROWID", "")
		}
		run(text)
	}
	run("INSERT INTO clients (account_id, id, version, created_at, updated_at, body, external_id_fold, name_fold, email_fold) " +
		"SELECT account_id, id, version, created_at, updated_at, body, external_id_fold, name_fold, email_fold FROM shard.clients ORDER BY id, account_id")
	return path
}

// readMany has two connections read for a time, and returns how often they did
// in a second.
func readMany(b *testing.B, path string, pragmas, ids []string, d time.Duration) float64 {
	var n atomic.Int64
	var all sync.WaitGroup
	start := time.Now()
	for range 2 {
		c, done := open(b, path, "ro", pragmas)
		defer done()
		all.Go(func() {
			for time.Since(start) < d {
				if err := getFifty(c, ids); err != nil {
					b.Error(err)
					return
				}
				n.Add(1)
			}
		})
	}
	all.Wait()
	return float64(n.Load()) / time.Since(start).Seconds()
}

func getFifty(c *conn, ids []string) error {
	b := newBuilder(sqliteSQL, anAccount())
	some := make([]string, 50)
	for i := range some {
		some[i] = ids[rand.IntN(len(ids))]
	}
	b.WriteString("SELECT id, body FROM clients WHERE account_id = " + b.account)
	b.and(b.in("id", some))
	return c.query(context.Background(), b.statement(), discard)
}

func discard(row scanner) error {
	var id, body string
	return row.Scan(&id, &body)
}

// evict has the system forget the shard's file, so that it comes to know it by
// reads from all over.
func evict(b *testing.B, s *Shard) {
	b.Helper()
	if err := s.checkpointer().empty(); err != nil {
		b.Fatal(err)
	}
	f, err := os.Open(s.Spec.DSN)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	if err := unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED); err != nil {
		b.Fatal(err)
	}
}

// misses returns how many pages a connection has read from the file.
func misses(b *testing.B, c *conn) int {
	b.Helper()
	n, _, err := c.driver.(sqlite.DBStatus).Status(sqlite.DBStatusCacheMiss, false)
	if err != nil {
		b.Fatal(err)
	}
	return n
}
