package esdb

import (
	"net"
	"os"
	"testing"
	"time"

	"parley/eventstore"
	"parley/eventstore/embedded"
	"parley/eventstore/esdbnode"
	"parley/eventstore/storetest"
)

// kinds are Parley's own in these tests: only the engine writes them.
var kinds = []string{
	"agent", "agents", "case", "contact", "conversation", "line", "queue", "visitor", "widget",
}

const password = "not-a-secret"

// server is a node on a real socket, which can be killed and started again at
// the same address.
type server struct {
	t       testing.TB
	dir     string
	door    *door
	address string
	log     *embedded.Log
	node    *esdbnode.Node
	done    chan error
}

func started(t testing.TB) *server {
	t.Helper()
	s := &server{t: t, dir: t.TempDir(), door: newDoor(t)}
	s.address = s.door.Addr().String()
	s.start()
	t.Cleanup(s.kill)
	return s
}

func (s *server) start() {
	s.t.Helper()
	var err error
	if s.log, err = embedded.Open(embedded.Options{Dir: s.dir}); err != nil {
		s.t.Fatal(err)
	}
	s.node, err = esdbnode.New(esdbnode.Options{Log: s.log, Kinds: kinds, Users: map[string]esdbnode.User{esdbnode.Engine: {Password: password, Role: esdbnode.RoleEngine}}})
	if err != nil {
		s.t.Fatal(err)
	}
	s.done = make(chan error, 1)
	go func(n *esdbnode.Node, l net.Listener, done chan error) { done <- n.Serve(l) }(s.node, s.door.open(), s.done)
}

// kill ends the node and closes its log; calls in flight fail.
func (s *server) kill() {
	s.t.Helper()
	if s.node == nil {
		return
	}
	if err := s.node.Close(); err != nil {
		s.t.Error(err)
	}
	if err := <-s.done; err != nil {
		s.t.Error(err)
	}
	if err := s.log.Close(); err != nil {
		s.t.Error(err)
	}
	s.node = nil
}

func (s *server) url() string {
	return "esdb://" + esdbnode.Engine + ":" + password + "@" + s.address + "?tls=false"
}

func opened(t testing.TB, address string) *Log {
	t.Helper()
	l, err := Open(t.Context(), Options{Address: address, Patience: 5 * time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func TestStoreOverTheNode(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Store {
		s := started(t)
		l := opened(t, s.url())
		return storetest.Store{Log: l, Reopen: func(t *testing.T) eventstore.Log {
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			s.kill()
			s.start()
			return opened(t, s.url())
		}}
	})
}

// TestStoreOverAServer runs the same on a real server, which must be empty:
// PARLEY_TEST_ESDB names one.
func TestStoreOverAServer(t *testing.T) {
	address := os.Getenv("PARLEY_TEST_ESDB")
	if address == "" {
		t.Skip("SKIPPED: no EventStoreDB to test on. Set PARLEY_TEST_ESDB to the address of an empty one, such as esdb://localhost:2113?tls=false")
	}
	l := opened(t, address)
	info, err := l.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if info.Head != 0 {
		t.Fatalf("the server at PARLEY_TEST_ESDB is not empty: give one that nothing was written to")
	}
	runs := 0
	storetest.Run(t, func(t *testing.T) storetest.Store {
		if runs++; runs > 1 {
			t.Skip("SKIPPED: one server is one log: start a new one for each test, with -run")
		}
		return storetest.Store{Log: l, Reopen: func(t *testing.T) eventstore.Log { return opened(t, address) }}
	})
}
