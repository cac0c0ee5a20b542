//go:build unix

package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestKeysThatAnotherServerHoldsHoldUpNobody serves with keys that are shared, and
// has another stop in the middle of a write of them: whoever needs a new key is
// refused, the server says that it is not ready, and all goes on as the other does.
func TestKeysThatAnotherServerHoldsHoldUpNobody(t *testing.T) {
	long(t)
	t.Parallel()
	data := folder(t)
	s := serveHere(t, data, "--esdb-listen", held(t), "--esdb-users", fileOf(t, "users", "other:engine:long enough\n"))
	s.admin.must(http.StatusOK, "PUT", "/v1/contacts/there", fields{"name": "Lena Novak"})
	other, err := os.OpenFile(filepath.Join(data, "keys", "WRITING"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if err := syscall.Flock(int(other.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	refused := make(chan answer, 1)
	go func() { refused <- s.admin.send("PUT", "/v1/contacts/new", fields{"name": "Ben"}) }()
	told := func(what string, asked chan answer) answer {
		t.Helper()
		select {
		case a := <-asked:
			return a
		case <-time.After(time.Minute):
			if err := syscall.Flock(int(other.Fd()), syscall.LOCK_UN); err != nil {
				t.Error(err)
			}
			t.Fatalf("%s waits for who holds the keys", what)
			return answer{}
		}
	}
	ask := func(path string) answer {
		t.Helper()
		asked := make(chan answer, 1)
		go func() { asked <- s.admin.send("GET", path, nil) }()
		return told(path, asked)
	}
	ask("/v1/contacts/there").want("name", "Lena Novak")
	a := told("who needs a new key", refused)
	if a.status != http.StatusServiceUnavailable || a.text("code") != "unavailable" || !strings.Contains(a.text("detail"), "another server holds the keys") {
		t.Errorf("%d %s", a.status, a.raw)
	}
	if a := ask("/readyz"); a.status != http.StatusServiceUnavailable || !strings.Contains(a.raw, "another server of this machine holds them") {
		t.Errorf("%d %s", a.status, a.raw)
	}
	ask("/v1/contacts/there").want("name", "Lena Novak")
	if a := ask("/v1/contacts/new"); a.status != http.StatusNotFound {
		t.Errorf("it is half done: %d %s", a.status, a.raw)
	}

	if err := syscall.Flock(int(other.Fd()), syscall.LOCK_UN); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the server is ready", func() bool { return ask("/readyz").status == http.StatusOK })
	s.admin.must(http.StatusOK, "PUT", "/v1/contacts/new", fields{"name": "Ben"}).want("name", "Ben")
}
