package shards_test

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"gatehouse/shards"
)

var soak = flag.Bool("soak", false, "test for minutes what is otherwise tested for seconds")

const crashPath = "GATEHOUSE_TEST_CRASH_SHARD"

var crashAccounts = []string{"a", "b", "c"}

func crashKeys(t *testing.T) *shards.Keyring {
	t.Helper()
	keys, err := shards.NewKeyring(bytes.Repeat([]byte("k"), 32))
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// TestCrashChild is what TestCrash kills: it writes for as long as it lives, and
// prints each write once it is acknowledged.
func TestCrashChild(t *testing.T) {
	path := os.Getenv(crashPath)
	if path == "" {
		t.Skip("only in a child of TestCrash")
	}
	ctx := context.Background()
	keys := crashKeys(t)
	s, err := shards.Open(ctx, shards.Spec{ID: "1", Engine: "sqlite", DSN: path}, shards.Options{Keys: keys, Create: true})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for n := range 8 {
		wg.Go(func() {
			account := crashAccounts[n%len(crashAccounts)]
			if err := s.AddAccount(ctx, account); err != nil {
				t.Error(err)
				return
			}
			h := shards.NewHandle(account, keys, func(context.Context, bool) (*shards.Shard, error) { return s, nil })
			for i := 0; ; i++ {
				id := fmt.Sprintf("g_%d_%d_%d", os.Getpid(), n, i)
				body := fmt.Appendf(nil, `{"name":%q,"description":"%0500d"}`, id, i)
				out, err := h.Commit(ctx, &shards.Write{Ops: []shards.Op{
					{Kind: shards.Created, Table: "groups", ID: id, Body: body, Patch: body}}})
				if err != nil {
					t.Error(err)
					return
				}
				fmt.Printf("acknowledged %s %d %s\n", account, out.Position.Seq, id)
			}
		})
	}
	wg.Wait()
}

// TestCrash kills a process that writes, again and again: what it acknowledged
// is there, the history has no gaps, and the shard is ready within a second.
// It shows nothing about power failures, which synchronous=FULL is for.
func TestCrash(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "shard.db")
	rnd := rand.New(rand.NewPCG(11, 11))
	acknowledged := map[string]map[int64]string{"a": {}, "b": {}, "c": {}}
	rounds := 4
	if *soak {
		rounds = 100
	}
	for round := range rounds {
		cmd := exec.Command(os.Args[0], "-test.run=^TestCrashChild$")
		cmd.Env = append(os.Environ(), crashPath+"="+path)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		enough, n := 50+rnd.IntN(800), 0
		lines := bufio.NewScanner(out)
		for lines.Scan() { // to the end: what was printed before the kill counts too
			var account, id string
			var seq int64
			if _, err := fmt.Sscanf(lines.Text(), "acknowledged %s %d %s", &account, &seq, &id); err != nil {
				continue // cut in the middle, or not of the child
			}
			acknowledged[account][seq] = id
			if n++; n == enough {
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		cmd.Wait()
		if n < enough {
			t.Fatalf("the child ended by itself after %d writes", n)
		}
		start := time.Now()
		s, err := shards.Open(context.Background(), shards.Spec{ID: "1", Engine: "sqlite", DSN: path}, shards.Options{Keys: crashKeys(t)})
		if err != nil {
			t.Fatal(err)
		}
		for _, account := range crashAccounts {
			survived(t, s, account, acknowledged[account], start, round)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		sound(t, path)
	}
}

func survived(t *testing.T, s *shards.Shard, account string, acknowledged map[int64]string, start time.Time, round int) {
	t.Helper()
	ctx := context.Background()
	h := shards.NewHandle(account, crashKeys(t), func(context.Context, bool) (*shards.Shard, error) { return s, nil })
	snap, err := h.Snapshot(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Close()
	head, err := snap.Position(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if account == crashAccounts[0] {
		took := time.Since(start)
		t.Logf("round %d: ready after %s, %d writes acknowledged, head %d", round, took, len(acknowledged), head.Seq)
		if took > time.Second {
			t.Errorf("not ready within a second, but after %s", took)
		}
	}
	changes, err := snap.Changes(ctx, 0, head.Seq, nil, 1<<30)
	if err != nil || int64(len(changes)) != head.Seq {
		t.Fatalf("%s: %d changes up to %d, %v", account, len(changes), head.Seq, err)
	}
	var ids []string
	for i, c := range changes {
		if c.Seq != int64(i)+1 {
			t.Fatalf("%s: write %d stands at %d", account, c.Seq, i+1)
		}
		if id, ok := acknowledged[c.Seq]; ok && id != c.RecordID {
			t.Errorf("%s: %d was acknowledged as %s, the history has %s", account, c.Seq, id, c.RecordID)
		}
		ids = append(ids, c.RecordID)
	}
	for seq, id := range acknowledged {
		if seq > head.Seq {
			t.Errorf("%s: %s was acknowledged at %d and is lost, the head is %d", account, id, seq, head.Seq)
		}
	}
	if rows, err := snap.Get(ctx, "groups", ids); err != nil || len(rows) != len(ids) {
		t.Errorf("%s: %d records of %d writes, %v", account, len(rows), len(ids), err)
	}
}

func sound(t *testing.T, path string) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var result string
	if err := db.QueryRow("PRAGMA integrity_check").Scan(&result); err != nil || result != "ok" {
		t.Errorf("integrity_check: %s, %v", result, err)
	}
	var violations int
	if err := db.QueryRow("SELECT count(*) FROM pragma_foreign_key_check").Scan(&violations); err != nil || violations != 0 {
		t.Errorf("%d references to nothing, %v", violations, err)
	}
}
