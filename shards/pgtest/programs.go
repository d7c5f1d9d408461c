package pgtest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
)

var errAbsent = errors.New("PostgreSQL is not installed: neither PATH nor /usr/lib/postgresql has initdb, postgres and pg_basebackup")

// programs are PostgreSQL's, and the user who runs them.
type programs struct {
	dir  string              // the folder that has them
	user *syscall.Credential // nil for the current user
}

func findPrograms() (programs, error) {
	var dirs []string
	if path, err := exec.LookPath("postgres"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil {
			dirs = append(dirs, filepath.Dir(path))
		}
	}
	installed, _ := filepath.Glob("/usr/lib/postgresql/*/bin") // Debian's place; the pattern is well formed
	slices.Reverse(installed)
	for _, dir := range append(dirs, installed...) {
		whole := true
		for _, name := range []string{"initdb", "postgres", "pg_basebackup"} {
			whole = whole && exists(filepath.Join(dir, name))
		}
		if whole {
			as, err := unprivileged()
			return programs{dir, as}, err
		}
	}
	return programs{}, errAbsent
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// unprivileged returns the user to run PostgreSQL as, which refuses to be root.
func unprivileged() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	var errs []error
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		uid, uidErr := strconv.ParseUint(u.Uid, 10, 32)
		gid, gidErr := strconv.ParseUint(u.Gid, 10, 32)
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, errors.Join(uidErr, gidErr)
	}
	return nil, errors.Join(errs...)
}

// folder makes a folder of the user's for a cluster.
func (p programs) folder() (string, error) {
	dir, err := os.MkdirTemp("", "gatehouse-postgres-")
	if err != nil || p.user == nil {
		return dir, err
	}
	return dir, os.Chown(dir, int(p.user.Uid), int(p.user.Gid))
}

func (p programs) command(name string, args ...string) *exec.Cmd {
	return p.as(exec.Command(filepath.Join(p.dir, name), args...))
}

func (p programs) as(cmd *exec.Cmd) *exec.Cmd {
	cmd.Dir = os.TempDir() // the user may not be allowed where the test runs
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: p.user}
	return cmd
}

func (p programs) run(name string, args ...string) error {
	if out, err := p.command(name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", name, err, out)
	}
	return nil
}
