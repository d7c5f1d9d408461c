// Package guard makes documents of texts: it parses, measures and validates
// them, and keeps those which are good. A document that would cost more than it
// may is refused before anything that is worse than linear looks at it. Imported
// by transport and main.
//
// Documents are kept by their text alone, for all accounts: the schema is the
// same for everybody, and what a text means depends on nothing else. Nothing of
// an account, neither its variables nor its answers, is kept.
//
// Invariants, cited by tests:
//
//  1. Whatever a text of at most 256 KiB says, it costs less than 25 ms of one
//     processor before it is admitted or refused. What is not linear in its
//     length is counted, and ends at a limit.
//  2. What a fragment costs is computed once, however often it is spread.
//  3. A refusal for a limit says which one, never what the document said.
package guard
