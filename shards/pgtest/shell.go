package pgtest

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Shell runs a script of bash, which ends at the first command that fails, as
// the user who runs the servers and in a folder of its own, with PostgreSQL's
// programs and those of the folders path in its PATH. It returns what the script
// printed.
func (c *Cluster) Shell(t testing.TB, script string, path ...string) string {
	t.Helper()
	dir, err := c.program.folder()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) }) // a folder of the temporary ones
	file := filepath.Join(dir, "script.sh")
	if err := os.WriteFile(file, []byte(script), 0o644); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	cmd := c.program.as(exec.CommandContext(ctx, "bash", "-euo", "pipefail", file))
	cmd.Dir = dir
	// What the script leaves running must not keep the test waiting.
	cmd.WaitDelay = 10 * time.Second
	cmd.Env = append(os.Environ(), "HOME="+dir, "PATH="+strings.Join(append(append(path, c.program.dir), os.Getenv("PATH")), ":"))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return string(out)
}
