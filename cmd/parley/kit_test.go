package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
)

// reexec tells the test's own binary to be parley.
const reexec = "PARLEY_TEST_AS_PARLEY"

func TestMain(m *testing.M) {
	if os.Getenv(reexec) != "" {
		main()
		return
	}
	if where := os.Getenv(asNode); where != "" {
		if err := nodeMain(where); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(exitFail)
		}
		return
	}
	if to := os.Getenv(asFailingCopy); to != "" {
		if err := copyWithoutManifest(os.Getenv(asFailingCopy+"_FROM"), to); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(exitFail)
		}
		return
	}
	if err := crowd(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(exitFail)
	}
	os.Exit(m.Run())
}

// crowd lets twice as many tests run side by side as there are processors, unless
// told otherwise: most of them wait for processes.
func crowd() error {
	flag.Parse()
	told := false
	flag.Visit(func(f *flag.Flag) { told = told || f.Name == "test.parallel" })
	if told {
		return nil
	}
	return flag.Set("test.parallel", strconv.Itoa(2*runtime.GOMAXPROCS(0)))
}

// patience ends what hangs. It says nothing of how fast anything is: a busy
// machine may take its time.
const patience = 5 * time.Minute

// eventually asks again and again until it is so.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for until := time.Now().Add(patience); time.Now().Before(until); <-tick.C {
		if is() {
			return
		}
	}
	t.Fatalf("never within %s: %s", patience, what)
}

// long leaves a test out of the short run, which is the one under the race
// detector: what it lets run side by side runs in other tests as well.
func long(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("skipped: it takes long and runs little side by side; leave out -short to run it")
	}
}

// folder is a new data folder with a short path: the address of a socket is
// not long.
func folder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "pt")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// result is what a command left behind.
type result struct {
	code      int
	out, errs string
}

// parley runs one command in this process.
func parley(t *testing.T, args ...string) result { return parleyWith(t, "", args...) }

// parleyWith is parley with a standard input.
func parleyWith(t *testing.T, in string, args ...string) result {
	t.Helper()
	return parleyFor(t, patience, in, args...)
}

// parleyFor is parleyWith for so long.
func parleyFor(t *testing.T, lasts time.Duration, in string, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), lasts)
	defer cancel()
	var out, errs bytes.Buffer
	code := run(ctx, args, func(string) string { return "" }, strings.NewReader(in), &out, &errs)
	return result{code, out.String(), errs.String()}
}

// ok fails the test unless the command did its work.
func (r result) ok(t *testing.T) string {
	t.Helper()
	if r.code != exitOK {
		t.Fatalf("exit %d\n%s%s", r.code, r.out, r.errs)
	}
	return r.out
}

// fails fails the test unless the command ended with a code and a message that
// holds all the texts.
func (r result) fails(t *testing.T, code int, texts ...string) {
	t.Helper()
	if r.code != code {
		t.Errorf("exit %d instead of %d\n%s%s", r.code, code, r.out, r.errs)
	}
	for _, text := range texts {
		if !strings.Contains(r.errs, text) {
			t.Errorf("the message does not say %q:\n%s", text, r.errs)
		}
	}
}

// server is a parley that serves, here or in a process of its own.
type server struct {
	data, url string
	admin     client
	stop      func() // ends it in good order, and fails the test when it does not
	kill      func() // only of a process: SIGKILL
}

// serveHere serves in this process, by the same function as main.
func serveHere(t *testing.T, data string, args ...string) *server {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	out, in := io.Pipe()
	ended := make(chan result, 1)
	go func() {
		var errs bytes.Buffer
		code := run(ctx, append([]string{"serve", "--data", data, "--listen", "127.0.0.1:0"}, args...), func(string) string { return "" }, nil, in, &errs)
		_ = in.Close() // a pipe's end cannot fail to close
		ended <- result{code, "", errs.String()}
	}()
	stopped := false
	stop := func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if r := <-ended; r.code != exitOK {
			t.Errorf("serve ended with %d:\n%s", r.code, r.errs)
		}
	}
	t.Cleanup(stop)
	s := &server{data: data, stop: stop}
	s.ready(t, out, func() string { r := <-ended; ended <- r; return r.errs })
	return s
}

// start runs the program as a process of its own.
func start(t *testing.T, args ...string) (*exec.Cmd, io.Reader, *bytes.Buffer) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, args...)
	out, errs := begin(t, cmd)
	return cmd, out, errs
}

// begin starts a command that runs the program.
func begin(t *testing.T, cmd *exec.Cmd) (io.Reader, *bytes.Buffer) {
	t.Helper()
	cmd.Env = append(os.Environ(), reexec+"=1")
	errs := &bytes.Buffer{}
	cmd.Stderr = errs
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return out, errs
}

// serveProcess serves in a process of its own, which can be killed.
func serveProcess(t *testing.T, data string, args ...string) *server {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return serveCommand(t, data, exec.Command(self, append([]string{"serve", "--data", data, "--listen", "127.0.0.1:0"}, args...)...))
}

