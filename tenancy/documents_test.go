package tenancy

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"

	"gatehouse/shards"
)

func documentsAreAnAccountsOwn(t *testing.T, at place) {
	d, path := newDirectory(t, at, nil)
	ctx := t.Context()
	const odd = "query ($a: String = \"it's \\u0001 ? ?0 \\\\\") {\n\tnode(id: $a) { id }\r\n} # é"
	documents := map[string]string{"a": "{ a }", "odd": odd}
	if _, err := d.LookupDocument(ctx, "account_acme", "a"); !errors.Is(err, ErrNotFound) {
		t.Errorf("before: %v", err)
	}
	must(t, d.RegisterDocuments(ctx, "account_acme", documents))
	must(t, d.RegisterDocuments(ctx, "account_acme", documents)) // again
	for name, of := range map[string]*Directory{"here": d, "elsewhere": openTest(t, path, nil)} {
		for id, want := range documents {
			if got, err := of.LookupDocument(ctx, "account_acme", id); err != nil || got != want {
				t.Errorf("%s: got %q, %v, want %q", name, got, err, want)
			}
			if _, err := of.LookupDocument(ctx, "account_globex", id); !errors.Is(err, ErrNotFound) {
				t.Errorf("%s: another account: %v", name, err)
			}
		}
	}

	many := map[string]string{}
	for n := range maxDocuments - 1 {
		many[fmt.Sprint(n)] = "{ a }"
	}
	changed := maps.Clone(documents)
	changed["a"], changed["new"] = "{ b }", "{ c }"
	for name, bad := range map[string]map[string]string{
		"none": {}, "too many": many, "too long": {"x": strings.Repeat("x", maxDocumentText+1)},
		"control": {"x": "{ a } # \x00"}, "another text": changed,
	} {
		if err := d.RegisterDocuments(ctx, "account_acme", bad); shards.CodeOf(err) != shards.BadRequest {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := d.LookupDocument(ctx, "account_acme", "new"); !errors.Is(err, ErrNotFound) {
		t.Errorf("a part of what was refused is there: %v", err)
	}
	if got, err := d.LookupDocument(ctx, "account_acme", "a"); err != nil || got != "{ a }" {
		t.Errorf("got %q, %v", got, err)
	}
	must(t, d.RegisterDocuments(ctx, "account_globex", changed))

	key, text, err := d.CreateKey(ctx, NewKey{Account: "acme", Name: "app", Scopes: []string{"clients:read"}, TrustedOnly: true})
	must(t, err)
	if found, err := d.LookupKey(ctx, key.ID); err != nil || !found.TrustedOnly || !key.TrustedOnly || text == "" {
		t.Errorf("got %+v, %v", found, err)
	}
}
