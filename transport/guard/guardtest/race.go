//go:build race

package guardtest

// slower is how much the race detector slows computing down, and more.
const slower = 30
