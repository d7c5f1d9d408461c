package guard

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/parser"
	"github.com/vektah/gqlparser/v2/validator"
)

// Options of a guard.
type Options struct {
	Limits Limits
	// Suggestions tell what a caller may have meant, and so of the schema.
	Suggestions bool
	// CacheBytes is how much of documents is kept; 32 MiB by default.
	CacheBytes int
}

// Document is a valid document. It must not be changed.
type Document struct {
	*ast.QueryDocument
	// Costs are for whoever prices its operations: what has been worked out of
	// one, by its definition. They go with the document.
	Costs sync.Map
}

// Guard turns texts into documents that may be executed. It is safe for
// concurrent use.
type Guard struct {
	schema *ast.Schema
	limits Limits
	rules  []validator.Rule
	known  *cache
	kept   map[string]*Document // for good; see Keep
}

var _ graphql.Cache[*ast.QueryDocument] = (*Guard)(nil)

// New returns a guard for documents of a schema.
func New(schema *ast.Schema, o Options) *Guard {
	if o.CacheBytes == 0 {
		o.CacheBytes = 32 << 20
	}
	return &Guard{schema: schema, limits: o.Limits.WithDefaults(), rules: rulesOf(o.Suggestions), known: newCache(o.CacheBytes), kept: map[string]*Document{}}
}

// Keep keeps the document that text is for good, beside the bound of the cache,
// or returns what is wrong with it. It is for the start: nothing else may use
// the guard meanwhile.
func (g *Guard) Keep(text string) gqlerror.List {
	doc, _, faults := g.prepare(text)
	if len(faults) == 0 {
		g.kept[text] = doc
	}
	return faults
}

// Document returns the document that text is, validated, or what is wrong with
// it: DOCUMENT_LIMIT, or at most 20 faults.
func (g *Guard) Document(text string) (*Document, gqlerror.List) {
	if doc, ok := g.kept[text]; ok {
		return doc, nil
	}
	if doc, ok := g.known.get(text); ok {
		return doc, nil
	}
	doc, bytes, faults := g.prepare(text)
	if len(faults) > 0 {
		return nil, faults
	}
	g.known.put(text, doc, bytes)
	return doc, nil
}

// Get is for an executor whose cache of documents the guard is: it asks for
// what Document returned, and so neither parses nor validates anything itself.
func (g *Guard) Get(_ context.Context, text string) (*ast.QueryDocument, bool) {
	doc, faults := g.Document(text)
	if len(faults) > 0 {
		return nil, false
	}
	return doc.QueryDocument, true
}

// Add does nothing: only Document decides on what is executed.
func (g *Guard) Add(context.Context, string, *ast.QueryDocument) {}

// prepare also returns about how many bytes the document takes.
func (g *Guard) prepare(text string) (*Document, int, gqlerror.List) {
	if len(text) > g.limits.Bytes {
		return nil, 0, only(exceeded("bytes", g.limits.Bytes))
	}
	doc, err := g.parse(text)
	if err != nil {
		return nil, 0, only(err)
	}
	if len(doc.Operations) == 0 {
		return nil, 0, only(gqlerror.Errorf("the document has no operation"))
	}
	footprint, err := measure(g.limits, doc)
	if err != nil {
		return nil, 0, only(err)
	}
	if faults := g.validate(doc); len(faults) > 0 {
		return nil, 0, faults
	}
	return &Document{QueryDocument: doc}, len(text) + footprint, mergeable(doc, 5*g.limits.Expanded)
}

func (g *Guard) parse(text string) (*ast.QueryDocument, error) {
	doc, err := parser.ParseQueryWithTokenLimit(&ast.Source{Input: text}, g.limits.Tokens)
	var fault *gqlerror.Error
	if errors.As(err, &fault) && fault.Message == fmt.Sprintf("exceeded token limit of %d", g.limits.Tokens) {
		return nil, exceeded("tokens", g.limits.Tokens)
	}
	return doc, err
}

// only returns err as a list; what is a gqlerror already stays what it is.
func only(err error) gqlerror.List {
	var fault *gqlerror.Error
	if errors.As(err, &fault) {
		return gqlerror.List{fault}
	}
	return gqlerror.List{gqlerror.Wrap(err)}
}
