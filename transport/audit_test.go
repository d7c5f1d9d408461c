package transport_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestAuditsOfGraphQLOverHTTP runs the 61 audits of the npm package graphql-http.
func TestAuditsOfGraphQLOverHTTP(t *testing.T) {
	t.Parallel()
	missing := ""
	if _, err := os.Stat("audit/node_modules/graphql-http"); err != nil {
		missing = "the audits are not installed: run npm ci in transport/audit"
	} else if _, err := exec.LookPath("node"); err != nil {
		missing = "no node in PATH"
	}
	if missing != "" && os.Getenv("CI") == "true" {
		t.Fatal(missing + ", and CI must not skip them")
	}
	if missing != "" {
		t.Skip(missing)
	}
	s := newServer(t, nil)
	command := exec.CommandContext(t.Context(), "node", "audit.mjs", s.URL, "a")
	command.Dir = "audit"
	out, err := command.CombinedOutput()
	if err != nil || strings.TrimSpace(string(out)) != "61/61" {
		t.Fatalf("%s%v", out, err)
	}
}
