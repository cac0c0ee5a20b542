package esdbnode

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/persistent"
)

// GetInfo tells of one group.
func (p *persistentStore) GetInfo(ctx context.Context, req *persistent.GetInfoReq) (*persistent.GetInfoResp, error) {
	key, err := keyOf(req.GetOptions())
	var g *group
	if err == nil {
		g, err = p.find(ctx, key)
	}
	if err != nil {
		return nil, answer(unaryTrailer{ctx}, err)
	}
	info, err := g.info(ctx)
	return &persistent.GetInfoResp{SubscriptionInfo: info}, answer(unaryTrailer{ctx}, err)
}

// List tells of all groups, or of those of one stream, or of the whole log.
func (p *persistentStore) List(ctx context.Context, req *persistent.ListReq) (*persistent.ListResp, error) {
	resp, err := p.list(ctx, req.GetOptions())
	return resp, answer(unaryTrailer{ctx}, err)
}

func (p *persistentStore) list(ctx context.Context, o *persistent.ListReq_Options) (*persistent.ListResp, error) {
	of := o.GetListForStream()
	stream := string(of.GetStream().GetStreamName())
	p.mu.Lock()
	err := p.load(ctx)
	var all []*group
	for key, g := range p.groups {
		if of == nil || key.Stream == stream {
			all = append(all, g)
		}
	}
	p.mu.Unlock()
	if err != nil {
		return nil, err
	}
	if of != nil && len(all) == 0 {
		return nil, unknownGroup(stream, "any")
	}
	slices.SortFunc(all, func(a, b *group) int {
		return slices.Compare([]string{a.Stream, a.Name}, []string{b.Stream, b.Name})
	})
	resp := &persistent.ListResp{}
	for _, g := range all {
		info, err := g.info(ctx)
		if err != nil {
			return nil, err
		}
		resp.Subscriptions = append(resp.Subscriptions, info)
	}
	return resp, nil
}

// info tells how a group fares.
func (g *group) info(ctx context.Context) (*persistent.SubscriptionInfo, error) {
	parked, _, err := g.countParked(ctx)
	if err != nil {
		return nil, err
	}
	last, err := g.store.log.Info(ctx)
	if err != nil {
		return nil, err
	}
	known := uint64(last.Head) + 1
	if g.Stream != "" {
		if known, err = g.store.end(ctx, g.Stream); err != nil {
			known = 0 // a tombstone: there is nothing to know any more
		}
	}
	s := g.Settings
	g.mu.Lock()
	defer g.mu.Unlock()
	info := &persistent.SubscriptionInfo{
		EventSource: shownStream(g.Stream), GroupName: g.Name, Status: g.status(), TotalItems: g.total,
		AveragePerSecond: perSecond(g.total, g.began), CountSinceLastMeasurement: int64(g.since),
		LastKnownEventPosition: g.place(known), LastCheckpointedEventPosition: g.place(g.saved), StartFrom: g.startText(),
		ResolveLinkTos: s.Resolve, ExtraStatistics: s.ExtraStatistics, MaxRetryCount: s.Retries,
		MessageTimeoutMilliseconds: wireMilliseconds(s.Timeout), CheckPointAfterMilliseconds: wireMilliseconds(s.After),
		LiveBufferSize: s.LiveBuffer, BufferSize: s.Buffer, ReadBatchSize: s.Batch, MinCheckPointCount: s.AtLeast, MaxCheckPointCount: s.AtMost,
		MaxSubscriberCount: s.Consumers, NamedConsumerStrategy: s.Strategy, ParkedMessageCount: parked,
		ReadBufferCount: int32(len(g.waiting)),
	}
	for _, m := range g.waiting {
		if m.retries > 0 {
			info.RetryBufferCount++
		}
	}
	for _, c := range g.consumers {
		info.TotalInFlightMessages += int32(c.holds)
		info.Connections = append(info.Connections, &persistent.SubscriptionInfo_ConnectionInfo{
			From: c.from, Username: c.user, ConnectionName: c.id, TotalItems: c.total, AverageItemsPerSecond: perSecond(c.total, c.began),
			AvailableSlots: int32(c.size - c.holds), InFlightMessages: int32(c.holds),
		})
	}
	info.OutstandingMessagesCount = info.TotalInFlightMessages
	return info, nil
}

func (g *group) status() string {
	switch {
	case g.failed != nil:
		return "Faulted: " + g.failed.Error()
	case len(g.consumers) > 0:
		return "Live"
	}
	return "NotReady"
}

// place is the last event before a place, as EventStoreDB writes it; empty
// before the first.
func (g *group) place(before uint64) string {
	if before == 0 || g.Stream == "" && before == 1 {
		return ""
	}
	return g.text(before - 1)
}

func (g *group) text(at uint64) string {
	if g.Stream == "" {
		return fmt.Sprintf("C:%d/P:%d", at, at)
	}
	return strconv.FormatUint(at, 10)
}

func (g *group) startText() string {
	switch {
	case g.FromEnd && g.Stream == "":
		return "C:-1/P:-1"
	case g.FromEnd:
		return "-1"
	}
	return g.text(g.Start)
}

func perSecond(n int64, since time.Time) int32 {
	return int32(float64(n) / max(time.Since(since).Seconds(), 1))
}
