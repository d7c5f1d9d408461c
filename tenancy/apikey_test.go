package tenancy

import (
	"strings"
	"testing"
)

func TestKeysAreWellFormedAndDiffer(t *testing.T) {
	t.Parallel()
	seen := make(map[string]bool)
	for range 100 {
		id, text := newKey()
		gotID, secret, ok := splitKey(text)
		if !ok || gotID != id || len(secret) != secretLength || len(text) != 69 || !strings.HasPrefix(text, "gk_") {
			t.Fatalf("%q is not well-formed", text)
		}
		if seen[id] || seen[secret] || checkID("an id", id) != nil {
			t.Fatalf("%q", text)
		}
		seen[id], seen[secret] = true, true
	}
}

func TestEveryTypingErrorIsSeenWithoutALookUp(t *testing.T) {
	t.Parallel()
	_, text := newKey()
	for i := range text {
		for _, c := range []byte("aZ0_-!\x00\xff") {
			if text[i] == c {
				continue
			}
			if _, _, ok := splitKey(text[:i] + string([]byte{c}) + text[i+1:]); ok {
				t.Fatalf("character %d may be %q", i, c)
			}
		}
		if i > 0 && text[i] != text[i-1] {
			swapped := text[:i-1] + string([]byte{text[i], text[i-1]}) + text[i+1:]
			if _, _, ok := splitKey(swapped); ok {
				t.Fatalf("characters %d and %d may be swapped", i-1, i)
			}
		}
	}
}

func TestNoSecretMatchesAnAbsentKey(t *testing.T) {
	t.Parallel()
	_, text := newKey()
	_, secret, _ := splitKey(text)
	for _, secret := range []string{secret, "", strings.Repeat("A", secretLength)} {
		if (&Key{}).matches(secret) {
			t.Errorf("%q matches", secret)
		}
	}
	if !(&Key{hash: hashSecret(secret)}).matches(secret) {
		t.Error("the right secret does not match")
	}
}

// FuzzAPIKey: what is taken for a key can be written in one way only.
func FuzzAPIKey(f *testing.F) {
	_, text := newKey()
	f.Add(text)
	f.Add("")
	f.Add("gk_")
	f.Add(text + "0")
	f.Add(strings.ToUpper(text))
	f.Add(strings.Repeat("\x00", keyLength))
	f.Fuzz(func(t *testing.T, text string) {
		id, secret, ok := splitKey(text)
		if !ok {
			if id != "" || secret != "" {
				t.Fatalf("got %q, %q of no key", id, secret)
			}
			return
		}
		if body := keyPrefix + id + "_" + secret; body+checksum(body) != text {
			t.Fatalf("%q reads as %q", text, body+checksum(body))
		}
	})
}
