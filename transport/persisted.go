package transport

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"strings"

	"github.com/99designs/gqlgen/graphql"

	"gatehouse/shards"
	"gatehouse/tenancy"
)

const (
	// persistedExtension is how Apollo's clients name a document by its hash.
	persistedExtension = "persistedQuery"
	// automaticBytes bounds the documents that callers have registered by
	// sending them, of all accounts and of each.
	automaticBytes        = 16 << 20
	automaticAccountBytes = 1 << 20
)

// Documents finds the documents that callers name instead of sending them.
// Trusted ones were put there by somebody: all accounts have those of the
// manifests, each account what was registered for it. Automatic ones were sent
// once by a caller of the same account. It is safe for concurrent use.
type Documents struct {
	trusted    map[string]string // of the manifests, by id
	registered func(ctx context.Context, account, id string) (string, error)
	automatic  *shelves
}

// NewDocuments takes the documents of manifests, text by id, and how to find one
// that is registered for an account (tenancy.ErrNotFound where there is none),
// or nil where nothing can be registered.
func NewDocuments(trusted map[string]string, registered func(ctx context.Context, account, id string) (string, error)) *Documents {
	if registered == nil {
		registered = func(context.Context, string, string) (string, error) { return "", tenancy.ErrNotFound }
	}
	return &Documents{trusted: maps.Clone(trusted), registered: registered, automatic: newShelves(automaticBytes, automaticAccountBytes)}
}

// resolve puts the document that params name in its place. It returns what to
// call once the document has proved good, so that it can be named from then on.
func (d *Documents) resolve(ctx context.Context, params *graphql.RawParams) (keep func(), err error) {
	keep = func() {}
	request, ok := tenancy.RequestFrom(ctx)
	if !ok {
		return keep, nil // the executor refuses it
	}
	caller := request.Caller
	id, hashed, err := documentNamed(params)
	if err != nil {
		return keep, err
	}
	sent := params.Query != ""
	switch {
	case id == "" && caller.TrustedOnly():
		return keep, errUntrusted()
	case id == "":
		return keep, nil
	case sent && !hashed:
		return keep, malformed("send a document or its " + documentIDMember + ", not both")
	case sent && id != hashOf(params.Query):
		return keep, malformed("sha256Hash is not the hash of the document")
	case sent && !caller.TrustedOnly():
		account, text := caller.Account.ID, params.Query
		return func() { d.automatic.put(account, id, text) }, nil
	}
	text, err := d.find(ctx, caller, id)
	switch {
	case err != nil && !errors.Is(err, tenancy.ErrNotFound):
		return keep, err
	case err != nil && sent, sent && text != params.Query:
		return keep, errUntrusted()
	case err != nil:
		// Clients look for these words, and then send the document.
		return keep, &refusal{code: shards.PersistedQueryNotFound, message: "PersistedQueryNotFound"}
	}
	params.Query = text
	return keep, nil
}

func (d *Documents) find(ctx context.Context, caller *tenancy.Caller, id string) (string, error) {
	if text, ok := d.trusted[id]; ok {
		return text, nil
	}
	if !caller.TrustedOnly() {
		if text, ok := d.automatic.get(caller.Account.ID, id); ok {
			return text, nil
		}
	}
	return d.registered(ctx, caller.Account.ID, id)
}

func errUntrusted() error {
	return &refusal{status: http.StatusForbidden, code: shards.Forbidden, message: "only registered documents are executed for this caller; name one by its hash or documentId"}
}

// documentNamed returns the id by which params name a document, "" where they
// do not, and whether it is said to be the document's hash.
func documentNamed(params *graphql.RawParams) (id string, hashed bool, err error) {
	byHash, byID := params.Extensions[persistedExtension], params.Extensions[documentIDMember]
	switch {
	case byHash == nil && byID == nil:
		return "", false, nil
	case byHash != nil && byID != nil:
		return "", false, malformed("name the document once")
	case byID != nil:
		id, _ := byID.(string)
		id = strings.TrimPrefix(id, "sha256:")
		if !validKey(id) {
			return "", false, malformed(documentIDMember + " must be 1 to 200 visible ASCII characters")
		}
		return id, false, nil
	}
	object, _ := byHash.(map[string]any)
	hash, _ := object["sha256Hash"].(string)
	if object["version"] != json.Number("1") {
		return "", false, malformed("extensions.persistedQuery must have the version 1")
	}
	if raw, err := hex.DecodeString(hash); err != nil || len(raw) != sha256.Size || strings.ToLower(hash) != hash {
		return "", false, malformed("extensions.persistedQuery.sha256Hash must be a SHA-256 in 64 lower-case hex digits")
	}
	return hash, true, nil
}

func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}
