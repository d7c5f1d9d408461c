package transport

import (
	"strings"
	"testing"
)

// What a client lists it has: a tag of ours is found wherever it stands, and
// nothing else is taken for it.
func FuzzIfNoneMatch(f *testing.F) {
	f.Add(`"a", W/"b"`, `,, "c"`)
	f.Add(``, ``)
	f.Fuzz(func(t *testing.T, before, after string) {
		const etag = `W/"AbCdEfGhIjKlMnOpQrStUv"`
		if strings.Contains(before, "AbCd") || strings.Contains(after, "AbCd") {
			return
		}
		// "*" alone stands for everything; beside a tag it is malformed.
		if noneMatches([]string{before}, etag) && strings.Trim(before, " \t") != "*" {
			t.Errorf("%q has our tag", before)
		}
		if !noneMatches([]string{etag, after}, etag) {
			t.Errorf("our tag is not found before %q", after)
		}
		if strings.Trim(before, " \t,") == "" && !noneMatches([]string{before, etag}, etag) {
			t.Errorf("our tag is not found behind %q", before)
		}
	})
}

// Nobody gets a coding that they have excluded.
func FuzzAcceptEncoding(f *testing.F) {
	f.Add("gzip;q=0, *")
	f.Add("zstd;q=0.5, gzip;q=1.0, identity;q=0")
	f.Fuzz(func(t *testing.T, accept string) {
		got := negotiateCoding([]string{accept})
		switch {
		case got != "" && got != zstdCoding && got != gzipCoding:
			t.Errorf("%q: %q is no coding", accept, got)
		case got != "" && !strings.Contains(accept, "*") && !strings.Contains(strings.ToLower(accept), got):
			t.Errorf("%q: nobody asked for %s", accept, got)
		case negotiateCoding([]string{"gzip;q=0", "zstd;q=0", strings.NewReplacer("gzip", "", "zstd", "").Replace(strings.ToLower(accept))}) != "":
			t.Errorf("%q: an excluded coding", accept)
		}
	})
}