// serveCommand serves by a command that runs the program.
func serveCommand(t *testing.T, data string, cmd *exec.Cmd) *server {
	t.Helper()
	out, errs := begin(t, cmd)
	gone := false
	end := func(signal os.Signal) error {
		gone = true
		return errors.Join(cmd.Process.Signal(signal), func() error {
			_, _ = io.Copy(io.Discard, out) // until the process is gone
			return cmd.Wait()
		}())
	}
	s := &server{data: data}
	s.kill = func() {
		var killed *exec.ExitError
		if err := end(os.Kill); err != nil && !errors.As(err, &killed) {
			t.Errorf("kill: %v", err)
		}
	}
	s.stop = func() {
		if gone {
			return
		}
		if err := end(os.Interrupt); err != nil {
			t.Errorf("serve ended with %v:\n%s", err, errs)
		}
	}
	t.Cleanup(s.stop)
	s.ready(t, out, func() string { _ = cmd.Wait(); return errs.String() })
	return s
}

// ready reads the address that a server prints, waits until it is ready, and
// signs an administrator's token.
func (s *server) ready(t *testing.T, out io.Reader, why func() string) {
	t.Helper()
	lines := bufio.NewScanner(out)
	if !lines.Scan() {
		t.Fatalf("the server did not start:\n%s", why())
	}
	rest, ok := strings.CutPrefix(lines.Text(), "Parley serves ")
	address, _, _ := strings.Cut(rest, "/v1")
	if !ok || !strings.HasPrefix(address, "http://") {
		t.Fatalf("the server says %q", lines.Text())
	}
	s.url = address
	eventually(t, "the server is ready", func() bool { return (&client{t: t, url: s.url}).send("GET", "/readyz", nil).status == http.StatusOK })
	s.admin = client{t, s.url, strings.TrimSpace(parley(t, "token", "--data", s.data).ok(t))}
}

// as signs a token for somebody.
func (s *server) as(role, subject string) client {
	s.admin.t.Helper()
	c := s.admin
	c.token = s.admin.must(http.StatusCreated, "POST", "/v1/tokens", fields{"role": role, "subject": subject}).text("token")
	return c
}

// client asks a server with one token.
type client struct {
	t          *testing.T
	url, token string
}

type fields map[string]any

// answer is what a server said; at reaches into its JSON.
type answer struct {
	t      *testing.T
	status int
	body   any
	raw    string
}

// send asks; a server that is not there answers with status 0.
func (c client) send(method, path string, body any) answer {
	c.t.Helper()
	return c.keyed("", method, path, body)
}

// keyed is send with an Idempotency-Key.
func (c client) keyed(key, method, path string, body any) answer {
	c.t.Helper()
	var text io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			c.t.Fatal(err)
		}
		text = bytes.NewReader(b)
	}
	r, err := http.NewRequest(method, c.url+path, text)
	if err != nil {
		c.t.Fatal(err)
	}
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if key != "" {
		r.Header.Set("Idempotency-Key", key)
	}
	got, err := http.DefaultClient.Do(r)
	if err != nil {
		return answer{c.t, 0, nil, err.Error()}
	}
	b, err := io.ReadAll(got.Body)
	if err = errors.Join(err, got.Body.Close()); err != nil {
		return answer{c.t, 0, nil, err.Error()}
	}
	a := answer{c.t, got.StatusCode, nil, string(b)}
	if err := json.Unmarshal(b, &a.body); err != nil {
		a.body = nil // such as the text of /readyz
	}
	return a
}

// must asks and fails the test on another status.
func (c client) must(status int, method, path string, body any) answer {
	c.t.Helper()
	a := c.send(method, path, body)
	if a.status != status {
		c.t.Fatalf("%s %s: %d instead of %d: %s", method, path, a.status, status, a.raw)
	}
	return a
}

// at reaches into the answer: names of fields and numbers of entries, by dots.
func (a answer) at(path string) any {
	v := a.body
	for step := range strings.SplitSeq(path, ".") {
		switch at := v.(type) {
		case map[string]any:
			v = at[step]
		case []any:
			var i int
			if _, err := fmt.Sscan(step, &i); err != nil || i >= len(at) {
				return nil
			}
			v = at[i]
		default:
			return nil
		}
	}
	return v
}

func (a answer) text(path string) string {
	s, _ := a.at(path).(string)
	return s
}

// want fails the test unless a part of the answer is as given.
func (a answer) want(path string, want any) {
	a.t.Helper()
	if got := a.at(path); fmt.Sprint(got) != fmt.Sprint(want) {
		a.t.Errorf("%s is %v, want %v, in %s", path, got, want, a.raw)
	}
}

// decode reads one JSON value.
func decode(t *testing.T, text string, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), into); err != nil {
		t.Fatalf("%v in %q", err, text)
	}
}
