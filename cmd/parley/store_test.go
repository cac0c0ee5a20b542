package main

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"parley/eventstore/esdbnode"
)

// TestServeOnAStoreElsewhere holds a conversation whose log is on a server
// that speaks EventStoreDB's protocol, ends, and goes on with it.
func TestServeOnAStoreElsewhere(t *testing.T) {
	long(t)
	t.Parallel()
	address := elsewhere(t)
	data := folder(t)
	s := serveHere(t, data, "--store", address)
	h := furnish(t, s)
	id := h.ask("Where is my parcel?")
	hold := h.engage(t, id)
	sent := h.ana.must(http.StatusCreated, "POST", "/v1/conversations/"+id+"/messages", fields{"text": "On its way."})
	h.visitor.must(http.StatusOK, "GET", "/v1/conversations/"+id+"/transcript?after="+sent.text("position"), nil).want("lines.1.text", "On its way.")
	h.close(id, hold)
	s.stop()

	again := serveHere(t, data, "--store", address)
	admin := again.as("admin", "root")
	admin.must(http.StatusOK, "GET", "/v1/conversations/"+id, nil).want("state", "closed")
	again.stop()
	parley(t, "events", "--data", folder(t), "--store", address).fails(t, exitFail, "keys", "127.0.0.1")
	parley(t, "backup", "--data", data, "--store", address, folder(t)+"/copy").fails(t, exitFail, "EventStoreDB's own tools")
}

// engineNode is a parley serve in a process of its own, which serves its log to
// other engines; they share its keys.
type engineNode struct {
	t       *testing.T
	address string
	users   string
	data    string
	*server
}

func startEngineNode(t *testing.T) *engineNode {
	t.Helper()
	n := &engineNode{t: t, address: held(t), users: fileOf(t, "users", esdbnode.Engine+":engine:"+nodePassword+"\n"), data: folder(t)}
	n.start()
	return n
}

func (n *engineNode) start() {
	n.t.Helper()
	n.server = serveProcess(n.t, n.data, "--esdb-listen", n.address, "--esdb-users", n.users, "--rate", "0", "--public-rate", "0")
}

func (n *engineNode) again() {
	n.t.Helper()
	n.kill()
	n.start()
}

func (n *engineNode) url() string { return nodeURL(n.address) }

func (n *engineNode) keys() string { return filepath.Join(n.data, "keys") }

// TestTwoEnginesOnOneFolder serves on the log that another parley serve keeps in
// its folder: what one does the other shows, also after the one that keeps the log
// was killed; and one with other keys is refused.
func TestTwoEnginesOnOneFolder(t *testing.T) {
	long(t)
	t.Parallel()
	node := startEngineNode(t)
	args := []string{"--store", node.url(), "--keys", node.keys()}
	data := folder(t)
	s := serveProcess(t, data, args...)
	h := furnish(t, s)
	id := h.ask("Where is my parcel?")
	hold := h.engage(t, id)
	node.again()
	var sent answer
	eventually(t, "it goes on", func() bool {
		sent = h.ana.keyed("one", "POST", "/v1/conversations/"+id+"/messages", fields{"text": "On its way."})
		return sent.status == http.StatusCreated
	})
	eventually(t, "the other shows it", func() bool {
		return strings.Contains(string(node.admin.send("GET", "/v1/conversations/"+id+"/transcript", nil).raw), "On its way.")
	})
	h.close(id, hold)
	eventually(t, "the other shows the end", func() bool {
		return node.admin.send("GET", "/v1/conversations/"+id, nil).text("state") == "closed"
	})
	other := &shop{server: node.server, ana: h.ana, visitor: h.visitor, id: h.id}
	other.again(node.server)
	other.arrive(t)
	id = other.ask("And from here?")
	eventually(t, "the first shows it", func() bool { return h.admin.send("GET", "/v1/conversations/"+id, nil).status == http.StatusOK })
	other.close(id, other.engage(t, id))

	parley(t, "check", "--data", folder(t), "--store", node.url()).fails(t, exitFail, "keys", "bring back")
	s.stop()
	parley(t, append([]string{"check", "--data", data}, args...)...).ok(t)
	parley(t, append([]string{"projections", "verify", "--all", "--data", data}, args...)...).ok(t)
	node.stop()
	parley(t, "check", "--data", node.data).ok(t)
	parley(t, "projections", "verify", "--all", "--data", node.data).ok(t)
}

