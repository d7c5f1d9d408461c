package pgtest

import (
	"os"
	"os/exec"
	"testing"
)

const (
	engineVariable = "GATEHOUSE_TEST_ENGINE"
	engine         = "postgres"
)

// Again runs the tests of this binary that match run, and not skip, a second
// time: in a process of its own, in which Wanted is true. So one list of stories
// is told on both engines.
func Again(t *testing.T, run, skip string) {
	t.Helper()
	if Wanted() {
		t.Skip("this is the second time")
	}
	t.Parallel()
	if _, err := findPrograms(); err != nil {
		absent(t)
	}
	args := []string{"-test.run", run}
	if skip != "" {
		args = append(args, "-test.skip", skip)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Env = append(os.Environ(), engineVariable+"="+engine)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("on PostgreSQL: %v\n%s", err, out)
	}
}

// Wanted reports whether the stories of this process are about PostgreSQL.
func Wanted() bool { return os.Getenv(engineVariable) == engine }
