package tenancy

import (
	"os"
	"path/filepath"
	"testing"
)

func TestDirectoryFileIsPrivateAndDurable(t *testing.T) {
	t.Parallel()
	d, path := newDirectory(t, onSQLite, nil)
	for _, suffix := range []string{"", "-wal"} {
		info, err := os.Stat(path + suffix)
		must(t, err)
		if info.Mode().Perm() != 0o600 {
			t.Errorf("mode of %s is %v", info.Name(), info.Mode().Perm())
		}
	}
	for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1"} {
		var got string
		must(t, d.write.DB.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got))
		if got != want {
			t.Errorf("%s = %s, want %s", pragma, got, want)
		}
	}
	if _, err := d.read.DB.ExecContext(t.Context(), "DELETE FROM host"); err == nil {
		t.Error("the reading pool can write")
	}
}

func TestTheFileHasTheNameThatItWasGiven(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "new folder")
	if _, err := OpenDirectory(t.Context(), filepath.Join(folder, "di?rectory.db"), Options{}); err == nil {
		t.Error("a path with parameters was taken")
	}
	path := filepath.Join(folder, "directory%41.db")
	openTest(t, path, nil)
	if _, err := os.Stat(path); err != nil {
		t.Error("the file has another name:", err)
	}
}
