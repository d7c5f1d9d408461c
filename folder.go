package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
)

// folder is a data folder that this process owns: it holds the lock.
type folder struct {
	path string // absolute
	lock *flock.Flock
}

var errInUse = errors.New("is in use by another process")

// claim takes a data folder, or fails with errInUse in the chain.
func claim(path string) (*folder, error) {
	whole, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if info, err := os.Stat(whole); err != nil || !info.IsDir() {
		return nil, fmt.Errorf("there is no data folder %s", path)
	}
	f := &folder{path: whole, lock: flock.New(filepath.Join(whole, "lock"), flock.SetPermissions(0o600))}
	taken, err := f.lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("lock the data folder: %w", err)
	}
	if !taken {
		return nil, fmt.Errorf("the data folder %s %w", path, errInUse)
	}
	return f, nil
}

// claimSoon is claim with a little patience, for a command that is under way.
func claimSoon(path string) (*folder, error) {
	for deadline := time.Now().Add(time.Second); ; time.Sleep(20 * time.Millisecond) {
		f, err := claim(path)
		if !errors.Is(err, errInUse) || time.Now().After(deadline) {
			return f, err
		}
	}
}

// makeFolder makes a data folder where there is none.
func makeFolder(path string) error {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return fmt.Errorf("make the data folder: %w", err)
	}
	return nil
}

func (f *folder) file(name string) string { return filepath.Join(f.path, name) }

func (f *folder) has(name string) bool {
	_, err := os.Stat(f.file(name))
	return err == nil
}

// release gives the folder back; where there is none (nil) it does nothing.
func (f *folder) release() error {
	if f == nil {
		return nil
	}
	return f.lock.Close()
}

// Files of a data folder.
const (
	directoryFile = "directory.db"
	secretsFile   = "secrets.json" // in the folder of dev only
	socketFile    = "gatehouse.sock"
)
