package main

import (
	"runtime"
	"testing"
)

// The number of processors is the process's own: this test does not run beside others.
func TestOneMoreThreadWorksThanThereAreProcessors(t *testing.T) {
	before := runtime.GOMAXPROCS(0)
	t.Cleanup(func() { runtime.GOMAXPROCS(before) })

	t.Setenv("GOMAXPROCS", "")
	runtime.SetDefaultGOMAXPROCS()
	processors := runtime.GOMAXPROCS(0)
	for range 2 {
		spareProcessor()
		if got := runtime.GOMAXPROCS(0); got != processors+1 {
			t.Errorf("%d threads work on %d processors, want one more", got, processors)
		}
	}

	t.Setenv("GOMAXPROCS", "1")
	runtime.GOMAXPROCS(1)
	if spareProcessor(); runtime.GOMAXPROCS(0) != 1 {
		t.Errorf("%d threads work where GOMAXPROCS says 1", runtime.GOMAXPROCS(0))
	}
}
