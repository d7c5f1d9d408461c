package resolvers

import (
	"context"
	"strings"

	"gatehouse/graph"
	"gatehouse/shards"
)

var documents = entity[graph.Document]{name: "Document", check: func(d *graph.Document, f *faults) {
	const maxContent = 1 << 20
	f.text("title", d.Title, 200)
	f.optional("kind", d.Kind, 50)
	if d.Kind != nil && strings.ToLower(*d.Kind) != *d.Kind {
		f.invalid("kind", "kind must be in lower case")
	}
	if len(d.Content) > maxContent {
		f.invalid("content", "content must have at most %d bytes", maxContent)
	}
	f.customFields(d.CustomFields)
}, stamp: author}

// author says who wrote a new document, where that is a user of the account.
func author(ctx context.Context, r *response, input shards.Object) error {
	if r.caller.Actor.Kind != shards.ActorUser {
		return nil
	}
	recs, err := r.recordsOf(r.model.kinds[users.name]).load(ctx, []string{r.caller.Actor.ID})
	if err != nil || recs[0] == nil {
		return err
	}
	input["authorId"] = shards.Quote(r.caller.Actor.ID)
	return nil
}

type document struct{}

// Document resolves the edges of Document.
func (Root) Document() graph.DocumentResolver { return document{} }

func (document) Client(ctx context.Context, d *graph.Document) (*graph.Client, error) {
	return clients.ref(ctx, d.ClientID)
}

func (document) Author(ctx context.Context, d *graph.Document) (*graph.User, error) {
	return users.ref(ctx, d.AuthorID)
}

func (document) History(ctx context.Context, d *graph.Document, _ *int32, _ *string) (*graph.ChangeConnection, error) {
	return history(ctx, d.ID)
}

func (rootQuery) Document(ctx context.Context, id string) (*graph.Document, error) {
	return documents.load(ctx, id)
}

func (rootQuery) Documents(ctx context.Context, _ *int32, _ *string, _ *int32, _ *string, _ *graph.DocumentWhere, _ *graph.DocumentOrder) (*graph.DocumentConnection, error) {
	return documents.list(ctx)
}

func (usage) Documents(ctx context.Context, _ *graph.AccountUsage) (int32, error) {
	return documents.count(ctx)
}

func (rootMutation) CreateDocument(ctx context.Context, input graph.CreateDocumentInput) (*graph.CreateDocumentPayload, error) {
	d, out, err := documents.create(ctx, input)
	return &graph.CreateDocumentPayload{Document: d, Bookmark: out.Bookmark, Errors: out.Errors}, err
}

func (rootMutation) UpdateDocument(ctx context.Context, id string, patch graph.DocumentPatch, expectedVersion *int32) (*graph.UpdateDocumentPayload, error) {
	d, out, err := documents.update(ctx, id, patch, expectedVersion)
	return &graph.UpdateDocumentPayload{Document: d, Bookmark: out.Bookmark, Errors: out.Errors}, err
}

func (rootMutation) DeleteDocument(ctx context.Context, id string, expectedVersion *int32) (*graph.DeleteDocumentPayload, error) {
	deleted, out, err := documents.remove(ctx, id, expectedVersion)
	return &graph.DeleteDocumentPayload{DeletedID: deleted, Bookmark: out.Bookmark, Errors: out.Errors}, err
}

func (rootMutation) UpsertDocuments(ctx context.Context, inputs []*graph.UpsertDocumentInput) (*graph.UpsertDocumentsPayload, error) {
	results, out, err := upsert(ctx, documents, inputs, func(d *graph.Document, created bool, errors []*graph.UserError) *graph.UpsertDocumentResult {
		return &graph.UpsertDocumentResult{Document: d, Created: created, Errors: errors}
	})
	return &graph.UpsertDocumentsPayload{Results: results, Bookmark: out.Bookmark, Errors: out.Errors}, err
}
