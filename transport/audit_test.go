package transport_test

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// TestAuditsOfGraphQLOverHTTP runs the 61 audits of the npm package graphql-http.
func TestAuditsOfGraphQLOverHTTP(t *testing.T) {
	t.Parallel()
	node(t, "audit.mjs", "61/61")
}

// TestClientsFromNPM lives with the gateway as the reference clients of both
// streaming protocols do.
func TestClientsFromNPM(t *testing.T) {
	t.Parallel()
	for _, script := range []string{"sockets.mjs", "events.mjs"} {
		t.Run(script, func(t *testing.T) {
			t.Parallel()
			node(t, script, "ok")
		})
	}
}

// node runs a script of the folder audit against a server, and wants what it prints.
func node(t *testing.T, script, want string) {
	t.Helper()
	missing := ""
	if _, err := os.Stat("audit/node_modules/graphql-ws"); err != nil {
		missing = "the packages are not installed: run npm ci in transport/audit"
	} else if _, err := exec.LookPath("node"); err != nil {
		missing = "no node in PATH"
	}
	if missing != "" && os.Getenv("CI") == "true" {
		t.Fatal(missing + ", and CI must not skip this")
	}
	if missing != "" {
		t.Skip(missing)
	}
	s := newServer(t, nil)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, "node", script, s.URL, "a")
	command.Dir = "audit"
	out, err := command.CombinedOutput()
	if err != nil || strings.TrimSpace(string(out)) != want {
		t.Fatalf("%s%v", out, err)
	}
}
