// Package esdbnode serves the embedded log over EventStoreDB's own gRPC
// protocol, so that any of its clients can read, follow and append. Parley's
// own kinds are read-only over it, except for another engine; they can never be
// deleted or truncated. All other streams are free. What is not offered answers
// UNIMPLEMENTED.
package esdbnode

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/gossip"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/persistent"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/serverfeatures"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"

	"parley/eventstore"
)

// Engine is the usual name of a user of the role engine.
const Engine = "engine"

// maxMessage is the largest message taken, as in EventStoreDB.
const maxMessage = 16<<20 - 10_000

// Options say what a node serves, and to whom.
type Options struct {
	// Log is what is served.
	Log eventstore.Log
	// Kinds are Parley's own, which only users of the role engine write.
	Kinds []string
	// Check tells why a record cannot be one of Parley's own; such a one is
	// refused. Nil takes all.
	Check func(eventstore.Record) error
	// Users are who may ask, by name.
	Users map[string]User
	// Anonymous is what those may do who give no name. Without it they are
	// refused, unless there are no users at all: then everybody is a writer.
	Anonymous Role
	// TLS is the server's certificate; nil serves in the clear, which is for
	// this machine only.
	TLS *tls.Config
	// ClientCAs sign the certificates by which callers may say who they are: the
	// common name is the user's. Nil asks for none.
	ClientCAs *x509.CertPool
	// Now tells the age of events; nil is time.Now.
	Now func() time.Time
}

// Node answers EventStoreDB's clients.
type Node struct {
	server  *grpc.Server
	streams *streamStore
	groups  *persistentStore
	gossip  *gossipOf
}

// New makes a node. Nothing is served yet.
func New(o Options) (*Node, error) {
	if o.Log == nil {
		return nil, errors.New("esdbnode: a node needs a log to serve")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	options := []grpc.ServerOption{
		grpc.WaitForHandlers(true), // the log is closed after the node
		grpc.MaxRecvMsgSize(maxMessage), grpc.MaxSendMsgSize(maxMessage),
		// The vendor's clients ask each 10 seconds whether the node lives.
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: time.Second, PermitWithoutStream: true}),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: 10 * time.Second, Timeout: 10 * time.Second}),
	}
	if o.TLS != nil {
		config := o.TLS.Clone()
		if o.ClientCAs != nil {
			config.ClientAuth = tls.RequestClientCert // verified call by call, so that the reason is told
		}
		options = append(options, grpc.Creds(credentials.NewTLS(config)))
	}
	a, err := newAccess(o)
	if err != nil {
		return nil, err
	}
	options = append(options, grpc.UnaryInterceptor(a.unary), grpc.StreamInterceptor(a.stream))
	n := &Node{server: grpc.NewServer(options...), streams: newStreamStore(o, a), gossip: newGossip()}
	n.groups = newPersistentStore(n.streams)
	persistent.RegisterPersistentSubscriptionsServer(n.server, n.groups)
	streams.RegisterStreamsServer(n.server, n.streams)
	gossip.RegisterGossipServer(n.server, n.gossip)
	serverfeatures.RegisterServerFeaturesServer(n.server, features{})
	return n, nil
}

// Serve answers on a listener until Close.
func (n *Node) Serve(l net.Listener) error {
	if err := n.prepare(l); err != nil {
		return errors.Join(err, l.Close())
	}
	if err := n.server.Serve(l); err != nil && !errors.Is(err, grpc.ErrServerStopped) {
		return fmt.Errorf("esdbnode: serving on %s: %w", l.Addr(), err)
	}
	return nil
}

// prepare does what must be done before anything is served.
func (n *Node) prepare(l net.Listener) error {
	if err := n.gossip.at(l.Addr()); err != nil {
		return fmt.Errorf("esdbnode: %w", err)
	}
	return nil
}

// Close ends everything that is being answered. The log stays open.
func (n *Node) Close() error {
	n.groups.close()
	n.server.Stop()
	return nil
}
