package esdbnode

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/gossip"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/serverfeatures"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/google/uuid"
)

// serverVersion is whose behaviour the node has, as clients ask for it.
const serverVersion = "23.10.0"

// features tells clients what the node can do: names are in lower case.
type features struct {
	serverfeatures.UnimplementedServerFeaturesServer
}

func (features) GetSupportedMethods(context.Context, *shared.Empty) (*serverfeatures.SupportedMethods, error) {
	all := &serverfeatures.SupportedMethods{EventStoreServerVersion: serverVersion}
	add := func(service, method string, features ...string) {
		all.Methods = append(all.Methods, &serverfeatures.SupportedMethod{ServiceName: service, MethodName: method, Features: features})
	}
	add("event_store.client.streams.streams", "read", "position", "events")
	add("event_store.client.streams.streams", "append")
	add("event_store.client.streams.streams", "batchappend")
	add("event_store.client.streams.streams", "delete")
	add("event_store.client.streams.streams", "tombstone")
	add("event_store.client.gossip.gossip", "read")
	add("event_store.client.server_features.serverfeatures", "getsupportedmethods")
	// Without these names the vendor's clients would ask over HTTP.
	for _, m := range []string{"create", "update", "delete", "read", "getinfo", "replayparked", "list"} {
		add("event_store.client.persistent_subscriptions.persistentsubscriptions", m, "stream", "all")
	}
	add("event_store.client.persistent_subscriptions.persistentsubscriptions", "restartsubsystem")
	return all, nil
}

// gossipOf is the gossip of one node: it leads, and it is alive.
type gossipOf struct {
	gossip.UnimplementedGossipServer
	id   uuid.UUID
	mu   sync.Mutex
	host string
	port uint32
}

func newGossip() *gossipOf { return &gossipOf{id: uuid.New()} }

// at says where clients find the node.
func (g *gossipOf) at(address net.Addr) error {
	host, port, err := net.SplitHostPort(address.String())
	if err != nil {
		return fmt.Errorf("the address %s has no host and port: %w", address, err)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return fmt.Errorf("the address %s has no port: %w", address, err)
	}
	if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() {
		host = "localhost"
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.host, g.port = host, uint32(n)
	return nil
}

func (g *gossipOf) Read(context.Context, *shared.Empty) (*gossip.ClusterInfo, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return &gossip.ClusterInfo{Members: []*gossip.MemberInfo{{
		InstanceId:   wireID(g.id, false),
		TimeStamp:    ticks(time.Now()),
		State:        gossip.MemberInfo_Leader,
		IsAlive:      true,
		HttpEndPoint: &gossip.EndPoint{Address: g.host, Port: g.port},
	}}}, nil
}

// wireID writes an id in the form that a client asked for.
func wireID(id uuid.UUID, text bool) *shared.UUID {
	if text {
		return &shared.UUID{Value: &shared.UUID_String_{String_: id.String()}}
	}
	return &shared.UUID{Value: &shared.UUID_Structured_{Structured: &shared.UUID_Structured{
		MostSignificantBits:  int64(binary.BigEndian.Uint64(id[:8])),
		LeastSignificantBits: int64(binary.BigEndian.Uint64(id[8:])),
	}}}
}

// readID reads an id in either form.
func readID(id *shared.UUID) (uuid.UUID, error) {
	if s := id.GetStructured(); s != nil {
		var u uuid.UUID
		binary.BigEndian.PutUint64(u[:8], uint64(s.MostSignificantBits))
		binary.BigEndian.PutUint64(u[8:], uint64(s.LeastSignificantBits))
		return u, nil
	}
	return uuid.Parse(id.GetString_())
}

// ticks are EventStoreDB's time: units of 100 ns since 1970.
func ticks(t time.Time) int64 { return t.UnixMicro() * 10 }
