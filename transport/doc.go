// Package transport is the edge: it turns HTTP requests and what comes over
// WebSockets into operations, and their results into responses, as the
// GraphQL-over-HTTP draft, graphql-transport-ws and graphql-sse want it. Only main imports it; it imports tenancy and shards, and takes the
// executor as an interface.
//
// A request's way: method, Accept, Content-Type and announced size; admission
// (who asks, and for which account); body and envelope; bookmark, consistency
// and idempotency key; document, sent or named; its price; execution. What costs nothing to refuse is
// refused first, and nobody's body is read before they are admitted. A body that
// the read cache knows to the byte is not decoded again (docs/adr/0037).
//
// A server of it has NewListener and Connected: without them all is the same, but
// for a system call and a deadline more (docs/adr/0043 and 0045).
//
// # Status codes
//
// What is wrong with the request itself has the same status in both media types:
//
//	400  BAD_REQUEST (envelope, headers, a subscription without a stream), BOOKMARK_INVALID
//	401  UNAUTHENTICATED, with WWW-Authenticate
//	403  FORBIDDEN, ACCOUNT_SUSPENDED; a document that is not registered, where only those are taken
//	405  BAD_REQUEST, with Allow: another method, or a mutation by GET
//	406  BAD_REQUEST: Accept excludes JSON and events
//	408  BAD_REQUEST: the body came too slowly
//	413  BAD_REQUEST: the body is too long; 414: the address is
//	415  BAD_REQUEST: the body is not announced as UTF-8 JSON
//	421  MISDIRECTED
//	429  RATE_LIMITED, with Retry-After: the budget is spent, or too many operations
//	     wait or streams are open
//	500  INTERNAL, with a reference that the log has too
//	503  UNAVAILABLE, with Retry-After
//
// What is wrong with the document, its operation name or its variables, and
// COST_LIMIT, follows the media type: 400 in application/graphql-response+json and 200 in
// application/json, as the draft says; UNAVAILABLE and INTERNAL stay 503 and 500
// there. Once an operation has been executed the status is 200, whatever its
// fields say (BOOKMARK_AHEAD and BOOKMARK_LOST are found out there); if nothing
// but null came of it for want of a shard, Retry-After says when to come back.
//
// # Streams
//
// Every protocol goes through one pipeline, so whatever holds for an operation
// holds on all of them. A subscription, and an answer in parts, need a stream:
//
//   - Server-Sent Events, where Accept names text/event-stream, in graphql-sse's
//     mode of distinct connections. What is wrong before the stream begins is a
//     plain HTTP response. The id of an event of a subscription is its bookmark,
//     and Last-Event-ID goes on from there.
//   - multipart/mixed, where Accept names it with deferSpec=20220824: for an
//     answer in parts only.
//   - A WebSocket that speaks graphql-transport-ws, with the credential in the
//     handshake or in connection_init, where bookmark and consistency may stand
//     for all operations, too. Each operation is a request of its own, with
//     Handle, deadline and budget; it sees what the socket was told before. An
//     error message is a list of errors, of which the first one has the cost.
//
// A socket is closed with
//
//	1001  the gateway stops
//	1009  a message is longer than a body may be
//	1013  UNAVAILABLE, or too many sockets of the account: try again later
//	4400  a message is malformed
//	4401  subscribe before connection_init
//	4403  the caller is not admitted, or not any more
//	4406  the client does not speak the protocol
//	4408  no connection_init within 3 s
//	4409  the id is in use
//	4429  connection_init twice
//	4500  INTERNAL, with a reference
//
// A stream's caller is looked up again each second; when the directory can't say
// for 5 s the stream ends. Nothing is queued for a client but a few messages:
// the next response is made when there is room for it. Who does not take a
// message within 10 s, or says nothing for 65 s in spite of pings, is cut off,
// and can't be told why; the log is.
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
//     found out, after a panic, and with RATE_LIMITED: whoever is over their
//     budget must not cost a read.
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
