package tenancy

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"
)

// RegisterScope lets an API key register documents for its account. No role
// holds it: whoever has it decides what callers who take only registered
// documents may do.
const RegisterScope = "operations:register"

const (
	maxDocumentText = 64 << 10 // bytes
	maxDocuments    = 2000     // of an account
	// maxRememberedDocuments bounds what is remembered of them to 64 MiB.
	maxRememberedDocuments = 1000
)

// documentRow is a document that callers of an account may name. Its key is the
// account's id, a slash and the document's id, which no account's id contains.
type documentRow struct {
	bun.BaseModel `bun:"table:trusted_document,alias:d"`
	Key           string `bun:"key,pk"`
	AccountID     string
	Text          string
	CreatedAt     Instant
}

func documentKey(account, id string) string { return account + "/" + id }

// RegisterDocuments registers documents for an account, texts by id; all or
// none. What is registered already stays; another text under its id is refused,
// because clients in use rely on it. The texts must be valid.
func (d *Directory) RegisterDocuments(ctx context.Context, account string, documents map[string]string) error {
	if len(documents) == 0 {
		return refuse("there is no document to register")
	}
	for _, text := range documents {
		if len(text) > maxDocumentText || !plainText(text) {
			return refuse("a document that is registered must have at most %d bytes, and no control characters", maxDocumentText)
		}
	}
	err := d.change(ctx, func(ctx context.Context, tx bun.Tx) error {
		var known []documentRow
		if err := tx.NewSelect().Model(&known).Where("d.account_id = ?", account).Scan(ctx); err != nil {
			return err
		}
		texts := make(map[string]string, len(known))
		for _, row := range known {
			texts[row.Key] = row.Text
		}
		var fresh []documentRow
		for id, text := range documents {
			switch is, there := texts[documentKey(account, id)]; {
			case !there:
				fresh = append(fresh, documentRow{Key: documentKey(account, id), AccountID: account, Text: text, CreatedAt: instant(d.options.Now())})
			case is != text:
				return refuse("an id stands for another document already; give the new one another id")
			}
		}
		if len(known)+len(fresh) > maxDocuments {
			return refuse("an account may register at most %d documents", maxDocuments)
		}
		if len(fresh) == 0 {
			return nil
		}
		_, err := tx.NewInsert().Model(&fresh).Exec(ctx)
		return err
	})
	for id := range documents {
		d.documents.forget(documentKey(account, id))
	}
	if err != nil {
		return fmt.Errorf("register documents: %w", err)
	}
	return nil
}

// LookupDocument returns the text that is registered for an account under an
// id, as it was at most a lease ago. Errors as Lookup.
func (d *Directory) LookupDocument(ctx context.Context, account, id string) (string, error) {
	return d.documents.get(ctx, documentKey(account, id))
}

func (d *Directory) readDocument(ctx context.Context, key string) (string, error) {
	var text string
	err := d.documentByKey(ctx, key).Scan(&text)
	return text, absent(err)
}
