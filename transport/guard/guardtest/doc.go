// Package guardtest has documents that are built to hurt, for tests of whatever
// takes documents.
package guardtest
