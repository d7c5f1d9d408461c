// Package guard refuses documents that would cost more than they may, before
// anything that is worse than linear looks at them: validation compares fields
// pairwise, and expands fragments as often as they are spread. Imported by
// transport.
//
// Invariants, cited by tests:
//
//  1. The cost of a check is linear in the length of the document, whatever it says.
//  2. What a fragment costs is computed once, however often it is spread.
//  3. A refusal says which limit, never what the document said.
package guard
