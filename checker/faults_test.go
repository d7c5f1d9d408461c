package checker

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gatehouse/checker/planted"
)

// faults are mistakes that somebody may make one day. Each is built into
// gateways, and the sessions must find it.
var faults = []struct {
	name  string
	edits []planted.Edit
}{
	{"bookmarks are ignored", []planted.Edit{
		{"shards/handle.go", "\th.require(p)\n\treturn nil\n}\n\nfunc", "\t_ = p\n\treturn nil\n}\n\nfunc"},
	}},
	{"replicas are not waited for", []planted.Edit{
		{"shards/node.go", "(errors.Is(err, errMoved) || err == nil && h.Before(o.at))", "errors.Is(err, errMoved)"},
	}},
	{"a query has many snapshots", []planted.Edit{
		{"shards/node.go", "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", "BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY"},
	}},
	{"writes are acknowledged before they are committed", []planted.Edit{
		{"shards/onebyone.go", "\tbatch.Queue(\"COMMIT\")\n}\n\n// one makes", "}\n\n// one makes"},
		{"shards/transact.go", "\tbatch.Queue(\"COMMIT\")\n\tresults", "\tresults"},
		{"shards/transact.go", "return ended(results, 1)", "return nil"},
		{"shards/transact.go", "if tag.String() != \"COMMIT\" {", "if tag.String() == \"\" {"},
		{"shards/transact.go", "if conn.Conn().PgConn().TxStatus() != 'I' && !conn", "if *err != nil && !conn"},
		{"shards/groups.go", "\tif conn.Conn().IsClosed() {\n", "\ttime.Sleep(5 * time.Millisecond)\n\t_, _ = conn.Exec(context.Background(), \"COMMIT\")\n\tif conn.Conn().IsClosed() {\n"},
	}},
	{"what is acknowledged is not on disk", []planted.Edit{
		{"shards/transact.go", "CASE current_setting('synchronous_commit') WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END, true)", "'off', true)"},
	}},
	{"numbers are taken at the insert", []planted.Edit{
		{"shards/share.go", " int64 // how many numbers are used\n", " int64 // how many numbers are used\n\tbase int64\n"},
		{"shards/transact.go", "\tbatch := &pgx.Batch{}\n\tbatch.Queue(beginWrite)\n\tends", "\tfor _, s := range a.shares {\n\t\tif err := s.allocate(ctx, a.conn); err != nil {\n\t\t\treturn false, err\n\t\t}\n\t}\n\tbatch := &pgx.Batch{}\n\tbatch.Queue(beginWrite)\n\tends"},
		{"shards/share.go", "\tswitch {\n\tcase !s.atOnce:\n", "\tif s.atOnce && !s.raised {\n\t\tb.WriteString(\"(SELECT seq, epoch, state, trimmed FROM head\" + active + \")\")\n\t\treturn\n\t}\n\tswitch {\n\tcase !s.atOnce:\n"},
		{"shards/share.go", "SELECT seq - \", b.arg(s.seqs), \", epoch", "SELECT seq, epoch"},
		{"shards/share.go", " AND xmin = pg_current_xact_id()::xid", ""},
		{"shards/onebyone.go", "\tb.WriteString(\" FOR UPDATE\")\n", ""},
		{"shards/onebyone.go", "\tif seqs > 0 {\n\t\tqueue(batch, t.trace, Statement{raiseHead", "\tif seqs < 0 {\n\t\tqueue(batch, t.trace, Statement{raiseHead"},
		{"shards/share.go", "Position{s.head.Epoch, s.head.Seq + w.out.Position.Seq}", "Position{s.head.Epoch, s.base + w.out.Position.Seq}"},
		{"shards/share.go", "\tif s.atOnce {\n\t\tabove -= s.seqs\n\t}\n\tb.add(\"held.seq + \", b.arg(above))", "\tb.add(b.arg(s.base+above), \"::bigint\")"},
		{"shards/transact.go", "// lost returns", `// allocate takes numbers as a sequence would: for good, before the write.
func (s *share) allocate(ctx context.Context, conn *pgxpool.Conn) error {
	tx, err := conn.Begin(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback(ctx)
	if _, err := tx.Exec(ctx, setWrite, s.account, lockTimeout); err != nil {
		return err
	}
	if err := tx.QueryRow(ctx, "UPDATE head SET seq = seq + $2 WHERE account_id = $1 RETURNING seq - $2", s.account, len(s.writes)).Scan(&s.base); err != nil {
		return err
	}
	return tx.Commit(ctx)
}

// lost returns`},
	}},
	{"keys are forgotten", []planted.Edit{
		{"shards/together.go", "\t\tif w.Key != nil {\n\t\t\ts.remember(", "\t\tif w.Key != nil && seqs < 0 {\n\t\t\ts.remember("},
		{"shards/share.go", "\tif w.Key != nil {\n\t\ts.remember(", "\tif w.Key != nil && seq < 0 {\n\t\ts.remember("},
	}},
}

// TestPlantedFaultsAreFound: and soon, not by the luck of a long run.
func TestPlantedFaultsAreFound(t *testing.T) {
	if testing.Short() {
		t.Skip("builds gateways for each fault; left out by -short")
	}
	for _, fault := range faults {
		t.Run(strings.ReplaceAll(fault.name, " ", "_"), func(t *testing.T) {
			faulty := filepath.Join(t.TempDir(), "gatehouse")
			cmd := exec.Command("go", "build", "-ldflags", "-s -w", "-overlay", planted.Overlay(t, "..", fault.edits), "-o", faulty, "gatehouse")
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("the fault does not build any more: %v\n%s", err, out)
			}
			findings := check(t, faulty, 8*time.Second, true)
			if len(findings) == 0 {
				t.Fatal("the sessions do not find it")
			}
			t.Log("found: ", findings[0])
		})
	}
}
