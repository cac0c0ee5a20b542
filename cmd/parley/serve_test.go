package main

import (
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestServeHoldsAConversation(t *testing.T) {
	t.Parallel()
	s := serveHere(t, folder(t))
	nobody := client{t, s.url, ""}
	nobody.must(http.StatusOK, "GET", "/healthz", nil)
	nobody.must(http.StatusOK, "GET", "/openapi.yaml", nil)
	nobody.must(http.StatusUnauthorized, "GET", "/v1/agents", nil)

	h := furnish(t, s)
	id := h.ask("Where is my parcel?")
	hold := h.engage(t, id)
	sent := h.ana.must(http.StatusCreated, "POST", "/v1/conversations/"+id+"/messages", fields{"text": "On its way."})
	h.visitor.must(http.StatusOK, "GET", "/v1/conversations/"+id+"/transcript?after="+sent.text("position"), nil).want("lines.1.text", "On its way.")
	h.ana.must(http.StatusOK, "GET", "/v1/agents/ana/capacity?after="+sent.text("position"), nil).want("free", 70)
	h.close(id, hold)
	h.admin.must(http.StatusOK, "GET", "/v1/conversations/"+id, nil).want("state", "closed")
	s.stop()
	if _, err := os.Lstat(filepath.Join(s.data, "parley.sock")); err == nil {
		t.Error("the socket was left behind")
	}
}

func TestASecondServerOnTheSameFolderIsRefused(t *testing.T) {
	t.Parallel()
	s := serveProcess(t, folder(t))
	parley(t, "serve", "--data", s.data, "--listen", "127.0.0.1:0").fails(t, exitFail, "another parley process holds", s.data)
	cmd, _, errs := start(t, "serve", "--data", s.data, "--listen", "127.0.0.1:0")
	if err := cmd.Wait(); err == nil || !strings.Contains(errs.String(), "another parley process holds") {
		t.Errorf("a second process: %v: %s", err, errs)
	}
	// Whoever was first is not disturbed, and commands still reach it.
	s.admin.must(http.StatusOK, "GET", "/v1/me", nil)
	if names := parley(t, "events", "--list-names", "--data", s.data).ok(t); !strings.Contains(names, "conversation.started") {
		t.Errorf("the names of events are\n%s", names)
	}
}

func TestAnAddressInUseIsNamed(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	address := l.Addr().String()
	parley(t, "serve", "--data", folder(t), "--listen", address).fails(t, exitFail, "--listen", address)
}

func TestTheKeysOfAnotherLogAreRefused(t *testing.T) {
	t.Parallel()
	data := folder(t)
	parley(t, "import", "star", "testdata/star.jsonl", "--data", data).ok(t)
	if err := os.RemoveAll(filepath.Join(data, "keys")); err != nil {
		t.Fatal(err)
	}
	parley(t, "events", "--data", data).fails(t, exitFail, "keys")
}

func TestTokensCountForTheirRole(t *testing.T) {
	t.Parallel()
	s := serveHere(t, folder(t))
	agent := client{t, s.url, strings.TrimSpace(parley(t, "token", "--role", "agent", "--subject", "ana", "--for", "1h", "--data", s.data).ok(t))}
	agent.must(http.StatusOK, "GET", "/v1/me", nil).want("id", "ana")
	agent.must(http.StatusForbidden, "PUT", "/v1/queues/sales", fields{"name": "Sales"})
	var minted struct{ Token, Expires string }
	decode(t, parley(t, "token", "--json", "--data", s.data).ok(t), &minted)
	if minted.Token == "" || minted.Expires == "" {
		t.Errorf("--json gives %+v", minted)
	}
}

func TestABackupIsALogThatOpens(t *testing.T) {
	long(t)
	t.Parallel()
	s := serveHere(t, folder(t))
	h := furnish(t, s)
	id, _ := h.talk(t, "Where is my parcel?", "On its way.")
	copied := folder(t)
	parley(t, "backup", filepath.Join(copied, "log"), "--data", s.data).ok(t)
	parley(t, "backup", filepath.Join(copied, "log"), "--data", s.data).fails(t, exitFail, "new folder")
	s.stop()
	if err := os.CopyFS(filepath.Join(copied, "keys"), os.DirFS(filepath.Join(s.data, "keys"))); err != nil {
		t.Fatal(err)
	}
	parley(t, "check", "--data", copied).ok(t)
	history := []string{"history", "conversation", id, "--data"}
	if one, two := parley(t, append(history, s.data)...).ok(t), parley(t, append(history, copied)...).ok(t); one != two {
		t.Errorf("the backup tells another history:\n%s\n%s", one, two)
	}
}

func TestAGT6_ADisabledAgentIsLetInNoMore(t *testing.T) {
	t.Parallel()
	h := furnish(t, serveHere(t, folder(t)))
	conversation := h.ask("Is anybody there?")
	h.engage(t, conversation)
	h.admin.must(http.StatusOK, "POST", "/v1/agents/ana/disable", nil)
	for _, path := range []string{"/v1/me", "/v1/conversations/" + conversation + "/transcript", "/v1/conversations/" + conversation + "/feed"} {
		h.ana.must(http.StatusForbidden, "GET", path, nil).want("code", "disabled")
	}
	h.admin.must(http.StatusOK, "POST", "/v1/agents/ana/enable", nil)
	h.ana.must(http.StatusOK, "GET", "/v1/me", nil)
}
