//go:build !linux

package main

// shortenSlices does nothing: only Linux lets a program say how long its slices are.
func shortenSlices() {}

// giveWay returns nil: only Linux lets a program lower the priority of one thread.
func giveWay() func() { return nil }
