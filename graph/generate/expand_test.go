package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2/ast"
)

func TestSDLIsUpToDate(t *testing.T) {
	got, err := expanded(schemaWith(t))
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("../sdl/*")
	if err != nil || len(files) != len(got) {
		t.Errorf("graph/sdl has %d files, graph/schema %d: %v", len(files), len(got), err)
	}
	for name, text := range got {
		if has, err := os.ReadFile("../sdl/" + name); err != nil || string(has) != text {
			t.Errorf("graph/sdl/%s is stale, run go generate ./graph: %v", name, err)
		}
	}
}

func TestOneFileMakesAnEntity(t *testing.T) {
	task, err := os.ReadFile("../../examples/task/graph/schema/tasks.graphqls")
	if err != nil {
		t.Fatal(err)
	}
	got, err := expanded(schemaWith(t, string(task)))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"type Task implements Record & Node {\n",
		"  client: Client\n",
		"  \"By what is to be done.\"\n  title: StringFilter\n",
		"  clientId: IDFilter\n",
		"  done: Boolean! = false\n",
		"  clientId: ID!\n",
		"  dueOn: Date\n",
		"extend enum RecordType {\n  \"A task.\"\n  TASK\n}\n",
		"): UpsertTasksPayload! @scope(requires: \"tasks:write\")\n",
		"Errors: REQUIRED (a blank title), INVALID (a limit), TAKEN (id or externalId), NOT_FOUND (the client).\n",
	} {
		if !strings.Contains(got["new.graphqls"], want) {
			t.Errorf("no %q in\n%s", want, got["new.graphqls"])
		}
	}
	if strings.Contains(got["new.graphqls"], "@filter") {
		t.Error("a directive of the expansion is left")
	}
	if want := " or tasks refer to it)"; !strings.Contains(got["clients.graphqls"], want) {
		t.Errorf("clients do not know that tasks refer to them: no %q", want)
	}
}

func TestMistakeIsOneLineThatSaysWhere(t *testing.T) {
	const head = "\"A task.\"\ntype Task @entity(plural: \"tasks\") {\n  \"The thing.\"\n"
	for _, c := range []struct{ text, want string }{
		{"\"A task.\"\ntype Task @entity {\n  a: Int\n}", "new.graphqls:2:12: Task: @entity needs its plural, such as clients for Client"},
		{"\"A task.\"\ntype Task @entity(plurals: \"tasks\") {\n  a: Int\n}", "new.graphqls:2:12: Task: @entity needs its plural, such as clients for Client"},
		{"type Task @entity(plural: \"tasks\") {\n  a: Int\n}", "new.graphqls:1:6: Task has no description"},
		{"enum Task @entity(plural: \"tasks\") {\n  A\n}", "new.graphqls:1:6: Task: only a type can be an entity"},
		{head + "  a: Int\n  b: Int\n}", "new.graphqls:5:3: Task.b has no description"},
		{head + "  a: String @filter(by: 1)\n}", "new.graphqls:4:21: Undefined argument by for directive filter."},
		{head + "  a: String @fliter\n}", "new.graphqls:4:14: Undefined directive fliter."},
		{head + "  a: Address @filter\n}", "new.graphqls:4:15: Task.a is an object, which can't have @filter"},
		{head + "  a: [String!]! @sort\n}", "new.graphqls:4:18: Task.a is a list, which can't have @sort"},
		{head + "  a: String @required\n}", "new.graphqls:4:14: Task.a is a single value, which can't have @required"},
		{head + "  a: Date @filter\n}", "new.graphqls:4:3: Task.a can't be filtered: there is no DateFilter"},
		{head + "  a: Actor\n}", "new.graphqls:4:3: Task.a can't be written: there is no input ActorInput"},
		{head + "  a: Clint\n}", "new.graphqls:4:3: Task.a: there is no type Clint"},
		{head + "  a: Client!\n}", "new.graphqls:4:3: Task.a: an edge is null for who may not read it; say @required for one that must be given"},
		{head + "  a: ClientConnection!\n}", "new.graphqls:4:3: Task.a leads to several records, so it needs @edge"},
		{head + "  a: ClientStatus! @default(value: \"GONE\")\n}", "new.graphqls:4:3: Task.a: \"GONE\" is no ClientStatus"},
		{head + "  a: Boolean @default(value: \"true\")\n}", "new.graphqls:4:3: Task.a has a default, so its type must be Boolean!"},
		{head + "  a(b: Int): Int\n}", "new.graphqls:4:3: Task.a has arguments, so it must be @readonly"},
		{head + "  version: Int!\n}", "new.graphqls:4:3: Task.version: every entity has this field already"},
		{head + "  a Int\n}", "new.graphqls:4:5: Expected :, found Name"},
		{strings.ReplaceAll(head, "Task", "Client") + "  a: Int\n}", "new.graphqls:2:6: Cannot redeclare type Client."},
		{head + "  a: Int\n}\ninput TaskPatch {\n  a: Int\n}", "new.graphqls:6:7: TaskPatch follows from Task, so it can't be written by hand"},
	} {
		t.Run(c.want, func(t *testing.T) {
			t.Parallel()
			if _, err := expanded(schemaWith(t, c.text)); err == nil || err.Error() != c.want {
				t.Errorf("got %v", err)
			}
		})
	}
}

// schemaWith is the schema by hand, with more files that are all named new.graphqls.
// With them it goes without the example's file, which may have been put there.
func schemaWith(t *testing.T, more ...string) []*ast.Source {
	t.Helper()
	srcs, err := sources("../schema")
	if err != nil || len(srcs) == 0 {
		t.Fatalf("no schema: %v", err)
	}
	if more != nil {
		srcs = slices.DeleteFunc(srcs, func(src *ast.Source) bool { return filepath.Base(src.Name) == "tasks.graphqls" })
	}
	for _, text := range more {
		srcs = append(srcs, &ast.Source{Name: "new.graphqls", Input: text})
	}
	return srcs
}