// TestTheFolderOfAnEngineIsNotForAnother: who serves a log of another folder in
// the folder of the one that has it would take its socket and its views, and put
// it out of the log.
func TestTheFolderOfAnEngineIsNotForAnother(t *testing.T) {
	t.Parallel()
	node := startEngineNode(t)
	parleyFor(t, time.Minute, "", "serve", "--data", node.data, "--store", node.url(), "--listen", "127.0.0.1:0").fails(t, exitFail, "another parley process holds")
	node.admin.must(http.StatusOK, "GET", "/v1/agents", nil)
	parley(t, "projections", "list", "--data", node.data).ok(t)

	s := serveProcess(t, folder(t), "--store", node.url(), "--keys", filepath.Join(node.data, "keys"))
	parleyFor(t, time.Minute, "", "serve", "--data", s.data, "--listen", "127.0.0.1:0").fails(t, exitFail, "another parley process holds")
	if _, err := os.Stat(filepath.Join(s.data, "log")); !os.IsNotExist(err) {
		t.Errorf("a log was made in the folder of a server whose log is elsewhere: %v", err)
	}
	s.admin.must(http.StatusOK, "GET", "/v1/agents", nil)
}

// logElsewhere is a log in another process, which can be killed and started
// again.
type logElsewhere interface {
	url() string
	again()
}

// TestTheWalkThroughsOnALogElsewhere runs the how-to scripts, as a person
// would, with the log in another process, which serves it and nothing else or is
// a whole parley serve that works on it as well; and again with that process
// killed and started anew in their middle, several times.
func TestTheWalkThroughsOnALogElsewhere(t *testing.T) {
	for _, tool := range []string{"bash", "curl", "jq", "openssl"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("SKIPPED: the scripts need %s: install it", tool)
		}
	}
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, script := range []string{"live-chat.sh", "persistent-chat.sh"} {
		for _, kills := range []int{0, 3} {
			for _, engine := range []bool{false, true} {
				if kills == 0 && (testing.Short() || engine) {
					continue // the other does as much, and more
				}
				t.Run(fmt.Sprintf("%s, killed %d times, an engine there: %v", script, kills, engine), func(t *testing.T) {
					t.Parallel()
					var node logElsewhere
					keys := ""
					if engine {
						there := startEngineNode(t)
						node, keys = there, there.keys()
					} else {
						node = startNode(t)
					}
					ctx, cancel := context.WithTimeout(t.Context(), patience)
					defer cancel()
					cmd := exec.CommandContext(ctx, "bash", "-x", filepath.Join(root, "docs", "howto", script)) // it tells each step
					cmd.Env = append(os.Environ(), reexec+"=1", "PARLEY="+self, "PARLEY_STORE="+node.url(), "PARLEY_KEYS="+keys)
					steps, err := cmd.StderrPipe()
					if err != nil {
						t.Fatal(err)
					}
					if err := cmd.Start(); err != nil {
						t.Fatal(err)
					}
					var told []string
					asked, left := 0, kills
					for lines := bufio.NewScanner(steps); lines.Scan(); {
						told = append(told, lines.Text())
						if !strings.Contains(lines.Text(), "+ as ") {
							continue
						}
						if asked++; asked%12 == 0 && left > 0 {
							left--
							node.again()
						}
					}
					if err := cmd.Wait(); err != nil {
						t.Fatalf("%v\n%s", err, strings.Join(told[max(0, len(told)-60):], "\n"))
					}
					if left > 0 {
						t.Errorf("%d kills are left, after %d steps", left, asked)
					}
				})
			}
		}
	}
}
