package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestTheExampleEntity does what the README says of adding an entity: it
// copies examples/task over the project, generates, builds and uses it.
func TestTheExampleEntity(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the whole gateway; left out by -short")
	}
	t.Parallel()
	dir := t.TempDir()
	copyTree(t, ".", dir)
	before := treeOf(t, dir)
	copyTree(t, filepath.Join("examples", "task"), dir)
	byHand := 0
	for name, text := range treeOf(t, dir) {
		if old, ok := before[name]; ok && old != text {
			t.Errorf("the example touches %s", name)
		} else if !ok {
			byHand += strings.Count(text, "\n")
		}
	}
	if byHand == 0 || byHand >= 120 {
		t.Errorf("the example has %d lines, want fewer than 120", byHand)
	}
	command(t, dir, "go", "generate", "./graph")
	binary := filepath.Join(dir, "gatehouse")
	command(t, dir, "go", "build", "-o", binary, ".")
	// The schema's own rules, and the plans of statements, hold for the new entity.
	command(t, dir, "go", "test", "./graph/schema", "./resolvers")

	ask := startDev(t, dir, binary)
	var made struct {
		CreateTask struct {
			Task struct {
				ID     string
				Client struct{ ID string }
			}
			Errors []any
		}
		Clients struct{ Nodes []struct{ ID string } }
		Tasks   struct{ Nodes []struct{ ID, Title string } }
	}
	ask(`{ clients(first: 1) { nodes { id } } }`, nil, &made)
	client := made.Clients.Nodes[0].ID
	ask(`mutation($c: ID!) { createTask(input: {title: "Ring back", clientId: $c}) { task { id client { id } } errors { message } } }`,
		map[string]any{"c": client}, &made)
	if made.CreateTask.Task.ID == "" || made.CreateTask.Task.Client.ID != client {
		t.Fatalf("created %+v", made.CreateTask)
	}
	ask(`mutation($id: ID!) { updateTask(id: $id, patch: {done: true}) { task { id } errors { message } } }`,
		map[string]any{"id": made.CreateTask.Task.ID}, &made)
	ask(`{ tasks(where: {done: {eq: true}, title: {startsWith: "RING"}}, orderBy: {field: TITLE}) { nodes { id title } } }`, nil, &made)
	if len(made.Tasks.Nodes) != 1 || made.Tasks.Nodes[0].Title != "Ring back" {
		t.Errorf("found %+v", made.Tasks.Nodes)
	}
	var changes struct {
		Task struct {
			History struct {
				Nodes []struct{ RecordType, Kind string }
			}
		}
	}
	ask(`query($id: ID!) { task(id: $id) { history { nodes { recordType kind } } } }`, map[string]any{"id": made.CreateTask.Task.ID}, &changes)
	if h := changes.Task.History.Nodes; len(h) != 2 || h[0].RecordType != "TASK" || h[0].Kind != "UPDATED" {
		t.Errorf("history %+v", h)
	}
}

// startDev runs `gatehouse dev` in dir and returns a client of acme's admin.
func startDev(t *testing.T, dir, binary string) func(query string, variables map[string]any, into any) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, binary, "dev", "--listen", "127.0.0.1:0")
	cmd.Dir = dir
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	url := make(chan string, 1)
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		endpoint := regexp.MustCompile(`http://127\.0\.0\.1:\d+/graphql`)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if found := endpoint.FindString(lines.Text()); found != "" {
				select {
				case url <- found:
				default:
				}
			}
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-drained
		cmd.Wait()
	})
	var endpoint string
	select {
	case endpoint = <-url:
	case <-drained:
		t.Fatal("gatehouse dev ended")
	case <-time.After(30 * time.Second):
		t.Fatal("gatehouse dev does not say where it listens")
	}
	token := strings.TrimSpace(command(t, dir, binary, "token", "acme"))
	return func(query string, variables map[string]any, into any) {
		t.Helper()
		body, err := json.Marshal(map[string]any{"query": query, "variables": variables})
		if err != nil {
			t.Fatal(err)
		}
		req, err := http.NewRequest("POST", endpoint, bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Authorization", "Bearer "+token)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		var answer struct {
			Data   json.RawMessage
			Errors []any
		}
		if err := json.Unmarshal(text, &answer); err != nil || answer.Errors != nil || json.Unmarshal(answer.Data, into) != nil {
			t.Fatalf("%s\n%s", query, text)
		}
	}
}

func command(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, out, &stderr)
	}
	return string(out)
}

// copyTree copies the files of a project: no data, nothing installed, no history.
func copyTree(t *testing.T, from, to string) {
	t.Helper()
	for name, text := range treeOf(t, from) {
		path := filepath.Join(to, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func treeOf(t *testing.T, root string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		switch {
		case d.IsDir() && (name == "data" || name == ".git" || d.Name() == "node_modules"):
			return fs.SkipDir
		case !d.Type().IsRegular():
			return nil
		}
		text, err := os.ReadFile(path)
		out[filepath.ToSlash(name)] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}
