package transport

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"

	"gatehouse/shards"
	"gatehouse/tenancy"
	"gatehouse/transport/guard"
)

// maxManifest bounds what is registered in one request, in bytes.
const maxManifest = 4 << 20

// Registrar registers documents: PUT with a manifest, as ReadManifest takes it,
// by whoever holds tenancy.RegisterScope. Each field must be set.
type Registrar struct {
	Gate  Gate
	Guard *guard.Guard
	// Register stores documents for an account: tenancy.Directory.RegisterDocuments.
	Register func(ctx context.Context, account string, documents map[string]string) error
}

// ServeHTTP runs only behind Observe. It answers {"registered": n}.
func (g Registrar) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), DefaultTimeout)
	defer cancel()
	until, _ := ctx.Deadline()
	boundReading(w, exchangeFrom(ctx), until)
	n, err := g.register(ctx, w, r)
	if err != nil {
		refuse(ctx, w, jsonType, nil, challenge(r.Header, err))
		return
	}
	body := fmt.Appendf(nil, `{"registered":%d}`, n)
	w.Header().Set("Content-Type", jsonType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.Header().Set("Cache-Control", "private, no-store")
	_, _ = w.Write(body)
}

// register returns how many documents the manifest has.
func (g Registrar) register(ctx context.Context, w http.ResponseWriter, r *http.Request) (int, error) {
	switch {
	case r.Method != http.MethodPut:
		return 0, badRequest(http.StatusMethodNotAllowed, "only PUT is possible here").with("Allow", http.MethodPut)
	case !announcesJSON(r.Header):
		return 0, badRequest(http.StatusUnsupportedMediaType, "send a body with one header Content-Type: "+jsonType+", in UTF-8 and not compressed")
	case r.ContentLength > maxManifest:
		return 0, tooLarge()
	}
	authorization, err := tenancy.Authorization(r.Header)
	if err != nil {
		return 0, err
	}
	caller, err := g.Gate.Admit(ctx, authorization, r.Host)
	if err != nil {
		return 0, err
	}
	exchangeFrom(ctx).account = caller.Account.ID
	if !caller.Scopes.Has(tenancy.RegisterScope) {
		return 0, &shards.Error{Code: shards.Forbidden, Message: "this needs an API key with the scope " + tenancy.RegisterScope}
	}
	body, err := readBody(w, r, maxManifest, new([]byte))
	if err != nil {
		return 0, err
	}
	documents, err := ReadManifest(body)
	if err != nil {
		return 0, malformed("the manifest can't be read: " + err.Error())
	}
	for _, id := range slices.Sorted(maps.Keys(documents)) {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		if _, faults := g.Guard.Document(documents[id]); len(faults) > 0 {
			return 0, malformed("a document can't be executed: " + cut(faults[0].Message, maxMessage))
		}
	}
	return len(documents), g.Register(ctx, caller.Account.ID, documents)
}
