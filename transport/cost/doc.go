// Package cost says what an operation costs before it is executed, in points,
// and what it cost in the end. A client can work it out beforehand:
//
//   - an operation costs 1;
//   - a record costs 1, and so does a single field that leads to one, found or not;
//   - a page (a field with first) costs 1, and as many times what is selected of
//     each record as the page is long: first or last, or the default. Where
//     nothing below it costs anything, each place on the page costs 1;
//   - nodes costs its records, one for each of ids;
//   - a list of objects without pages counts as Unpaged of them;
//   - a count (totalCount, a field of AccountUsage, leadPipeline) costs 10, as
//     often as it is counted;
//   - a mutation costs 10, an upsert 10 for each of its inputs, beside what is
//     selected of their results;
//   - an object of introspection costs 1, and a list of them counts as 5.
//
// Everything else is free: scalars, edges, pageInfo, actors, addresses. Fields
// that are merged in the answer count once, those that @skip or @include leaves
// out not at all. What is selected on several types of one interface counts
// together, since any record may be any of them.
//
// Imported by transport and main.
package cost
