// Package checker checks a whole deployment while it is broken: three gateway
// processes over a PostgreSQL primary with two replicas, of which gateways are
// killed, replicas paused and stopped, and the primary stopped without a word,
// on a schedule that a seed decides. It is tests only, and speaks HTTP.
//
// Sessions write and read all the while, each through whichever gateway comes
// along. What must hold (DESIGN is shards/doc.go, invariants 3 to 5 and 8):
//
//   - read your writes, and monotonic reads: an answer is never from before the
//     bookmark that was sent;
//   - one snapshot a query: what an answer shows is exactly the state at its own
//     bookmark, as the history has it;
//   - strong reads see what was acknowledged to anybody before;
//   - the history is gapless and in order for whoever follows it, and the same
//     for everybody;
//   - an idempotency key has one effect, however often it was tried;
//   - what was acknowledged is there;
//   - an error is UNAVAILABLE and says when to come back, or it is one of the
//     network's.
//
// CI runs it for seconds. For longer, or to repeat a run:
//
//	go test ./checker -run TestSessions -args -for 10m -seed 42
//
// TestPlantedFaultsAreFound shows that it finds what it is for.
package checker
