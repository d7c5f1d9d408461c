//go:build !race

package guardtest

const slower = 1
