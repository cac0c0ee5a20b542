package main

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"parley/eventstore/esdbnode"
)

// esdbConfig says how the log is served over EventStoreDB's protocol, if it is.
type esdbConfig struct {
	listen    string // --esdb-listen: host:port; empty serves nothing
	cert, key string // --esdb-tls-cert, --esdb-tls-key: PEM files
	clients   string // --esdb-tls-client-ca: a PEM file
	users     string // --esdb-users: a file
}

func (c *esdbConfig) flags(cmd *cobra.Command, env func(name, otherwise string) string) {
	cmd.Flags().StringVar(&c.listen, "esdb-listen", env("PARLEY_ESDB_LISTEN", ""), "serve the log over EventStoreDB's protocol at this address, such as 127.0.0.1:2113 (PARLEY_ESDB_LISTEN)")
	cmd.Flags().StringVar(&c.cert, "esdb-tls-cert", env("PARLEY_ESDB_TLS_CERT", ""), "its certificate, a PEM file that is read again when it changes (PARLEY_ESDB_TLS_CERT)")
	cmd.Flags().StringVar(&c.key, "esdb-tls-key", env("PARLEY_ESDB_TLS_KEY", ""), "the certificate's key, a PEM file (PARLEY_ESDB_TLS_KEY)")
	cmd.Flags().StringVar(&c.clients, "esdb-tls-client-ca", env("PARLEY_ESDB_TLS_CLIENT_CA", ""), "who signs the certificates by which users may say who they are, by common name: a PEM file (PARLEY_ESDB_TLS_CLIENT_CA)")
	cmd.Flags().StringVar(&c.users, "esdb-users", env("PARLEY_ESDB_USERS", ""), "who may ask: a file with a line name:role:password each, role being reader, writer or engine (PARLEY_ESDB_USERS)")
}

// check finds all mistakes at once.
func (c *esdbConfig) check(store string) error {
	if c.listen == "" {
		if c.cert != "" || c.key != "" || c.users != "" || c.clients != "" {
			return errors.New("--esdb-tls-cert, --esdb-tls-key, --esdb-tls-client-ca and --esdb-users are of no use without --esdb-listen: give it an address such as 127.0.0.1:2113")
		}
		return nil
	}
	var wrong []error
	host, _, err := net.SplitHostPort(c.listen)
	if err != nil {
		wrong = append(wrong, fmt.Errorf("--esdb-listen %q is no host:port: give one such as 127.0.0.1:2113", c.listen))
	} else if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) && (c.cert == "" || c.users == "") {
		wrong = append(wrong, fmt.Errorf("--esdb-listen %s can be reached from other machines: give --esdb-tls-cert, --esdb-tls-key and --esdb-users, or listen on 127.0.0.1", c.listen))
	}
	if (c.cert == "") != (c.key == "") {
		wrong = append(wrong, errors.New("--esdb-tls-cert and --esdb-tls-key belong together: give both"))
	}
	if c.clients != "" && (c.cert == "" || c.users == "") {
		wrong = append(wrong, errors.New("--esdb-tls-client-ca needs --esdb-tls-cert, --esdb-tls-key and --esdb-users, which gives each name its role"))
	}
	if store != "" {
		wrong = append(wrong, errors.New("--esdb-listen serves the log in the data folder, and with --store there is none: let clients ask the server at --store"))
	}
	return errors.Join(wrong...)
}

// keptKinds are Parley's own though nothing is written to them yet: who read
// what will be recorded there.
var keptKinds = []string{"access"}

