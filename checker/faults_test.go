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
		{"shards/transact.go", "\tbatch.Queue(\"COMMIT\")\n}\n\n// ended reads", "}\n\n// ended reads"},
		{"shards/transact.go", "\tt.together(batch, group)\n\tbatch.Queue(\"COMMIT\")\n", "\tt.together(batch, group)\n"},
		{"shards/transact.go", "if tag.String() != \"COMMIT\" {", "if tag.String() == \"\" {"},
		{"shards/transact.go", "if conn.Conn().PgConn().TxStatus() != 'I' && !conn", "if err != nil && !conn"},
		{"shards/groups.go", "\t\tif conn != nil {\n", "\t\tif conn != nil {\n\t\t\ttime.Sleep(5 * time.Millisecond)\n\t\t\t_, _ = conn.Exec(ctx, \"COMMIT\")\n"},
	}},
	{"what is acknowledged is not on disk", []planted.Edit{
		{"shards/transact.go", "CASE current_setting('synchronous_commit') WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END, true)", "'off', true)"},
	}},
	{"numbers are taken at the insert", []planted.Edit{
		{"shards/transact.go", " int64 // how many numbers are used\n", " int64 // how many numbers are used\n\tbase int64\n"},
		{"shards/transact.go", "\tt.atOnce = true\n", "\tif err := t.allocate(ctx, len(group)); err != nil {\n\t\treturn false, err\n\t}\n\tt.atOnce = true\n"},
		{"shards/transact.go", "Statement{raiseFirst, []any{t.account, t.seqs}}", "Statement{\"SELECT seq, epoch, state, trimmed, -1 FROM head WHERE account_id = $1\", []any{t.account}}"},
		{"shards/transact.go", "\tb.WriteString(\" FOR UPDATE\")\n", ""},
		{"shards/transact.go", "\tif seqs > 0 {\n\t\tqueue(batch, t.trace, Statement{raiseHead", "\tif seqs < 0 {\n\t\tqueue(batch, t.trace, Statement{raiseHead"},
		{"shards/transact.go", "Position{t.head.Epoch, t.head.Seq + p.out.Position.Seq}", "Position{t.head.Epoch, t.base + p.out.Position.Seq}"},
		{"shards/transact.go", "\tif t.atOnce {\n\t\tabove -= t.seqs\n\t}\n\treturn \"(SELECT seq FROM head WHERE account_id = \" + b.account + \" AND state = 'active') + \" + b.arg(above)", "\treturn b.arg(t.base+above) + \"::bigint\""},
		{"shards/transact.go", "// lost returns", `// allocate takes numbers as a sequence would: for good, before the write.
func (t *transaction) allocate(ctx context.Context, n int) error {
	tx, err := t.conn.Begin(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback(ctx)
	if _, err := tx.Exec(ctx, setWrite, t.account); err != nil {
		return err
	}
	if err := tx.QueryRow(ctx, "UPDATE head SET seq = seq + $2 WHERE account_id = $1 RETURNING seq - $2", t.account, n).Scan(&t.base); err != nil {
		return err
	}
	return tx.Commit(ctx)
}

// lost returns`},
	}},
	{"keys are forgotten", []planted.Edit{
		{"shards/together.go", "\t\tif w.Key != nil {\n\t\t\tt.remember(", "\t\tif w.Key != nil && seqs < 0 {\n\t\t\tt.remember("},
		{"shards/transact.go", "\tif w.Key != nil {\n\t\tt.remember(", "\tif w.Key != nil && seq < 0 {\n\t\tt.remember("},
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
