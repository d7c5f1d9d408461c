package graphiql_test

import (
	"testing"

	"github.com/chromedp/chromedp"
)

// What the tests look at in the page.
const (
	menu     = `[...document.querySelectorAll('#token option')].map((o) => o.textContent).join(', ')`
	chosen   = `document.querySelector('#token')?.selectedOptions[0]?.textContent`
	bookmark = `document.querySelector('#bookmark')?.textContent ?? ''`
	tabs     = `[...document.querySelectorAll('.graphiql-tab-button')].map((t) => t.textContent).join(', ')`
	checked  = `document.querySelector('.graphiql-query-editor .squiggly-error') !== null`
	ready    = `document.querySelector('.graphiql-query-editor .view-line') !== null`
	answer   = `(document.querySelector('.graphiql-response .view-lines')?.textContent.replaceAll('\u00a0', ' ') ?? '')`
)

func TestPageWorksInABrowser(t *testing.T) {
	t.Parallel()
	endpoint := &stub{}
	b := openBrowser(t, endpoint)
	b.waitFor(ready, true)
	b.waitFor(menu, "acme · admin, acme · member, globex · viewer")
	b.waitFor(tabs, "WhoAmI, Clients, LeadPipeline, CreateClient, WhatChanged, LiveUpdates, Isolation")

	// The stub's schema lacks most of the example, so the workers that check it have something to underline.
	b.waitFor(checked, true)
	b.waitFor(bookmark, "acme-1")
	b.want(endpoint, "IntrospectionQuery", 1, seen{"IntrospectionQuery", "Bearer token-of-acme-admin", ""})

	b.run()
	b.waitFor(answer+`.includes('answer for acme')`, true)
	b.want(endpoint, "WhoAmI", 1, seen{"WhoAmI", "Bearer token-of-acme-admin", "acme-1"})
	b.waitFor(bookmark, "acme-2")

	// Another role of the same account goes on from the bookmark, another account starts without.
	b.choose(1)
	b.waitFor(bookmark, "acme-3")
	b.want(endpoint, "IntrospectionQuery", 2, seen{"IntrospectionQuery", "Bearer token-of-acme-member", "acme-2"})
	b.choose(2)
	b.waitFor(bookmark, "globex-4")
	b.want(endpoint, "IntrospectionQuery", 3, seen{"IntrospectionQuery", "Bearer token-of-globex-viewer", ""})

	b.run()
	b.waitFor(answer+`.includes('answer for globex')`, true)
	b.want(endpoint, "WhoAmI", 2, seen{"WhoAmI", "Bearer token-of-globex-viewer", "globex-4"})

	b.do(chromedp.Click(chromedp.CSS(".bookmark button")))
	b.waitFor(bookmark, "")

	b.do(chromedp.Reload())
	b.waitFor(ready, true)
	b.waitFor(chosen, "globex · viewer")

	// Events come by server-sent events, under the same headers.
	b.do(chromedp.Evaluate[chromedp.Void](`__MONACO.editor.getModels().find((m) => m.uri.path.endsWith('operation.graphql')).setValue('subscription Watch { name }')`))
	b.waitFor(tabs+`.startsWith('Watch')`, true)
	b.run()
	b.waitFor(answer+`.includes('late event')`, true)
	b.waitFor(bookmark, "from-event")
	b.wantNoComplaint()
}
