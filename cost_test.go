package main

import (
	"strings"
	"testing"
)

// A count costs what docs/limits.md says, and nothing for the row that it comes in.
func TestACountCostsNoMoreThanWasAsked(t *testing.T) {
	t.Parallel()
	x := newRecalling(t, limitsConfig{})
	x.send("", aWrite)
	for query, want := range map[string]string{
		"{ viewer { account { usage { clients leads } } } }": `"requested":21,"actual":21,`,
		"{ clients(first: 1) { totalCount nodes { id } } }":  `"requested":13,"actual":12,`,
		"{ leadPipeline { stage count } }":                   `"requested":11,"actual":11,`,
	} {
		if got := x.send("", `{"query":"`+query+`"}`); !strings.Contains(got.body, want) {
			t.Errorf("%s: got %s, want %s", query, got.body, want)
		}
	}
}