// esdbNode makes what serves the log; nil when nothing is to be served.
func (h *house) esdbNode() (*esdbnode.Node, error) {
	c := &h.cfg.esdb
	if c.listen == "" {
		return nil, nil
	}
	log, err := h.ownLog("serve it")
	if err != nil {
		return nil, err
	}
	o := esdbnode.Options{
		Log: log, Kinds: append(h.engine.Codec.Kinds.All(), keptKinds...), Check: h.engine.Codec.Check,
	}
	if c.users != "" {
		if o.Users, err = readUsers(c.users); err != nil {
			return nil, fmt.Errorf("--esdb-users %s: %w", c.users, err)
		}
	}
	if c.cert != "" {
		k := &keyPair{cert: c.cert, key: c.key, logger: h.logger}
		if _, err := k.get(nil); err != nil {
			return nil, fmt.Errorf("--esdb-tls-cert %s, --esdb-tls-key %s: %w", c.cert, c.key, err)
		}
		o.TLS = &tls.Config{GetCertificate: k.get, MinVersion: tls.VersionTLS12}
	}
	if c.clients != "" {
		text, err := os.ReadFile(c.clients)
		if err != nil {
			return nil, fmt.Errorf("--esdb-tls-client-ca: %w", err)
		}
		if o.ClientCAs = x509.NewCertPool(); !o.ClientCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("--esdb-tls-client-ca %s holds no certificate: give a PEM file", c.clients)
		}
	}
	return esdbnode.New(o)
}

// listenESDB makes the node and takes its address; nil without one.
func (h *house) listenESDB() (*esdbnode.Node, net.Listener, error) {
	node, err := h.esdbNode()
	if node == nil || err != nil {
		return nil, nil, err
	}
	l, err := net.Listen("tcp", h.cfg.esdb.listen)
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("--esdb-listen %s: %w", h.cfg.esdb.listen, err), node.Close())
	}
	return node, l, nil
}

// address is what clients are given.
func (c *esdbConfig) address(at net.Addr) string {
	return fmt.Sprintf("esdb://%s?tls=%t", at, c.cert != "")
}

// shortest is the shortest password taken.
const shortest = 8

// readUsers reads name:role:password, a line each. Empty lines and those that
// begin with # are passed over; a password may hold colons. Messages never show
// a line.
func readUsers(path string) (map[string]esdbnode.User, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("others than its owner may read or write it (%s): chmod 600 it", info.Mode().Perm())
	}
	users := map[string]esdbnode.User{}
	lines := bufio.NewScanner(file)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimRight(lines.Text(), "\r")
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, rest, _ := strings.Cut(line, ":")
		role, password, ok := strings.Cut(rest, ":")
		_, twice := users[name]
		switch {
		case !ok || name == "":
			return nil, fmt.Errorf("line %d is not name:role:password", n)
		case !esdbnode.Role(role).Known():
			return nil, fmt.Errorf("line %d: a role is reader, writer or engine", n)
		case len(password) < shortest:
			return nil, fmt.Errorf("line %d: a password has %d characters or more", n, shortest)
		case twice:
			return nil, fmt.Errorf("line %d: there is a user of this name already", n)
		}
		users[name] = esdbnode.User{Password: password, Role: esdbnode.Role(role)}
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if len(users) == 0 {
		return nil, errors.New("it names nobody: give a line name:role:password each")
	}
	return users, nil
}

// keyPair is a certificate and its key on disk, read again when they change.
type keyPair struct {
	cert, key string
	logger    *slog.Logger

	mu   sync.Mutex
	read [2]time.Time // when the files that were read had changed
	pair *tls.Certificate
}

// get gives the certificate as it is now. A new one that cannot be used does not
// take the place of one that can.
func (k *keyPair) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	var changed [2]time.Time
	for i, path := range []string{k.cert, k.key} {
		info, err := os.Stat(path)
		if err != nil {
			return k.keep(err)
		}
		changed[i] = info.ModTime()
	}
	if k.pair != nil && changed == k.read {
		return k.pair, nil
	}
	pair, err := tls.LoadX509KeyPair(k.cert, k.key)
	if err != nil {
		return k.keep(err)
	}
	leaf, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil {
		return k.keep(err)
	}
	if now := time.Now(); now.After(leaf.NotAfter) || now.Before(leaf.NotBefore) {
		return k.keep(fmt.Errorf("the certificate is valid from %s to %s only: give one that is valid now", leaf.NotBefore.UTC().Format(time.DateTime), leaf.NotAfter.UTC().Format(time.DateTime)))
	}
	k.pair, k.read = &pair, changed
	return k.pair, nil
}

// keep goes on with what there is.
func (k *keyPair) keep(err error) (*tls.Certificate, error) {
	if k.pair == nil {
		return nil, err
	}
	k.logger.Error("the certificate of --esdb-listen changed and cannot be used: the one before is kept", "error", err)
	return k.pair, nil
}
