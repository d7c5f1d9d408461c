// Package graphiql serves the developer page: GraphiQL with a menu of demo
// tokens, the last bookmark and example operations, all from this binary. It
// is for dev mode only, since it hands the demo tokens to whoever asks, and
// only main imports it.
//
// The page is built from ui/ by "npm ci && npm run build" into dist/, which is
// committed: the Go build needs no npm. The same sources give the same bytes,
// so CI builds again and compares.
//
// Invariants:
//
//  1. The page reaches no other host; its content security policy, sent with
//     every response, makes the browser enforce that.
//  2. Exactly the built files, the page and its configuration have an address;
//     everything else is 404.
//  3. Files whose names carry a hash of their content are cached for good;
//     the page is asked for anew each time, and the tokens are never stored.
package graphiql
