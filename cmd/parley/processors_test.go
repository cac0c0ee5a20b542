package main

import (
	"fmt"
	"net/http"
	"runtime"
	"strings"
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

	s := serveProcess(t, folder(t))
	want := fmt.Sprintf("\ngo_sched_gomaxprocs_threads %d\n", processors+1)
	if told := s.admin.must(http.StatusOK, "GET", "/metrics", nil).raw; !strings.Contains(told, want) {
		t.Errorf("a server on %d processors does not tell of one thread more, which is %q", processors, want)
	}
	s.stop()

	t.Setenv("GOMAXPROCS", "1")
	runtime.GOMAXPROCS(1)
	if spareProcessor(); runtime.GOMAXPROCS(0) != 1 {
		t.Errorf("%d threads work where GOMAXPROCS says 1", runtime.GOMAXPROCS(0))
	}
}
