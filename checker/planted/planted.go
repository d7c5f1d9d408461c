// Package planted builds the program with a mistake in it, so that a test can
// show that it would find it. Imported by tests only.
package planted

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const (
	// Leaking is a variable of the environment of the isolation suite, set where
	// it runs with a leak inside: it ends with the first thing that it finds.
	Leaking = "GATEHOUSE_LEAK"
	// Finding begins what the isolation suite finds, each time.
	Finding = "ISOLATION: "
)

// Edit is a file, relative to the module's root, a text that occurs in it exactly
// once, and the text that takes its place.
type Edit [3]string

// Overlay returns what `go build -overlay` takes to see the edited files in
// place of those below root. It fails where an edit does not fit any more.
func Overlay(t testing.TB, root string, edits []Edit) (path string) {
	t.Helper()
	dir, replace := t.TempDir(), map[string]string{}
	for _, e := range edits {
		plant(t, dir, filepath.Join(root, filepath.FromSlash(e[0])), replace, e)
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func plant(t testing.TB, dir, file string, replace map[string]string, e Edit) {
	t.Helper()
	name, old, text := e[0], e[1], e[2]
	path, err := filepath.Abs(file)
	if err != nil {
		t.Fatal(err)
	}
	from := path
	if replace[path] != "" {
		from = replace[path]
	}
	source, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(source), old); n != 1 {
		t.Fatalf("the mistake does not fit any more: %s has %d times %q, want it once", name, n, old)
	}
	to := filepath.Join(dir, strings.ReplaceAll(name, "/", "_"))
	if err := os.WriteFile(to, []byte(strings.Replace(string(source), old, text, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	replace[path] = to
}
