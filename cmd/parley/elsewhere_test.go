package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"testing"

	"parley/eventstore"
	"parley/eventstore/embedded"
	"parley/eventstore/esdbnode"
	"parley/projections"
)

// asNode tells the test's own binary to be a server of EventStoreDB's protocol
// and nothing else: its folder and its address.
const asNode = "PARLEY_TEST_AS_NODE"

// nodePassword is that of the engine, here.
const nodePassword = "long-enough"

// nodeMain serves a folder until it is interrupted.
func nodeMain(where string) error {
	dir, address, _ := strings.Cut(where, "|")
	log, node, err := openNode(dir)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	done := make(chan error, 1)
	go func() { done <- node.Serve(l) }()
	fmt.Println(l.Addr())
	<-ctx.Done()
	return errors.Join(node.Close(), <-done, log.Close())
}

func openNode(dir string) (*embedded.Log, *esdbnode.Node, error) {
	log, err := embedded.Open(embedded.Options{Dir: dir})
	if err != nil {
		return nil, nil, err
	}
	node, err := nodeOf(log)
	return log, node, err
}

func nodeOf(log eventstore.Log) (*esdbnode.Node, error) {
	kinds, err := projections.Kinds()
	if err != nil {
		return nil, err
	}
	var own []string
	for _, name := range kinds.Names() {
		kind, _, _ := strings.Cut(name, ".")
		own = append(own, kind)
	}
	return esdbnode.New(esdbnode.Options{Log: log, Kinds: own, Users: map[string]esdbnode.User{esdbnode.Engine: {Password: nodePassword, Role: esdbnode.RoleEngine}}})
}

func nodeURL(address string) string {
	return "esdb://" + esdbnode.Engine + ":" + nodePassword + "@" + address + "?tls=false"
}

// elsewhere serves an empty log over EventStoreDB's protocol, in this process.
func elsewhere(t *testing.T) string {
	t.Helper()
	return elsewhereAs(t, func(l eventstore.Log) eventstore.Log { return l })
}

// nameless is a log that was never Parley's: it has no name.
type nameless struct{ eventstore.Log }

func (nameless) Info(context.Context) (eventstore.Info, error) { return eventstore.Info{}, nil }

// elsewhereAs serves what is made of an empty log.
func elsewhereAs(t *testing.T, of func(eventstore.Log) eventstore.Log) string {
	t.Helper()
	log, err := embedded.Open(embedded.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	node, err := nodeOf(of(log))
	if err != nil {
		t.Fatal(errors.Join(err, log.Close()))
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
	return nodeURL(l.Addr().String())
}

// nodeProcess is a node in a process of its own, which can be killed and
// started again at the same address.
type nodeProcess struct {
	t       *testing.T
	dir     string
	address string
	cmd     *exec.Cmd
	out     io.Reader
}

func startNode(t *testing.T) *nodeProcess {
	t.Helper()
	n := &nodeProcess{t: t, dir: folder(t), address: "127.0.0.1:0"}
	n.start()
	t.Cleanup(func() { n.end(os.Interrupt) })
	return n
}

func (n *nodeProcess) start() {
	n.t.Helper()
	self, err := os.Executable()
	if err != nil {
		n.t.Fatal(err)
	}
	n.cmd = exec.Command(self)
	n.cmd.Env = append(os.Environ(), asNode+"="+n.dir+"/log|"+n.address)
	n.cmd.Stderr = os.Stderr
	if n.out, err = n.cmd.StdoutPipe(); err != nil {
		n.t.Fatal(err)
	}
	if err := n.cmd.Start(); err != nil {
		n.t.Fatal(err)
	}
	lines := bufio.NewScanner(n.out)
	if !lines.Scan() {
		n.t.Fatalf("the node did not start: %v", n.cmd.Wait())
	}
	n.address = lines.Text()
}

// end ends the process, if it lives.
func (n *nodeProcess) end(signal os.Signal) {
	n.t.Helper()
	if n.cmd == nil {
		return
	}
	if err := n.cmd.Process.Signal(signal); err != nil {
		n.t.Error(err)
	}
	_, _ = io.Copy(io.Discard, n.out) // until it is gone
	if err := n.cmd.Wait(); err != nil && signal == os.Interrupt {
		n.t.Errorf("the node ended with %v", err)
	}
	n.cmd = nil
}

// again kills the process and starts it anew.
func (n *nodeProcess) again() {
	n.t.Helper()
	n.end(os.Kill)
	n.start()
}

func (n *nodeProcess) url() string { return nodeURL(n.address) }
