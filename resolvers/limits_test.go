package resolvers

import (
	"strings"
	"testing"
)

// What has too many records is refused for that, whatever had been read by then.
func TestAnAnswerWithTooManyRecordsSaysSo(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "a")
	w.fill("a", 12)
	const nested = `nodes { name owner { clients(first: 100) { nodes { group { clients(first: 100) { nodes { name } } } } } } }`
	for _, query := range []string{
		`{ leads(first: 100) { ` + nested + ` } }`,
		`{ leadPipeline { stage leads(first: 100) { ` + nested + ` } } }`,
	} {
		_, errs := w.run(w.request("a"), query, nil)
		if len(errs) != 1 || !strings.HasPrefix(errs[0], " DOCUMENT_LIMIT: ") {
			t.Errorf("%s: got %q", query, errs)
		}
	}
}
