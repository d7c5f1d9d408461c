// Package tenancy says who is asking, for which account, and where that
// account's data lies: the account directory, bearer tokens, API keys, scopes;
// and what they may use: limits, budgets of points, turns on the processors.
//
// It imports shards (for errors and actors) and migrations; resolvers and main
// import it. It never touches tenant data: the directory holds none.
//
// Invariants, cited by comments and tests:
//
//  1. The account comes from a verified credential and from nowhere else. No
//     header, path or variable that a client may choose names an account.
//  2. Nothing about a token is believed, and the directory is not asked,
//     before its signature holds under a key and an algorithm that the
//     configuration allows for that kind of key.
//  3. A suspended account, a revoked key and a changed host are in force on
//     every instance within one second: no answer of the directory is served
//     when it is older than the lease (500 ms), and none that took longer than
//     900 ms to read. In the process that made the change it holds at once.
//  4. When the directory can't be asked, nobody gets in: UNAVAILABLE.
//  5. An account's residency names the regions in which its data may lie. It
//     lies, and is served from, only a shard that is in one of them with all its
//     replicas, and a gateway serves only accounts that allow one of its regions.
//  6. Secrets are not stored: of an API key only a hash of its random part, of
//     a DSN only the names of environment variables. Messages for callers hold
//     neither input nor causes, and all unusable API keys answer alike, as do
//     all unusable tokens but expired ones.
//  7. An absent caller is an error, never "all accounts" and never "all scopes".
package tenancy
