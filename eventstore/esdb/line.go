package esdb

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"time"

	client "github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/gossip"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"

	"parley/eventstore"
)

// line is one call that stays open, over which this process appends: each
// append is answered by the number it was sent with. The vendor's client opens
// a call for each append, which costs more than the append, and cannot keep the
// order of two.
type line struct {
	conn   *grpc.ClientConn
	call   streams.Streams_BatchAppendClient
	cancel context.CancelCauseFunc
	salt   int64         // with the number, it makes an id
	over   chan struct{} // closed when nothing more is answered

	sending sync.Mutex // one after the other, in the order of their numbers

	mu      sync.Mutex
	number  int64
	waiting map[int64]*sent
	failure error
	moved   string // where the leader is, when this server is not it
}

// sent is an append under way.
type sent struct {
	done     chan struct{}
	position eventstore.Position
	err      error
}

// dial connects to a server: of a cluster to the one that leads.
func (l *Log) dial(ctx context.Context) (*grpc.ClientConn, error) {
	conf := &l.clients.conf
	l.lines.mu.Lock()
	address := l.lines.leader
	l.lines.leader = ""
	l.lines.mu.Unlock()
	if address != "" {
		return connect(conf, address)
	}
	var seeds []string
	for _, s := range conf.GossipSeeds {
		seeds = append(seeds, s.String())
	}
	switch {
	case conf.DnsDiscover:
		seeds = []string{conf.Address}
	case len(seeds) == 0:
		return connect(conf, conf.Address)
	}
	rand.Shuffle(len(seeds), func(i, j int) { seeds[i], seeds[j] = seeds[j], seeds[i] })
	var failed error
	for _, seed := range seeds {
		leader, err := l.leaderBy(ctx, seed)
		if err == nil {
			return connect(conf, leader)
		}
		failed = err
	}
	return nil, failed
}

// leaderBy asks one of a cluster who leads it.
func (l *Log) leaderBy(ctx context.Context, seed string) (address string, err error) {
	conn, err := connect(&l.clients.conf, seed)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	ctx, cancel := context.WithTimeout(ctx, time.Duration(l.clients.conf.GossipTimeout)*time.Second)
	defer cancel()
	info, err := gossip.NewGossipClient(conn).Read(ctx, &shared.Empty{})
	if err != nil {
		return "", err
	}
	for _, m := range info.GetMembers() {
		if m.GetIsAlive() && m.GetState() == gossip.MemberInfo_Leader {
			at := m.GetHttpEndPoint()
			return net.JoinHostPort(at.GetAddress(), strconv.FormatUint(uint64(at.GetPort()), 10)), nil
		}
	}
	return "", fmt.Errorf("%s knows of no leader: %w", seed, errHungUp)
}

// connect prepares a connection as the vendor's client does.
func connect(conf *client.Configuration, address string) (*grpc.ClientConn, error) {
	with := insecure.NewCredentials()
	if !conf.DisableTLS {
		c := &tls.Config{InsecureSkipVerify: conf.SkipCertificateVerification, RootCAs: conf.RootCAs}
		if conf.UserCertFile != "" {
			own, err := tls.LoadX509KeyPair(conf.UserCertFile, conf.UserKeyFile)
			if err != nil {
				return nil, fmt.Errorf("the certificate of the user: %w", err)
			}
			c.Certificates = []tls.Certificate{own}
		}
		with = credentials.NewTLS(c)
	}
	options := []grpc.DialOption{grpc.WithTransportCredentials(with)}
	if conf.KeepAliveInterval >= 0 {
		options = append(options, grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: conf.KeepAliveInterval, Timeout: conf.KeepAliveTimeout, PermitWithoutStream: true}))
	}
	return grpc.NewClient(address, options...)
}

// openLine connects and opens the call.
func (l *Log) openLine(ctx context.Context) (*line, error) {
	conn, err := l.dial(ctx)
	if err != nil {
		return nil, err
	}
	headers := l.headers
	if c := &l.clients.conf; c.Username != "" && !c.DisableTLS {
		headers = append(headers[:len(headers):len(headers)], "authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(c.Username+":"+c.Password)))
	}
	within, cancel := context.WithCancelCause(metadata.AppendToOutgoingContext(context.Background(), headers...))
	late := time.AfterFunc(l.options.Timeout, func() { cancel(errSilent) })
	defer late.Stop()
	defer context.AfterFunc(ctx, func() { cancel(ctx.Err()) })()
	defer stopWith(l.closing, func() { cancel(eventstore.ErrClosed) })()
	call, err := streams.NewStreamsClient(conn).BatchAppend(within)
	if err != nil {
		if cause := context.Cause(within); cause != nil {
			err = cause
		}
		cancel(nil)
		return nil, errors.Join(err, conn.Close())
	}
	return &line{conn: conn, call: call, cancel: cancel, salt: rand.Int64(), over: make(chan struct{}), waiting: map[int64]*sent{}}, nil
}

// receive hands out answers until the call ends; then whoever waits is told.
func (n *line) receive() {
	defer close(n.over)
	var err error
	for {
		var resp *streams.BatchAppendResp
		if resp, err = n.call.Recv(); err != nil {
			break
		}
		number := resp.GetCorrelationId().GetStructured().GetLeastSignificantBits()
		n.mu.Lock()
		s := n.waiting[number]
		delete(n.waiting, number)
		n.mu.Unlock()
		if s != nil {
			s.position, s.err = answered(resp)
			close(s.done)
		}
	}
	if cause := context.Cause(n.call.Context()); cause != nil && !errors.Is(cause, context.Canceled) {
		err = cause
	}
	switch {
	case errors.Is(err, io.EOF):
		err = errHungUp
	case faultOf(err) == faultForbidden:
		err = errNoLines
	}
	n.cancel(err)
	moved := ""
	if t := n.call.Trailer(); len(t.Get("leader-endpoint-host")) > 0 && len(t.Get("leader-endpoint-port")) > 0 {
		moved = net.JoinHostPort(t.Get("leader-endpoint-host")[0], t.Get("leader-endpoint-port")[0])
		err = notLeader{err}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.failure, n.moved = err, moved
	for number, s := range n.waiting {
		delete(n.waiting, number)
		s.err = err
		close(s.done)
	}
}

// send begins an append. Those that one caller sends one after the other come in
// that order. A server that takes nothing more ends the call.
func (n *line) send(req *streams.BatchAppendReq, timeout time.Duration) (*sent, error) {
	s := &sent{done: make(chan struct{})}
	n.sending.Lock()
	defer n.sending.Unlock()
	n.mu.Lock()
	if n.failure != nil {
		defer n.mu.Unlock()
		return nil, n.failure
	}
	n.number++
	number := n.number
	n.waiting[number] = s
	n.mu.Unlock()
	req.CorrelationId = &shared.UUID{Value: &shared.UUID_Structured_{Structured: &shared.UUID_Structured{MostSignificantBits: n.salt, LeastSignificantBits: number}}}
	late := time.AfterFunc(timeout, func() { n.cancel(errSilent) })
	defer late.Stop()
	if err := n.call.Send(req); err != nil {
		<-n.over // it knows the reason, and tells it to s
	}
	return s, nil
}

// notLeader tells that another server leads.
type notLeader struct{ error }

func (n notLeader) Unwrap() error { return n.error }
