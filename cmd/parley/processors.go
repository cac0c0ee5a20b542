package main

import (
	"os"
	"runtime"
)

// spareProcessor lets one more thread work than there are processors for. Go
// takes up to ten milliseconds before it interrupts what is at work; while a view
// is written on one of two processors, requests wait that long. The operating
// system shares processors out more finely, and lets who has just woken go first.
// A container's limit counts as it is at the start; GOMAXPROCS, when it is set, stands.
func spareProcessor() {
	if os.Getenv("GOMAXPROCS") != "" {
		return
	}
	runtime.SetDefaultGOMAXPROCS() // serving twice in one process spares one, not two
	runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + 1)
}
