package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"parley/eventstore"
	"parley/eventstore/embedded"
	"parley/eventstore/esdbnode"
)

// TestAServerThatCannotBeUsedIsNamed starts the program with a log that it may
// not, or cannot, use: it says which server, and what to do.
func TestAServerThatCannotBeUsedIsNamed(t *testing.T) {
	t.Parallel()
	node := elsewhere(t)
	_, host, _ := strings.Cut(node, "@")
	host, _, _ = strings.Cut(host, "?")
	parley(t, "check", "--data", folder(t), "--store", "esdb://engine:wrong@"+host+"?tls=false").fails(t, exitFail, host, "the user and the password in its address")
	parley(t, "check", "--data", folder(t), "--store", "esdb://"+host+"?tls=false").fails(t, exitFail, host, "may read and write")
	parley(t, "check", "--data", folder(t), "--store", "esdb://engine:secret@db.example:2113?tls=false").fails(t, exitFail, "in the clear")
	parley(t, "check", "--data", folder(t), "--store", "mysql://db").fails(t, exitUsage, "--store")
	parley(t, "check", "--data", folder(t), "--store", "esdb://engine:secret@"+host+"?tls=perhaps").fails(t, exitFail, "not understood")
	if r := parley(t, "check", "--data", folder(t), "--store", "esdb://engine:secret@"+host+"?tls=perhaps"); strings.Contains(r.errs, "secret") {
		t.Errorf("the password is told: %s", r.errs)
	}
	if testing.Short() {
		return // what follows is waited for half a minute
	}
	nobody := held(t)
	began := time.Now()
	cmd, _, errs := start(t, "check", "--data", folder(t), "--store", "esdb://"+nobody+"?tls=false")
	if err := cmd.Wait(); err == nil || !strings.Contains(errs.String(), nobody) || !strings.Contains(errs.String(), "cannot be reached") {
		t.Errorf("%v: %s", err, errs)
	}
	t.Logf("given up after %s", time.Since(began).Round(time.Second))
}

// TestACertificateThatIsNotAcceptedIsNamed serves with one that has expired,
// with one of nobody known, and with a good one.
func TestACertificateThatIsNotAcceptedIsNamed(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		until time.Duration
		known bool
		says  string
	}{
		{"expired", -time.Hour, true, "its certificate is not accepted"},
		{"of nobody known", time.Hour, false, "its certificate is not accepted"},
		{"good", time.Hour, true, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			certificate, authority := certified(t, c.until)
			log, err := embedded.Open(embedded.Options{Dir: t.TempDir()})
			if err != nil {
				t.Fatal(err)
			}
			node, err := esdbnode.New(esdbnode.Options{
				Log: log, Users: map[string]esdbnode.User{esdbnode.Engine: {Password: nodePassword, Role: esdbnode.RoleEngine}}, TLS: &tls.Config{Certificates: []tls.Certificate{certificate}},
			})
			if err != nil {
				t.Fatal(err)
			}
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			done := make(chan error, 1)
			go func() { done <- node.Serve(l) }()
			t.Cleanup(func() {
				for _, err := range []error{node.Close(), <-done, log.Close()} {
					if err != nil {
						t.Error(err)
					}
				}
			})
			address := "esdb://engine:" + nodePassword + "@" + l.Addr().String() + "?tls=true"
			if c.known {
				address += "&tlsCaFile=" + authority
			}
			r := parley(t, "check", "--data", folder(t), "--store", address)
			if c.says == "" {
				r.ok(t)
				return
			}
			r.fails(t, exitFail, c.says, l.Addr().String(), "tlsCaFile")
		})
	}
}

// certified makes a certificate for this machine, and the file of its authority.
func certified(t *testing.T, until time.Duration) (tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	authority := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(48 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	signed, err := x509.CreateCertificate(rand.Reader, authority, authority, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "ca.crt")
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: signed}), 0o600); err != nil {
		t.Fatal(err)
	}
	node := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "localhost"}, NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: time.Now().Add(until),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"localhost"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	own, err := x509.CreateCertificate(rand.Reader, node, authority, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{own}, PrivateKey: key}, path
}

