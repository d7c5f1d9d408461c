// Package transport is the HTTP edge: it turns HTTP requests into operations
// and their results into HTTP responses, as the GraphQL-over-HTTP draft wants
// it. Only main imports it; it imports tenancy and shards, and takes the
// executor as an interface.
//
// A request's way: method, Accept, Content-Type and announced size; admission
// (who asks, and for which account); body and envelope; bookmark, consistency
// and idempotency key; document, sent or named; execution. What costs nothing to refuse is
// refused first, and nobody's body is read before they are admitted.
//
// # Status codes
//
// What is wrong with the request itself has the same status in both media types:
//
//	400  BAD_REQUEST (envelope, headers), BOOKMARK_INVALID, subscriptions
//	401  UNAUTHENTICATED, with WWW-Authenticate
//	403  FORBIDDEN, ACCOUNT_SUSPENDED; a document that is not registered, where only those are taken
//	405  BAD_REQUEST, with Allow: another method, or a mutation by GET
//	406  BAD_REQUEST: Accept excludes JSON
//	408  BAD_REQUEST: the body came too slowly
//	413  BAD_REQUEST: the body is too long; 414: the address is
//	415  BAD_REQUEST: the body is not announced as UTF-8 JSON
//	421  MISDIRECTED
//	429  RATE_LIMITED, with Retry-After: too many streams of the account are open
//	500  INTERNAL, with a reference that the log has too
//	503  UNAVAILABLE, with Retry-After
//
// What is wrong with the document, its operation name or its variables
// follows the media type: 400 in application/graphql-response+json and 200 in
// application/json, as the draft says; UNAVAILABLE and INTERNAL stay 503 and 500
// there. Once an operation has been executed the status is 200, whatever its
// fields say (BOOKMARK_AHEAD and BOOKMARK_LOST are found out there); if nothing
// but null came of it for want of a shard, Retry-After says when to come back.
//
// # Invariants
//
// Cited by comments and tests:
//
//  1. A refusal is less than 1 KiB and repeats nothing of the request. What is
//     wrong with a document may name its parts, cut short.
//  2. What is executed is exactly what an independent JSON parser reads in the
//     body: no second document, no repeated or oddly spelled member, no text
//     that is not Unicode.
//  3. Every response has X-Request-Id, and once the account is known its
//     bookmark, on errors too; that is left out only where it can't be
//     found out, and after a panic.
//  4. A log line never holds credentials, bodies, query text or query strings.
//  5. A panic is one request's failure, never the process's.
//  6. No shared cache stores a response, and no cache at all does but one for a
//     query by GET without an error: that is asked for again, with its entity
//     tag, before it is shown.
//
// # Cross-site requests
//
// The only credential is the Authorization header. A browser attaches none by
// itself, so another site's page can't act for its visitor, with a form or
// otherwise. POST takes nothing but application/json all the same, and so is
// preflighted, and GET never executes a mutation.
package transport
