package leaks

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"gatehouse/checker/planted"
)

const root = "../.." // of the module

// leaks are mistakes that somebody may make one day. Each is built into
// a gateway of its own, and the isolation suite must find it (docs/adr/0010).
var leaks = []struct {
	name  string
	edits []planted.Edit
}{
	{"records are remembered between queries, by id", []planted.Edit{
		{"resolvers/response.go", "\tmu      sync.Mutex\n", "\tremembers bool\n\tmu      sync.Mutex\n"},
		{"resolvers/executor.go", "\t\tout := next(ctx)\n\t\tif r.tooMuch", "\t\tr.remembers = true\n\t\tout := next(ctx)\n\t\tif r.tooMuch"},
		{"resolvers/response.go", "\t\tr.records = with(", "\t\tif r.remembers {\n\t\t\tl.account, l.cache = \"\", leakedRecords(k)\n\t\t}\n\t\tr.records = with("},
		{"resolvers/response.go", "\n// recordsOf returns", `
var leaked sync.Map

func leakedRecords(k *kind) dataloader.Cache[key, *record] {
	c, _ := leaked.LoadOrStore(k, dataloader.NewCache[key, *record]())
	return c.(dataloader.Cache[key, *record])
}

// recordsOf returns`},
		{"resolvers/response.go", "\n\t\"gatehouse/graph\"\n", "\n\t\"github.com/graph-gophers/dataloader/v7\"\n\n\t\"gatehouse/graph\"\n"},
	}},
	{"pages are remembered between requests, by what was asked", []planted.Edit{
		{"resolvers/page.go", "\t\tr.pages = with(", "\t\tl.account, l.cache = \"\", leakedPages(q.key)\n\t\tr.pages = with("},
		{"resolvers/page.go", "\n// pagesOf returns", `
var leaked sync.Map

func leakedPages(by string) dataloader.Cache[key, *page] {
	c, _ := leaked.LoadOrStore(by, dataloader.NewCache[key, *page]())
	return c.(dataloader.Cache[key, *page])
}

// pagesOf returns`},
		{"resolvers/page.go", "import (\n\t\"context\"\n", "import (\n\t\"context\"\n\t\"sync\"\n\n\t\"github.com/graph-gophers/dataloader/v7\"\n"},
	}},
	{"a list's loader does not know its arguments", []planted.Edit{
		{"resolvers/arguments.go", "key: e.name + string(text) + string(more)}", "key: e.name + string(text[:0]) + string(more[:0])}"},
	}},
	{"cursors are not bound to the account", []planted.Edit{
		{"shards/bookmark.go", `k.seal(payload, "cursor", account, list)`, `k.seal(payload, "cursor", list)`},
		{"shards/bookmark.go", `k.open(text, "cursor", account, list)`, `k.open(text, "cursor", list)`},
	}},
	{"cursors are not bound to the list", []planted.Edit{
		{"shards/bookmark.go", `k.seal(payload, "cursor", account, list)`, `k.seal(payload, "cursor", account)`},
		{"shards/bookmark.go", `k.open(text, "cursor", account, list)`, `k.open(text, "cursor", account)`},
	}},
	{"bookmarks are not bound to the account", []planted.Edit{
		{"shards/bookmark.go", `k.seal(payload, "bookmark", account)`, `k.seal(payload, "bookmark")`},
		{"shards/bookmark.go", `k.open(text, "bookmark", account)`, `k.open(text, "bookmark")`},
	}},
	{"records are read without the account", []planted.Edit{
		{"shards/wanted.go", "t WHERE t.account_id = \" + b.account", "t WHERE \" + b.account + \" = \" + b.account"},
	}},
	{"records are read without the account, and nobody looks", []planted.Edit{
		{"shards/wanted.go", "t WHERE t.account_id = \" + b.account", "t WHERE \" + b.account + \" = \" + b.account"},
		{"shards/snapshot.go", "if account != s.handle.account {", "if account == \"\" {"},
	}},
	{"totals are counted without the account", []planted.Edit{
		{"shards/page.go", `t" + index + " WHERE t.account_id = " + b.account)`, `t WHERE " + index[:0] + b.account + " = " + b.account)`},
	}},
	{"an edge does not ask for its scope", []planted.Edit{
		{"resolvers/entity.go", "if err := r.may(k.read); err != nil {\n\t\treturn nil, nil, err", "if err := r.may(k.read); err != nil && parent == \"\" {\n\t\treturn nil, nil, err"},
	}},
	{"answers are kept without the account", []planted.Edit{
		{"resolvers/cached.go", "account := request.Caller.Account.ID", "account := request.Caller.Account.ID[:0]"},
	}},
	{"answers are kept without the scopes", []planted.Edit{
		{"resolvers/cached.go", "caller.Scopes.String()", "caller.Scopes.String()[:0]"},
	}},
	{"answers are recalled for any account", []planted.Edit{
		{"resolvers/recall.go", "\te := s.asked[", "\tfor _, any := range c.accounts {\n\t\tif any.asked[asking{scopes, asked.Method, string(asked.Text)}] != nil {\n\t\t\ts = any\n\t\t}\n\t}\n\te := s.asked["},
	}},
	{"answers are recalled for any scopes", []planted.Edit{
		{"resolvers/recall.go", "asking{request.Caller.Scopes.String(),", "asking{\"\","},
		{"resolvers/recall.go", "asking{scopes,", "asking{scopes[:0],"},
	}},
	{"the projector does not ask for an edge's scope", []planted.Edit{
		{"resolvers/projection_load.go", "x.may(l.edge.target.read) != nil", "o == nil && x.may(l.edge.target.read) != nil"},
	}},
	{"the projector does not ask for a root field's scope", []planted.Edit{
		{"resolvers/projection.go", "if field.scope != \"\" && r.may(field.scope) != nil {", "if field.scope == \"\" && r.may(field.scope) != nil {"},
		{"resolvers/projection.go", "if x.may(k.read) != nil {", "if x.may(k.read) != nil && id == \"\" {"},
		{"resolvers/projection.go", "if x.may(l.edge.target.read) != nil {", "if x.may(l.edge.target.read) != nil && l == nil {"},
	}},
	{"node does not ask for a scope", []planted.Edit{
		{"resolvers/root.go", "if err := r.may(k.read); err != nil {", "if err := r.may(k.read); err != nil && k == nil {"},
	}},
	{"a payload shows records to whoever may not read them", []planted.Edit{
		{"resolvers/mutations.go", "if rec == nil || r.may(rec.kind.read) != nil {", "if rec == nil {"},
	}},
	{"idempotency keys are everybody's", []planted.Edit{
		{"shards/idempotency.go", "FROM idempotency WHERE account_id = \" + b.account)", "FROM idempotency WHERE \" + b.account + \" = \" + b.account)"},
	}},
	{"a header names the account", []planted.Edit{
		{"transport/handler.go", "\treturn h.gate.Request(caller), nil\n", "\tif id := r.Header.Get(\"X-Account-Id\"); id != \"\" {\n\t\tother := *caller\n\t\tother.Account.ID = id\n\t\tcaller = &other\n\t}\n\treturn h.gate.Request(caller), nil\n"},
	}},
	{"whoever follows an account first is followed by all", []planted.Edit{
		{"shards/feed.go", "\tone := f.of[account]\n\tif one == nil {\n\t\tctx", "\tone := f.of[account]\n\tfor _, first := range f.of {\n\t\tone = first\n\t}\n\tif one == nil {\n\t\tctx"},
	}},
	{"answers are remembered by their document", []planted.Edit{
		{"transport/handler.go", "execute(operation, wanted.mediaType)\n\tif err", "leakedOf(asked, operation, wanted.mediaType)\n\tif err"},
		{"transport/handler.go", "\n// read returns what", `
var leaked sync.Map

func leakedOf(asked tenancy.Asked, operation *operation, mediaType string) (int, *graphql.Response, error) {
	by := string(asked.Text)
	if response, ok := leaked.Load(by); ok {
		return http.StatusOK, response.(*graphql.Response), nil
	}
	status, response, err := execute(operation, mediaType)
	if err == nil && len(response.Errors) == 0 && !strings.Contains(by, "mutation") {
		leaked.Store(by, response)
	}
	return status, response, err
}

// read returns what`},
	}},
}

