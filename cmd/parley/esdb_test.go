package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
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
	"parley/eventstore/esdb"
)

func fileOf(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(folder(t), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// foreigner is an event of somebody else.
func foreigner(name, data string) eventstore.Record {
	return eventstore.Record{ID: uuid.New(), Name: name, HappenedAt: time.Now(), Command: uuid.New(), Data: []byte(data)}
}

// TestServeTheLogToOthers writes and reads a running engine's log over
// EventStoreDB's protocol: what others keep in it is nothing to Parley, and what
// cannot be an event of Parley's is refused.
func TestServeTheLogToOthers(t *testing.T) {
	t.Parallel()
	users := fileOf(t, "users", "# who\nother:engine:long enough\nshop:writer:also:long enough\n")
	address := held(t)
	data := folder(t)
	s := serveHere(t, data, "--esdb-listen", address, "--esdb-users", users)
	h := furnish(t, s)
	l, err := esdb.Open(t.Context(), esdb.Options{Address: "esdb://other:long%20enough@" + address + "?tls=false"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for n, name := range []string{"order.placed", "conversation.started", "agent.reserved", "line.taken"} {
		if _, err := l.Append(t.Context(), "order-1", eventstore.Revision(n-1), foreigner(name, `{"agent":"ana"}`)); err != nil {
			t.Fatal(err)
		}
	}
	for what, r := range map[string]eventstore.Record{
		"an unknown event": foreigner("conversation.juggled", `{}`), "another kind's": foreigner("agent.registered", `{}`), "no JSON": foreigner("conversation.closed", `{`),
	} {
		if _, err := l.Append(t.Context(), "conversation-1", eventstore.None, r); err == nil || !strings.Contains(err.Error(), "Parley's own streams") {
			t.Errorf("%s: %v", what, err)
		}
	}
	id, _ := h.talk(t, "Where is my parcel?", "On its way.")
	all := 0
	for r, err := range l.Read(t.Context(), eventstore.Query{Stream: "conversation-" + id}) {
		if err != nil {
			t.Fatal(err)
		}
		if all++; all == 1 && r.Name != "conversation.started" {
			t.Errorf("it begins with %s", r.Name)
		}
	}
	if all < 5 {
		t.Errorf("%d events of the conversation are read", all)
	}
	if told := parley(t, "events", "--data", data, "--limit", "0").ok(t); strings.Contains(told, "order-1") || !strings.Contains(told, "conversation-"+id) {
		t.Errorf("the events are\n%s", told)
	}
	parley(t, "check", "--data", data).ok(t)
	parley(t, "projections", "rebuild", "--all", "--compare", "--data", data).ok(t)
	for _, p := range s.admin.must(http.StatusOK, "GET", "/v1/projections", nil).at("projections").([]any) {
		if p := p.(map[string]any); p["parked"] != float64(0) || p["failure"] != nil {
			t.Errorf("%v", p)
		}
	}
	if _, err := esdb.Open(t.Context(), esdb.Options{Address: "esdb://other:wrong@" + address + "?tls=false"}); err == nil || !strings.Contains(err.Error(), "password") {
		t.Errorf("a wrong password: %v", err)
	}
}

// TestWhatCannotBeReadIsParked writes, behind the engine's back, what is no
// event: its stream is put aside and all else goes on.
func TestWhatCannotBeReadIsParked(t *testing.T) {
	t.Parallel()
	data := folder(t)
	cfg := &config{data: data, listen: "127.0.0.1:0", zone: "UTC"}
	if err := cfg.check(); err != nil {
		t.Fatal(err)
	}
	type ready struct {
		house   *house
		address string
	}
	begun, enough, ended := make(chan ready), errors.New("enough"), make(chan error, 1)
	go func() {
		ended <- serve(t.Context(), cfg, io.Discard, io.Discard, func(_ context.Context, hs *house, address string) error {
			begun <- ready{hs, address}
			<-begun
			return enough
		})
	}()
	defer func() {
		close(begun)
		if err := <-ended; !errors.Is(err, enough) {
			t.Error(err)
		}
	}()
	at := <-begun
	hs, address := at.house, at.address
	s := &server{data: data, url: address}
	eventually(t, "it is ready", func() bool { return (&client{t: t, url: address}).send("GET", "/readyz", nil).status == http.StatusOK })
	s.admin = client{t, address, strings.TrimSpace(parley(t, "token", "--data", data).ok(t))}
	h := furnish(t, s)
	id, _ := h.talk(t, "Where is my parcel?", "On its way.")
	for stream, r := range map[string]eventstore.Record{"conversation-x": foreigner("conversation.juggled", `{}`), "agent-bob": foreigner("agent.registered", `{"agent":`)} {
		if _, err := hs.log.Append(t.Context(), stream, eventstore.None, r); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "both are parked", func() bool { return hs.reactor.Status().Parked == 2 })
	again, _ := h.talk(t, "And now?", "Tomorrow.")
	for _, id := range []string{id, again} {
		s.look(s.admin, "/v1/conversations/"+id).want("state", "closed")
	}
	parked := 0
	for _, p := range s.admin.must(http.StatusOK, "GET", "/v1/projections", nil).at("projections").([]any) {
		p := p.(map[string]any)
		if parked += int(p["parked"].(float64)); p["failure"] != nil {
			t.Errorf("%v", p)
		}
	}
	if parked == 0 {
		t.Error("no view has parked anything")
	}
	parley(t, "check", "--data", data).fails(t, exitFail)
	if told := parley(t, "events", "--data", data, "--limit", "0").ok(t); !strings.Contains(told, "conversation.juggled") {
		t.Error("what is parked cannot be seen")
	}
}

// certificate writes a certificate of this machine's and its key.
func certificate(t *testing.T, from, to time.Time) (cert, key string, roots *x509.CertPool) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "parley"}, NotBefore: from, NotAfter: to, IsCA: true, BasicConstraintsValid: true,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, leaf, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	roots = x509.NewCertPool()
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	roots.AppendCertsFromPEM(text)
	return fileOf(t, "cert.pem", string(text)), fileOf(t, "key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}))), roots
}

// TestServeTheLogOverTLS asks as clients on other machines would.
func TestServeTheLogOverTLS(t *testing.T) {
	long(t)
	t.Parallel()
	cert, key, _ := certificate(t, time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
	users := fileOf(t, "users", "other:engine:long-enough\n")
	address := held(t)
	serveHere(t, folder(t), "--esdb-listen", address, "--esdb-users", users, "--esdb-tls-cert", cert, "--esdb-tls-key", key)
	l, err := esdb.Open(t.Context(), esdb.Options{Address: "esdb://other:long-enough@" + address + "?tls=true&tlsCAFile=" + cert})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, err := l.Append(t.Context(), "order-1", eventstore.None, foreigner("order.placed", `{}`)); err != nil {
		t.Fatal(err)
	}
	for _, wrong := range []string{"esdb://other:long-enough@" + address + "?tls=true", "esdb://other:long-enough@" + address + "?tls=false"} {
		if _, err := esdb.Open(t.Context(), esdb.Options{Address: wrong, Patience: 100 * time.Millisecond}); err == nil {
			t.Errorf("%s was let in", wrong)
		}
	}
}

func TestTheCertificateIsReadAgain(t *testing.T) {
	t.Parallel()
	now := time.Now()
	cert, key, _ := certificate(t, now.Add(-time.Hour), now.Add(time.Hour))
	var said strings.Builder
	k := &keyPair{cert: cert, key: key, logger: slog.New(slog.NewTextHandler(&said, nil))}
	first, err := k.get(nil)
	if err != nil {
		t.Fatal(err)
	}
	put := func(cert, key string) {
		t.Helper()
		for from, to := range map[string]string{cert: k.cert, key: k.key} {
			text, err := os.ReadFile(from)
			if err == nil {
				err = errors.Join(os.WriteFile(to, text, 0o600), os.Chtimes(to, time.Time{}, now.Add(time.Minute)))
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		now = now.Add(time.Minute)
	}
	cert, key, _ = certificate(t, now.Add(-time.Hour), now.Add(time.Hour))
	put(cert, key)
	second, err := k.get(nil)
	if err != nil || second == first {
		t.Fatalf("the new one is not taken: %v", err)
	}
	cert, key, _ = certificate(t, now.Add(-2*time.Hour), now.Add(-time.Hour))
	put(cert, key)
	if kept, err := k.get(nil); err != nil || kept != second || !strings.Contains(said.String(), "is valid from") {
		t.Fatalf("one that has run out: %v, %s", err, &said)
	}
}

func TestServingTheLogIsRefused(t *testing.T) {
	long(t)
	t.Parallel()
	old, key, _ := certificate(t, time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour))
	good := fileOf(t, "users", "a:writer:long enough\n")
	loose := fileOf(t, "loose", "a:writer:long enough\n")
	if err := os.Chmod(loose, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		code int
		says string
		args []string
	}{
		{exitUsage, "can be reached from other machines", []string{"--esdb-listen", "0.0.0.0:0"}},
		{exitUsage, "can be reached from other machines", []string{"--esdb-listen", ":2113", "--esdb-users", good}},
		{exitUsage, "can be reached from other machines", []string{"--esdb-listen", "[::]:2113", "--esdb-tls-cert", old, "--esdb-tls-key", key}},
		{exitUsage, "is no host:port", []string{"--esdb-listen", "here"}},
		{exitUsage, "belong together", []string{"--esdb-listen", "127.0.0.1:0", "--esdb-tls-cert", old}},
		{exitUsage, "without --esdb-listen", []string{"--esdb-users", good}},
		{exitUsage, "with --store there is none", []string{"--esdb-listen", "127.0.0.1:0", "--store", "esdb://localhost:1?tls=false"}},
		{exitUsage, "gives each name its role", []string{"--esdb-listen", "127.0.0.1:0", "--esdb-tls-client-ca", old}},
		{exitFail, "is valid from", []string{"--esdb-listen", "127.0.0.1:0", "--esdb-tls-cert", old, "--esdb-tls-key", key}},
		{exitFail, "chmod 600", []string{"--esdb-listen", "127.0.0.1:0", "--esdb-users", loose}},
		{exitFail, "line 1 is not name:role:password", []string{"--esdb-listen", "127.0.0.1:0", "--esdb-users", fileOf(t, "u", "a:secret-word\n")}},
		{exitFail, "a role is reader, writer or engine", []string{"--esdb-listen", "127.0.0.1:0", "--esdb-users", fileOf(t, "u", "a:boss:secret-word\n")}},
		{exitFail, "8 characters", []string{"--esdb-listen", "127.0.0.1:0", "--esdb-users", fileOf(t, "u", "a:writer:secret\n")}},
		{exitFail, "of this name already", []string{"--esdb-listen", "127.0.0.1:0", "--esdb-users", fileOf(t, "u", "a:writer:secret-word\na:reader:secret-word\n")}},
		{exitFail, "names nobody", []string{"--esdb-listen", "127.0.0.1:0", "--esdb-users", fileOf(t, "u", "\n")}},
	} {
		r := parley(t, append([]string{"serve", "--data", folder(t), "--listen", "127.0.0.1:0"}, test.args...)...)
		r.fails(t, test.code, test.says)
		if strings.Contains(r.errs, "secret") {
			t.Errorf("a password is shown: %s", r.errs)
		}
	}
}
