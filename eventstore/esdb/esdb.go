// Package esdb is the store for more than one machine: EventStoreDB (or
// KurrentDB, or Parley's own node) through its Go client. It is the only
// place that knows that client, and it survives what the client does not:
// servers that restart, clients that have closed themselves, answers that
// never come.
package esdb

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	client "github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"google.golang.org/grpc/metadata"

	"parley/eventstore"
	"parley/eventstore/esdb/envelope"
)

// Options say which server keeps the log. Only Address is needed.
type Options struct {
	// Address is the connection string, such as
	// "esdb://user:password@db1:2113,db2:2113?tls=true".
	Address string
	// Timeout ends one call, or the wait for the next part of an answer; 0 is
	// 10 seconds.
	Timeout time.Duration
	// Patience is how long a call is repeated while the server cannot be
	// reached; 0 is 10 seconds. Opening waits three times as long, and followers
	// without end.
	Patience time.Duration
	// Existing refuses a server that holds no log, instead of beginning one.
	Existing bool
	// Commands is the index of commands, which nobody else uses; nil keeps one
	// in memory, made anew from the whole log, for short logs: with more than 2^20
	// commands asking for one is an error. Close leaves it open.
	Commands eventstore.Commands
}

// Schemes begin every address: EventStoreDB's, and those by which KurrentDB,
// its successor, calls the same.
var Schemes = []string{"esdb://", "esdb+discover://", "kurrentdb://", "kurrentdb+discover://", "kurrent://", "kurrent+discover://", "kdb://", "kdb+discover://"}

// IsAddress tells whether a text is the address of a server.
func IsAddress(text string) bool {
	return slices.ContainsFunc(Schemes, func(s string) bool { return strings.HasPrefix(text, s) })
}

// addressed is an address in the words of the client, which knows the older
// scheme only.
func addressed(address string) string {
	scheme, rest, ok := strings.Cut(address, "://")
	if !ok || !IsAddress(address) {
		return address
	}
	if strings.HasSuffix(scheme, "+discover") {
		return "esdb+discover://" + rest
	}
	return "esdb://" + rest
}

// oldest is the first major version that tells subscribers that they have
// caught up, which following needs.
const oldest = 23

// streamOfStore holds the log's name, and streamOfMark the marks. The tilde
// keeps them apart from every kind of stream.
const (
	ownPrefix     = "~"
	streamOfStore = envelope.StoreStream
	streamOfMark  = envelope.MarkStream
)

// Log is an eventstore.Log on a server.
type Log struct {
	options Options
	server  string // without the password, for messages
	headers []string
	clients *supervisor
	lines   lines
	store   string

	acked    atomic.Uint64 // the highest position that this process appended
	recorded atomic.Int64  // the latest recorded-at it has seen, in microseconds
	head     headSeen
	heads    flights
	commands commands
	tail     tail
	closing  chan struct{}
	closed   sync.Once
}

// Check tells what is wrong with an address, without connecting.
func Check(address string) error {
	conf, err := client.ParseConnectionString(addressed(address))
	if err != nil {
		return fmt.Errorf("the address of EventStoreDB is not understood: %w. Give one such as esdb://user:password@localhost:2113?tls=true", withoutSecret(err, address))
	}
	_, err = headersOf(conf)
	return err
}

