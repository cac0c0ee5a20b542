package main

import (
	"bufio"
	"math"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

func TestConnectionsLeaveFilesToTheLogAndTheViews(t *testing.T) {
	for name, c := range map[string]struct {
		files             uint64
		processors, views int
		want              int
	}{
		"no bound":             {math.MaxUint64, 2, 10, 1<<20 - 600 - 270},
		"many":                 {65_536, 2, 10, 65_536 - 600 - 270},
		"many, on many":        {65_536, 32, 10, 65_536 - 600 - 3870},
		"a usual bound":        {1024, 2, 10, 256},
		"just above a quarter": {1200, 2, 10, 330},
		"hardly any":           {64, 2, 10, 16},
		"one":                  {1, 2, 10, 1},
	} {
		t.Run(name, func(t *testing.T) {
			if got := mostConnections(c.files, c.processors, c.views); got != c.want {
				t.Errorf("%d, not %d", got, c.want)
			}
		})
	}
}

// TestStrangersCannotTakeAllFiles has more connections come than the process may
// open files: the log and the local socket still find some.
func TestStrangersCannotTakeAllFiles(t *testing.T) {
	long(t)
	t.Parallel()
	shell, err := exec.LookPath("sh")
	if err != nil {
		t.Skipf("nothing bounds a process's files here: %v", err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	data := folder(t)
	s := serveCommand(t, data, exec.Command(shell, "-c", `ulimit -n 96 && exec "$0" "$@"`, self, "serve", "--data", data, "--listen", "127.0.0.1:0"))
	var guests []net.Conn
	for range 96 {
		conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		if _, err := conn.Write([]byte("GET /v1/feed HTTP/1.1\r\nHost: parley\r\nAuthorization: Bearer " + s.admin.token + "\r\n\r\n")); err != nil {
			t.Fatal(err)
		}
		guests = append(guests, conn)
	}
	for _, conn := range guests[:10] { // the others wait, in whichever order they are let in
		if line, err := bufio.NewReader(conn).ReadString('\n'); err != nil || !strings.Contains(line, "200") {
			t.Fatalf("a feed is answered with %q, %v", line, err)
		}
	}
	tokens := make(chan result)
	for range 30 {
		go func() { tokens <- parley(t, "token", "--data", data) }()
		select {
		case r := <-tokens:
			r.ok(t)
		case <-time.After(patience):
			t.Fatal("the local socket does not answer while strangers hold connections")
		}
	}
}
