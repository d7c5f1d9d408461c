// Package leaks shows that the isolation suite, which is the program's own tests,
// finds what it is for: it builds those tests with a leak inside, one after the
// other, and expects each of them to be found. It is tests only, in a package of
// its own because it takes as long as they all do.
package leaks