// TestAServerThatGoesAwayIsWaitedFor stops the log's process under a running
// server: what is asked meanwhile is answered, and says what is wrong;
// with the log back all goes on by itself.
func TestAServerThatGoesAwayIsWaitedFor(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: it waits for ten seconds: run without -short")
	}
	t.Parallel()
	node := startNode(t)
	s := serveProcess(t, folder(t), "--store", node.url())
	h := furnish(t, s)
	id := h.ask("Where is my parcel?")
	hold := h.engage(t, id)
	node.end(os.Kill)
	began := time.Now()
	refused := h.ana.send("POST", "/v1/conversations/"+id+"/messages", fields{"text": "On its way."})
	if refused.status != http.StatusServiceUnavailable {
		t.Errorf("it answers %d: %s", refused.status, refused.raw)
	}
	t.Logf("refused after %s", time.Since(began).Round(time.Second))
	node.start()
	eventually(t, "it goes on", func() bool {
		return h.ana.send("POST", "/v1/conversations/"+id+"/messages", fields{"text": "It has arrived."}).status == http.StatusCreated
	})
	t.Logf("taken after %s", time.Since(began).Round(time.Second))
	h.close(id, hold)
	h.engage(t, h.ask("Thank you!"))
	t.Logf("routed after %s", time.Since(began).Round(time.Second))
}

// TestATooLargeEventIsRefused sends what one command may, and its events cannot
// hold once they are sealed: it is refused before anything is written, on a log
// elsewhere as in a folder, and the next command is taken.
func TestATooLargeEventIsRefused(t *testing.T) {
	long(t)
	t.Parallel()
	node := startNode(t)
	for where, args := range map[string][]string{"folder": nil, "server": {"--store", node.url()}} {
		data := folder(t)
		s := serveProcess(t, data, args...)
		h := furnish(t, s)
		var much []fields
		for n := range 100 {
			much = append(much, fields{"name": fmt.Sprintf("v%d", n), "value": strings.Repeat("é", 4000)})
		}
		before := h.admin.must(http.StatusOK, "GET", "/v1/events?limit=200", nil).at("events").([]any)
		h.visitor.must(http.StatusRequestEntityTooLarge, "POST", "/v1/conversations", fields{"widget": "shop", "text": "Hello", "context": much}).want("code", "too_large")
		after := h.admin.must(http.StatusOK, "GET", "/v1/events?limit=200", nil).at("events").([]any)
		if len(before) != len(after) {
			t.Errorf("%s: %d events before, %d after what was refused", where, len(before), len(after))
		}
		id := h.ask("Hello again?")
		h.visitor.must(http.StatusRequestEntityTooLarge, "POST", "/v1/conversations/"+id+"/context", fields{"variables": much}).want("code", "too_large")
		h.close(id, h.engage(t, id))
		s.stop()
		parley(t, append([]string{"check", "--data", data}, args...)...).ok(t)
	}
}

// TestADeletedStreamIsNamed lets somebody tombstone a conversation on the
// server, which its owner can: what needs it says so and where, all else goes on,
// and nothing is written behind the tombstone.
func TestADeletedStreamIsNamed(t *testing.T) {
	long(t)
	t.Parallel()
	node := startNode(t)
	data := folder(t)
	s := serveProcess(t, data, "--store", node.url())
	h := furnish(t, s)
	id := h.ask("Where is my parcel?")
	h.engage(t, id)
	s.stop()
	node.end(os.Interrupt)
	l, err := embedded.Open(embedded.Options{Dir: filepath.Join(node.dir, "log")})
	if err != nil {
		t.Fatal(err)
	}
	last, ok := l.Last("conversation-" + id)
	for r, err := range l.Read(t.Context(), eventstore.Query{Stream: "conversation-" + id}) {
		if err != nil {
			t.Fatal(err)
		}
		last, ok = r.Revision, true
	}
	if !ok {
		t.Fatal("there is no conversation")
	}
	tombstone := eventstore.Record{ID: uuid.New(), Name: "$streamDeleted", HappenedAt: time.Now(), Data: []byte("\x00parley-frame\x01\x00\x00")}
	if _, err := l.Append(t.Context(), "conversation-"+id, last, tombstone); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	node.start()
	s = serveProcess(t, data, "--store", node.url())
	h.again(s)
	before := len(h.admin.must(http.StatusOK, "GET", "/v1/events?limit=200", nil).at("events").([]any))
	for range 2 {
		h.ana.must(http.StatusInternalServerError, "POST", "/v1/conversations/"+id+"/messages", fields{"text": "On its way."}).want("code", "internal")
	}
	if after := len(h.admin.must(http.StatusOK, "GET", "/v1/events?limit=200", nil).at("events").([]any)); after != before {
		t.Errorf("%d events before, %d after what could not be done", before, after)
	}
	h.arrive(t)
	other := h.ask("And mine?")
	h.close(other, h.engage(t, other))
	s.stop()
	parley(t, "history", "conversation", id, "--data", data, "--store", node.url()).fails(t, exitFail, "somebody deleted it", "conversation-"+id, node.address)
	parley(t, "check", "--data", data, "--store", node.url()).fails(t, exitFail, "somebody deleted it", "conversation-"+id, node.address, "backup")
}
