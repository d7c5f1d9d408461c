// Package resolvers answers the schema: one file an entity, each line thin,
// over one generic core. It takes the account's handle and the caller from the
// context and can't reach a database (invariant 1). Imported by main.
//
// An operation's records are loaded a level at a time: the first resolver that
// has records looks at what the selection needs below them and loads all of it,
// one statement a level; the resolvers below then find it loaded.
//
// Root fields of queries that lead to records go another way, as long as all
// goes well: the projector loads in the same manner and copies the answer from
// the stored bodies. So does the payload of a mutation that writes one record.
// Both ways answer the same, byte by byte; tests compare them, queries on
// operations that they make up. What the read cache has meets neither.
package resolvers
