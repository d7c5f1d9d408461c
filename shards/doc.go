// Package shards keeps the data of many accounts in sharded databases, and
// each account's history with it. Imported by graph (for errors and formats),
// tenancy, resolvers and main; it imports only migrations.
//
// Every committed write of an account takes the next number, seq, of its head
// row. That number orders the account's history without gaps: it is what a
// bookmark carries and what a read is compared with.
//
// What a shard needs of its database is an engine: SQLite, one file that one
// process owns, or PostgreSQL, a primary with replicas that many gateways
// share. shardtest says what both do. Where their SQL differs is a dialect.
//
// Invariants, cited by comments and tests:
//
//  1. No statement on tenant data without account_id. A Handle is made for one
//     verified account; no method takes an account; an absent tenant is an
//     error, never "all". Nothing outside of this package has a database. On
//     PostgreSQL each table has a policy that says the same once more.
//  2. Every row that leaves the package is compared with the Handle's account:
//     a mismatch fails the request and is logged as an incident.
//  3. A record and its change commit together or not at all.
//  4. One query, one snapshot: all reads of one operation see the account at
//     one seq, on one node. Each root field of a mutation is its own
//     transaction, in order, and what follows sees it.
//  5. A read never answers from before the bookmark it was given; bookmarks of
//     one account never go back.
//  6. Writes of a fenced or departed account are refused inside the shard, by
//     the head row, however stale the router is; the Handle looks the account
//     up again and tries once more, within the request's deadline. On SQLite
//     only the shard's writer may change a head, by whatever is done to it.
//  7. Loaders live for one response, never longer. Every cache key contains
//     the account.
//  8. An acknowledged write is on disk: synchronous=FULL, and on PostgreSQL
//     synchronous_commit is never off.
package shards