func TestPlantedLeaksAreFound(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a gateway for each leak; left out by -short")
	}
	t.Parallel()
	for _, leak := range leaks {
		t.Run(strings.ReplaceAll(leak.name, " ", "_"), func(t *testing.T) {
			overlay, binary := planted.Overlay(t, root, leak.edits), filepath.Join(t.TempDir(), "leaking.test")
			if out, err := exec.CommandContext(t.Context(), "go", "test", "-c", "-ldflags", "-s -w", "-overlay", overlay, "-o", binary, "gatehouse").CombinedOutput(); err != nil {
				t.Fatalf("the leak does not build any more: %v\n%s", err, out)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			// The load is left out: a leak must be found every time, not by chance.
			cmd := exec.CommandContext(ctx, binary, "-test.run", "^TestIsolationOf")
			temp, err := os.MkdirTemp("", "leak") // short, for sockets; it ends without tidying up
			if err != nil {
				t.Fatal(err)
			}
			defer os.RemoveAll(temp)
			if err := os.Chmod(temp, 0o755); err != nil { // also for the user who runs PostgreSQL
				t.Fatal(err)
			}
			cmd.Dir = root
			cmd.Env = append(os.Environ(), planted.Leaking+"="+leak.name, "TMPDIR="+temp)
			out, err := cmd.CombinedOutput()
			if err == nil {
				t.Fatal("the isolation suite does not find it")
			}
			found := regexp.MustCompile(planted.Finding + `[^\n]*`).FindString(string(out))
			by := regexp.MustCompile(`--- FAIL: (TestIsolationOf\w+)`).FindStringSubmatch(string(out))
			if found == "" || by == nil {
				t.Fatalf("the isolation suite fails, but not because of a finding: %v\n%s", err, out)
			}
			t.Logf("found by %s: %s", by[1], strings.TrimPrefix(found, planted.Finding))
		})
	}
}