// Open connects to the server and finds the log's name, or gives it one.
func Open(ctx context.Context, o Options) (*Log, error) {
	if o.Timeout == 0 {
		o.Timeout = 10 * time.Second
	}
	if o.Patience == 0 {
		o.Patience = 10 * time.Second
	}
	conf, err := client.ParseConnectionString(addressed(o.Address))
	if err != nil {
		return nil, fmt.Errorf("eventstore: the address of EventStoreDB is not understood: %w. Give one such as esdb://user:password@localhost:2113?tls=true", withoutSecret(err, o.Address))
	}
	l := &Log{options: o, server: nameOf(conf), closing: make(chan struct{})}
	if l.commands.index = o.Commands; o.Commands == nil {
		l.commands.index = &inMemory{most: memoryCommands}
	}
	if l.headers, err = headersOf(conf); err != nil {
		return nil, err
	}
	l.clients = newSupervisor(conf, int(o.Timeout/time.Second))
	if err := l.meet(ctx); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// nameOf names the server in messages.
func nameOf(conf *client.Configuration) string {
	if len(conf.GossipSeeds) == 0 {
		return conf.Address
	}
	names := make([]string, len(conf.GossipSeeds))
	for i, s := range conf.GossipSeeds {
		names[i] = s.String()
	}
	return strings.Join(names, ",")
}

// withoutSecret keeps the password out of messages.
func withoutSecret(err error, address string) error {
	_, rest, _ := strings.Cut(address, "://")
	user, _, found := strings.Cut(rest, "@")
	if _, secret, ok := strings.Cut(user, ":"); found && ok && secret != "" {
		return errors.New(strings.ReplaceAll(err.Error(), secret, "…"))
	}
	return err
}

// headersOf are sent with every call. The client means to ask for the leader
// and never does; and it sends no password in the clear, which on this very
// machine is harmless.
func headersOf(conf *client.Configuration) ([]string, error) {
	headers := []string{"requires-leader", "true"}
	if conf.Username == "" || !conf.DisableTLS {
		return headers, nil
	}
	hosts := []string{conf.Address}
	for _, s := range conf.GossipSeeds {
		hosts = append(hosts, s.String())
	}
	for _, h := range hosts {
		if h != "" && !local(h) {
			return nil, fmt.Errorf("eventstore: the password for %s would travel in the clear: leave tls=false out of its address, or the user", h)
		}
	}
	basic := base64.StdEncoding.EncodeToString([]byte(conf.Username + ":" + conf.Password))
	return append(headers, "authorization", "Basic "+basic), nil
}

// local tells whether an address is this machine's.
func local(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		host = address
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// meet sees that the server is recent enough, and learns the log's name.
func (l *Log) meet(ctx context.Context) error {
	err := l.insist(ctx, func(ctx context.Context) error {
		version, err := call(ctx, l, func(_ context.Context, c *client.Client) (*client.ServerVersion, error) { return c.GetServerVersion() })
		if err == nil && version.Major < oldest {
			return fmt.Errorf("eventstore: EventStoreDB at %s is version %d.%d: %d.10 or later is needed, since earlier ones do not say when a follower has caught up", l.server, version.Major, version.Minor, oldest)
		}
		return err
	})
	if err != nil {
		return err
	}
	l.store, err = l.storeName(ctx, !l.options.Existing)
	if err == nil && l.store == "" {
		return fmt.Errorf("eventstore: EventStoreDB at %s holds no log of Parley: see that the address is right", l.server)
	}
	return err
}

// storeName reads the log's name; with create it gives one to a log that has
// none. Whoever is first decides.
func (l *Log) storeName(ctx context.Context, create bool) (string, error) {
	var name [8]byte
	if _, err := rand.Read(name[:]); err != nil {
		return "", err
	}
	m, err := l.mark(ctx, streamOfStore, func(m eventstore.Mark) ([]byte, bool) {
		return []byte(hex.EncodeToString(name[:])), create && m.Revision == 0
	})
	return string(m.Value), err
}

// outgoing adds what every call sends along.
func (l *Log) outgoing(ctx context.Context) context.Context {
	return metadata.AppendToOutgoingContext(ctx, l.headers...)
}

// Close ends every call and disconnects.
func (l *Log) Close() error {
	l.closed.Do(func() {
		// Who begins to work has begun, or sees that it is over.
		l.commands.mu.Lock()
		l.tail.mu.Lock()
		close(l.closing)
		l.tail.mu.Unlock()
		l.commands.mu.Unlock()
		l.clients.close()
		l.lines.close()
		l.commands.work.Wait()
		l.tail.work.Wait()
	})
	return nil
}

// isClosed tells whether Close was called.
func (l *Log) isClosed() bool {
	select {
	case <-l.closing:
		return true
	default:
		return false
	}
}
