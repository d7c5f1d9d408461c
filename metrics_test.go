package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"gatehouse/transport"
)

// TestMetricsAreBounded: however many accounts, keys, operations and mistakes
// there are, the series are the same.
func TestMetricsAreBounded(t *testing.T) {
	t.Parallel()
	data := newFolder(t)
	s, private := privately(t, data, "")
	series := func() (names []string, text string) {
		code, text := get(private + "/metrics")
		if code != 200 {
			t.Fatal(code, text)
		}
		for line := range strings.Lines(text) {
			if name, _, found := strings.Cut(line, " "); found && strings.HasPrefix(name, "gatehouse_") {
				names = append(names, name)
			}
		}
		return names, text
	}
	use := func(account string, n int) {
		key := makeKeyOf(t, data, account)
		s.send(t, key, fmt.Sprintf("query Q%d { clients { totalCount } }", n))
		s.send(t, key, fmt.Sprintf(`mutation M%d { createGroup(input: {name: "g%d"}) { bookmark } }`, n, n))
		s.send(t, key, fmt.Sprintf("{ nope%d }", n))
		s.send(t, fmt.Sprintf("gk_%d", n), "{ __typename }")
		s.status(t, fmt.Sprintf("/path/%d", n))
	}
	use("acme", 0)
	before, text := series()
	for _, want := range []string{
		`gatehouse_request_duration_seconds_count{code="",kind="query",protocol="http"} 1`,
		`gatehouse_request_duration_seconds_count{code="",kind="mutation",protocol="http"} 1`,
		`gatehouse_request_duration_seconds_count{code="BAD_REQUEST",kind="",protocol="http"} 1`,
		`gatehouse_request_duration_seconds_count{code="UNAUTHENTICATED",kind="",protocol="http"} 1`,
		`gatehouse_requests_in_flight 0`, `gatehouse_streams_open 0`, `gatehouse_commit_group_size_count 1`, `gatehouse_commit_wait_seconds_count 1`,
		`gatehouse_shard_open{shard="uk-1"} 1`, `gatehouse_directory_lookups_total{from="directory"} `, `gatehouse_statements_total `,
		`go_goroutines `, `process_open_fds `,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("there is no %s in\n%s", want, regexp.MustCompile(`(?m)^(#|go_|process_).*\n`).ReplaceAllString(text, ""))
		}
	}

	manual, err := os.ReadFile(filepath.Join("docs", "operations.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range before {
		name, _, _ = strings.Cut(name, "{")
		for _, part := range []string{"_bucket", "_sum", "_count"} {
			name = strings.TrimSuffix(name, part)
		}
		if !strings.Contains(string(manual), "`"+name+"`") {
			t.Errorf("the manual lacks %s", name)
		}
	}

	var accounts sync.WaitGroup
	for n := range 30 {
		name := fmt.Sprintf("account-%d", n)
		ok(t, "accounts", "create", name, "--residency", "UK", "--data", data)
		accounts.Go(func() { use(name, n+1) })
	}
	accounts.Wait()
	after, text := series()
	if len(after) > len(before)+1 { // lookups answered from memory
		t.Errorf("%d series with one account, %d with 31", len(before), len(after))
	}
	if found := regexp.MustCompile(`account[-_]\w+|acme|gk_\w+|nope|path|[QM]\d`).FindString(regexp.MustCompile(`(?m)^#.*\n`).ReplaceAllString(text, "")); found != "" {
		t.Errorf("a metric names %s", found)
	}
}

// A socket ends with a code and a reason, which may have a reference in it.
func TestNoReasonIsALabel(t *testing.T) {
	t.Parallel()
	m := newMetrics()
	for n := range 20 {
		m.served(transport.Served{Protocol: "websocket", Code: fmt.Sprintf("4500 something went wrong; quote %d", n)})
	}
	families, err := m.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "gatehouse_request_duration_seconds" && (len(f.Metric) != 1 || f.Metric[0].Label[0].GetValue() != "4500") {
			t.Errorf("got %v", f.Metric)
		}
	}
}
