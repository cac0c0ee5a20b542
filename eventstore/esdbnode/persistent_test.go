package esdbnode

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/persistent"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// group makes a group over a stream, or over the whole log. What is tried again
// is what the test lets wait, not what a busy machine does.
func (k *kit) group(stream, name string, change func(*esdb.PersistentSubscriptionSettings)) {
	k.t.Helper()
	s := esdb.SubscriptionSettingsDefault()
	s.MessageTimeout = int32(patience / time.Millisecond)
	if change != nil {
		change(&s)
	}
	var err error
	if stream == "$all" {
		err = k.client.CreatePersistentSubscriptionToAll(k.ctx(), name, esdb.PersistentAllSubscriptionOptions{Settings: &s, StartFrom: esdb.Start{}, Filter: &esdb.SubscriptionFilter{Type: esdb.StreamFilterType, Prefixes: []string{"order-"}}})
	} else {
		err = k.client.CreatePersistentSubscription(k.ctx(), stream, name, esdb.PersistentStreamSubscriptionOptions{Settings: &s, StartFrom: esdb.Start{}})
	}
	if err != nil {
		k.t.Fatal(err)
	}
}

// worker consumes from a group.
type worker struct {
	k *kit
	*esdb.PersistentSubscription
}

func (k *kit) join(stream, name string, size uint32) *worker {
	k.t.Helper()
	var sub *esdb.PersistentSubscription
	var err error
	if stream == "$all" {
		sub, err = k.client.SubscribeToPersistentSubscriptionToAll(k.ctx(), name, esdb.SubscribeToPersistentSubscriptionOptions{BufferSize: size})
	} else {
		sub, err = k.client.SubscribeToPersistentSubscription(k.ctx(), stream, name, esdb.SubscribeToPersistentSubscriptionOptions{BufferSize: size})
	}
	if err != nil {
		k.t.Fatal(err)
	}
	k.t.Cleanup(func() { _ = sub.Close() })
	return &worker{k, sub}
}

// next receives one message.
func (w *worker) next() *esdb.EventAppeared {
	w.k.t.Helper()
	e := w.Recv()
	if e.EventAppeared == nil {
		w.k.t.Fatalf("dropped: %+v", e.SubscriptionDropped)
	}
	return e.EventAppeared
}

// want receives an event of a revision that was tried so often, and gives it.
func (w *worker) want(revision uint64, tried int) *esdb.ResolvedEvent {
	w.k.t.Helper()
	e := w.next()
	if e.Event.Event == nil || e.Event.Event.EventNumber != revision || e.RetryCount != tried {
		w.k.t.Fatalf("want %d after %d tries, got %+v after %d", revision, tried, e.Event.Event, e.RetryCount)
	}
	return e.Event
}

func (w *worker) ack(events ...*esdb.ResolvedEvent) {
	w.k.t.Helper()
	if err := w.Ack(events...); err != nil {
		w.k.t.Fatal(err)
	}
}

func (w *worker) nack(action esdb.NackAction, events ...*esdb.ResolvedEvent) {
	w.k.t.Helper()
	if err := w.Nack("no", action, events...); err != nil {
		w.k.t.Fatal(err)
	}
}

// told waits until a group's info is as asked.
func (k *kit) told(stream, name string, is func(*esdb.PersistentSubscriptionInfo) bool) {
	k.t.Helper()
	for until := time.Now().Add(patience); ; {
		var info *esdb.PersistentSubscriptionInfo
		var err error
		if stream == "$all" {
			info, err = k.client.GetPersistentSubscriptionInfoToAll(k.ctx(), name, esdb.GetPersistentSubscriptionOptions{})
		} else {
			info, err = k.client.GetPersistentSubscriptionInfo(k.ctx(), stream, name, esdb.GetPersistentSubscriptionOptions{})
		}
		if err != nil {
			k.t.Fatal(err)
		}
		if is(info) {
			return
		}
		if time.Now().After(until) {
			k.t.Fatalf("%+v %+v", info, info.Stats)
		}
	}
}

func parkedAre(n int64) func(*esdb.PersistentSubscriptionInfo) bool {
	return func(i *esdb.PersistentSubscriptionInfo) bool { return i.Stats.ParkedMessagesCount == n }
}

// doneAre tells that the node has heard so many answers: they come in their own
// time, and other calls may be quicker.
func doneAre(n int64) func(*esdb.PersistentSubscriptionInfo) bool {
	return func(i *esdb.PersistentSubscriptionInfo) bool { return i.Stats.TotalItems == n }
}

// TestAnswersOfConsumers: acknowledged and skipped is done; to retry comes again,
// until it was tried enough; parked is put aside, and comes again on demand.
func TestAnswersOfConsumers(t *testing.T) {
	for _, stream := range []string{"order-1", "$all"} {
		t.Run(stream, func(t *testing.T) {
			k := serving(t, Options{})
			k.mustAppend("order-1", esdb.Any{}, ids(5)...)
			k.mustAppend("other-1", esdb.Any{}, ids(5)...)
			k.group(stream, "g", func(s *esdb.PersistentSubscriptionSettings) { s.MaxRetryCount = 2 })
			w := k.join(stream, "g", 2)
			w.ack(w.want(0, 0))
			w.nack(esdb.NackActionSkip, w.want(1, 0))
			w.nack(esdb.NackActionPark, w.want(2, 0))
			third := w.want(3, 0)
			fourth := w.want(4, 0)
			w.nack(esdb.NackActionRetry, third)
			w.nack(esdb.NackActionUnknown, w.want(3, 1))
			w.nack(esdb.NackActionRetry, w.want(3, 2)) // it was tried three times
			w.ack(fourth)
			k.told(stream, "g", parkedAre(2))
			replay := k.client.ReplayParkedMessages
			if err := error(nil); stream == "$all" {
				if err = k.client.ReplayParkedMessagesToAll(k.ctx(), "g", esdb.ReplayParkedMessagesOptions{}); err != nil {
					t.Fatal(err)
				}
			} else if err = replay(k.ctx(), stream, "g", esdb.ReplayParkedMessagesOptions{}); err != nil {
				t.Fatal(err)
			}
			again := w.want(2, 0)
			if again.Link == nil || string(again.Link.Data) != "2@order-1" {
				t.Errorf("the link of what was parked is %+v", again.Link)
			}
			w.ack(again)
			w.nack(esdb.NackActionPark, w.want(3, 0))
			k.told(stream, "g", parkedAre(1))
			w.ack() // nothing
			k.mustAppend("order-1", esdb.Any{}, ids(1)...)
			w.ack(w.want(5, 0))
		})
	}
}

// TestATimeWithoutAnswer: the message goes to another try, and a late answer
// counts all the same.
func TestATimeWithoutAnswer(t *testing.T) {
	k := serving(t, Options{})
	k.mustAppend("order-1", esdb.Any{}, ids(2)...)
	k.group("order-1", "g", func(s *esdb.PersistentSubscriptionSettings) { s.MessageTimeout, s.MaxRetryCount = 100, 1000 })
	slow := k.join("order-1", "g", 1)
	first, again := slow.next(), slow.next() // a slow machine may pass over some tries
	if first.Event.Event.EventNumber != 0 || again.Event.Event.EventNumber != 0 || again.RetryCount <= first.RetryCount {
		t.Fatalf("%+v after %d tries, and then %+v after %d", first.Event.Event, first.RetryCount, again.Event.Event, again.RetryCount)
	}
	slow.ack(first.Event)
	for {
		e := slow.next()
		if slow.ack(e.Event); e.Event.Event.EventNumber == 1 {
			break
		}
	}
	k.told("order-1", "g", func(i *esdb.PersistentSubscriptionInfo) bool {
		return i.Stats.TotalInFlightMessages == 0 && i.Stats.TotalItems == 2
	})
}

// TestHowMessagesAreShared tries the strategies with consumers that answer
// nothing.
func TestHowMessagesAreShared(t *testing.T) {
	k := serving(t, Options{})
	for n := range 40 {
		k.mustAppend("order-"+strconv.Itoa(n%10), esdb.Any{}, ids(1)...)
	}
	for strategy, want := range map[esdb.ConsumerStrategy]func(a, b []string) bool{
		esdb.ConsumerStrategyRoundRobin: func(a, b []string) bool { return len(a) == 20 && len(b) == 20 },
		esdb.ConsumerStrategyDispatchToSingle: func(a, b []string) bool {
			return len(a) == 30 && len(b) == 10 || len(a) == 10 && len(b) == 30
		},
		esdb.ConsumerStrategyPinned: func(a, b []string) bool {
			return len(a) > 0 && len(b) > 0 && !slices.ContainsFunc(a, func(s string) bool { return slices.Contains(b, s) })
		},
	} {
		t.Run(string(strategy), func(t *testing.T) {
			k := &kit{t: t, node: k.node, client: k.client}
			name := string(strategy)
			k.group("$ce-order", name, func(s *esdb.PersistentSubscriptionSettings) {
				s.ConsumerStrategyName, s.ResolveLinkTos, s.MessageTimeout = strategy, true, 0
			})
			size := uint32(30)
			if strategy == esdb.ConsumerStrategyPinned {
				size = 40
			}
			k.node.groups.mu.Lock() // both come before the first message is given out
			g := k.node.groups.groups[groupKey{"$ce-order", name}]
			k.node.groups.mu.Unlock()
			g.mu.Lock()
			g.reading = true
			g.mu.Unlock()
			a, b := k.join("$ce-order", name, size), k.join("$ce-order", name, size)
			k.told("$ce-order", name, func(i *esdb.PersistentSubscriptionInfo) bool { return len(i.Connections) == 2 })
			g.mu.Lock()
			for i, c := range g.consumers {
				c.id = strconv.Itoa(i) // by chance one in five hundred pairs of ids gives all streams to one
			}
			g.reading = false
			g.begin()
			g.mu.Unlock()
			k.told("$ce-order", name, func(i *esdb.PersistentSubscriptionInfo) bool { return i.Stats.TotalInFlightMessages == 40 })
			var got [2][]string
			var counts [2]int64
			g.mu.Lock()
			for i, c := range g.consumers {
				counts[i] = c.total
			}
			g.mu.Unlock()
			for i, w := range []*worker{a, b} {
				for range counts[i] {
					got[i] = append(got[i], w.next().Event.Event.StreamID)
				}
			}
			if !want(got[0], got[1]) {
				t.Errorf("%v and %v", got[0], got[1])
			}
		})
	}
}

// TestPinnedByCorrelation is only for clients that name the strategy.
func TestPinnedByCorrelation(t *testing.T) {
	k := serving(t, Options{})
	c := persistent.NewPersistentSubscriptionsClient(k.wire)
	_, err := c.Create(k.ctx(), &persistent.CreateReq{Options: &persistent.CreateReq_Options{GroupName: "g", Settings: &persistent.CreateReq_Settings{
		HistoryBufferSize: 100, ConsumerStrategy: "PinnedByCorrelation",
	}, StreamOption: &persistent.CreateReq_Options_Stream{Stream: &persistent.CreateReq_StreamOptions{
		StreamIdentifier: &shared.StreamIdentifier{StreamName: []byte("order-1")}, RevisionOption: &persistent.CreateReq_StreamOptions_Start{Start: &shared.Empty{}},
	}}}})
	if err != nil {
		t.Fatal(err)
	}
	k.join("order-1", "g", 50)
	k.join("order-1", "g", 50)
	k.told("order-1", "g", func(i *esdb.PersistentSubscriptionInfo) bool { return len(i.Connections) == 2 })
	for n := range 60 {
		e := placed(ids(1)...)
		e[0].Metadata = fmt.Appendf(nil, `{"$correlationId":"c%d"}`, n%6)
		if _, err := k.client.AppendToStream(k.ctx(), "order-1", esdb.AppendToStreamOptions{}, e...); err != nil {
			t.Fatal(err)
		}
	}
	k.told("order-1", "g", func(i *esdb.PersistentSubscriptionInfo) bool {
		return i.Stats.TotalInFlightMessages == 60 || i.Stats.TotalInFlightMessages == 50
	})
	k.node.groups.mu.Lock()
	g := k.node.groups.groups[groupKey{"order-1", "g"}]
	k.node.groups.mu.Unlock()
	g.mu.Lock()
	defer g.mu.Unlock()
	owners := map[string]*consumer{}
	for _, m := range g.open {
		key := m.key(pinnedByCorrelation)
		if m.owner == nil {
			continue
		}
		if o := owners[key]; o != nil && o != m.owner {
			t.Fatalf("%s is with two", key)
		}
		owners[key] = m.owner
	}
	if len(owners) != 6 {
		t.Fatalf("%d keys", len(owners))
	}
}

// TestGroupsSurviveARestart: settings, what was parked and how far each was.
func TestGroupsSurviveARestart(t *testing.T) {
	k := serving(t, Options{})
	k.mustAppend("order-1", esdb.Any{}, ids(6)...)
	k.group("order-1", "g", func(s *esdb.PersistentSubscriptionSettings) { s.MaxRetryCount = 7 })
	k.group("$all", "h", nil)
	w := k.join("order-1", "g", 3)
	w.ack(w.want(0, 0))
	w.nack(esdb.NackActionPark, w.want(1, 0))
	w.want(2, 0)
	w.ack(w.want(3, 0)) // behind one that is not answered: it comes again
	k.told("order-1", "g", parkedAre(1))
	k.told("order-1", "g", doneAre(3))
	k.restart()
	k.told("order-1", "g", func(i *esdb.PersistentSubscriptionInfo) bool {
		return i.Settings.MaxRetryCount == 7 && i.Stats.ParkedMessagesCount == 1 && *i.Stats.LastCheckpointedEventRevision == 1
	})
	k.told("$all", "h", parkedAre(0))
	w = k.join("order-1", "g", 10)
	for n := range uint64(4) {
		w.ack(w.want(2+n, 0))
	}
	if err := k.client.ReplayParkedMessages(k.ctx(), "order-1", "g", esdb.ReplayParkedMessagesOptions{}); err != nil {
		t.Fatal(err)
	}
	w.ack(w.want(1, 0))
	k.told("order-1", "g", parkedAre(0))
	if err := k.client.RestartPersistentSubscriptionSubsystem(k.ctx(), esdb.RestartPersistentSubscriptionSubsystemOptions{}); err != nil {
		t.Fatal(err)
	}
	if e := w.Recv(); e.SubscriptionDropped == nil {
		t.Fatalf("after the restart: %+v", e)
	}
	k.mustAppend("order-1", esdb.Any{}, ids(1)...)
	w = k.join("order-1", "g", 10)
	w.ack(w.want(6, 0))
}

// TestWhatEndsEveryConsumerIsParked: a message whose consumers all go away is tried
// as often as others, and then stands in nobody's way.
func TestWhatEndsEveryConsumerIsParked(t *testing.T) {
	k := serving(t, Options{})
	k.mustAppend("order-1", esdb.Any{}, ids(2)...)
	k.group("order-1", "g", func(s *esdb.PersistentSubscriptionSettings) { s.MaxRetryCount = 2 })
	for tried := range 3 {
		w := k.join("order-1", "g", 1)
		w.want(0, tried)
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		k.told("order-1", "g", func(i *esdb.PersistentSubscriptionInfo) bool { return len(i.Connections) == 0 })
	}
	k.told("order-1", "g", parkedAre(1))
	w := k.join("order-1", "g", 1)
	w.ack(w.want(1, 0))
}

// TestAGroupThatWantsNothingRemembersHowFarItLooked: a group whose filter keeps
// nothing of a long log does not look through all of it after every start.
func TestAGroupThatWantsNothingRemembersHowFarItLooked(t *testing.T) {
	k := serving(t, Options{})
	for range 5 {
		k.mustAppend("order-1", esdb.Any{}, ids(lookedThrough/4)...)
	}
	s := esdb.SubscriptionSettingsDefault()
	err := k.client.CreatePersistentSubscriptionToAll(k.ctx(), "g", esdb.PersistentAllSubscriptionOptions{
		Settings: &s, StartFrom: esdb.Start{}, Filter: &esdb.SubscriptionFilter{Type: esdb.StreamFilterType, Prefixes: []string{"parcel-"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	k.join("$all", "g", 10)
	k.told("$all", "g", func(*esdb.PersistentSubscriptionInfo) bool {
		marks, err := k.log.Marks(k.ctx())
		if err != nil {
			t.Fatal(err)
		}
		for name, m := range marks {
			if _, at, _ := strings.Cut(string(m.Value), " "); strings.HasPrefix(name, "esdb-group-") && at != "0" && at != "" {
				return true
			}
		}
		return false
	})
}

// TestConsumersComeAndGo: what one held goes to another; too many are refused; a
// changed or deleted group drops them.
func TestConsumersComeAndGo(t *testing.T) {
	k := serving(t, Options{})
	k.mustAppend("order-1", esdb.Any{}, ids(4)...)
	k.group("order-1", "g", func(s *esdb.PersistentSubscriptionSettings) { s.MaxSubscriberCount = 2 })
	a := k.join("order-1", "g", 10)
	for n := range uint64(4) {
		a.want(n, 0)
	}
	b := k.join("order-1", "g", 10)
	k.told("order-1", "g", func(i *esdb.PersistentSubscriptionInfo) bool { return len(i.Connections) == 2 })
	third, err := k.client.SubscribeToPersistentSubscription(k.ctx(), "order-1", "g", esdb.SubscribeToPersistentSubscriptionOptions{})
	if err == nil {
		if e := third.Recv(); e.SubscriptionDropped == nil || status.Code(e.SubscriptionDropped.Error) != codes.FailedPrecondition {
			t.Fatalf("a third: %+v", e)
		}
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	for n := range uint64(3) {
		b.ack(b.want(n, 1))
	}
	b.nack(esdb.NackActionStop, b.want(3, 1))
	if e := b.Recv(); e.SubscriptionDropped == nil {
		t.Fatalf("after stop: %+v", e)
	}
	c := k.join("order-1", "g", 10)
	c.ack(c.want(3, 2))
	k.told("order-1", "g", doneAre(4))
	s := esdb.SubscriptionSettingsDefault()
	s.ConsumerStrategyName = esdb.ConsumerStrategyPinned
	if err := k.client.UpdatePersistentSubscription(k.ctx(), "order-1", "g", esdb.PersistentStreamSubscriptionOptions{Settings: &s}); err != nil {
		t.Fatal(err)
	}
	if e := c.Recv(); e.SubscriptionDropped == nil || status.Code(e.SubscriptionDropped.Error) != codes.Canceled {
		t.Fatalf("after the change: %+v", e)
	}
	k.mustAppend("order-1", esdb.Any{}, ids(1)...)
	d := k.join("order-1", "g", 10)
	d.want(4, 0)
	if err := k.client.DeletePersistentSubscription(k.ctx(), "order-1", "g", esdb.DeletePersistentSubscriptionOptions{}); err != nil {
		t.Fatal(err)
	}
	if e := d.Recv(); e.SubscriptionDropped == nil {
		t.Fatalf("after the deletion: %+v", e)
	}
	if _, err := k.client.GetPersistentSubscriptionInfo(k.ctx(), "order-1", "g", esdb.GetPersistentSubscriptionOptions{}); code(err) != esdb.ErrorCodeResourceNotFound {
		t.Fatalf("of what was deleted: %v", err)
	}
	k.group("order-1", "g", nil)
	e := k.join("order-1", "g", 10)
	e.want(0, 0) // made anew, it begins anew
}

// TestGroupsInOlderWords: the stream and the start as the client for Node.js says
// them to this day.
func TestGroupsInOlderWords(t *testing.T) {
	k := serving(t, Options{})
	k.mustAppend("order-1", esdb.Any{}, ids(4)...)
	name := &shared.StreamIdentifier{StreamName: []byte("order-1")}
	c := persistent.NewPersistentSubscriptionsClient(k.wire)
	for group, start := range map[string]uint64{"from 2": 2, "from the end": math.MaxUint64} {
		o := &persistent.CreateReq_Options{GroupName: group, Settings: &persistent.CreateReq_Settings{HistoryBufferSize: 10}}
		//lint:ignore SA1019 it is what is tried
		o.StreamIdentifier, o.Settings.Revision = name, start
		if _, err := c.Create(k.ctx(), &persistent.CreateReq{Options: o}); err != nil {
			t.Fatal(err)
		}
		u := &persistent.UpdateReq_Options{GroupName: group, Settings: &persistent.UpdateReq_Settings{HistoryBufferSize: 20, MaxRetryCount: 3}}
		//lint:ignore SA1019 it is what is tried
		u.StreamIdentifier, u.Settings.Revision = name, start
		if _, err := c.Update(k.ctx(), &persistent.UpdateReq{Options: u}); err != nil {
			t.Fatal(err)
		}
	}
	k.mustAppend("order-1", esdb.Any{}, ids(1)...)
	k.join("order-1", "from 2", 5).want(2, 0)
	k.join("order-1", "from the end", 5).want(4, 0)
}

// TestGroupsThatCannotBe are refused with the field and what to do.
func TestGroupsThatCannotBe(t *testing.T) {
	k := serving(t, Options{})
	for name, test := range map[string]struct {
		stream, group string
		change        func(*esdb.PersistentSubscriptionSettings)
	}{
		"no name":            {"order-1", "", nil},
		"a batch too large":  {"order-1", "g", func(s *esdb.PersistentSubscriptionSettings) { s.ReadBatchSize = s.HistoryBufferSize + 1 }},
		"no buffer":          {"order-1", "g", func(s *esdb.PersistentSubscriptionSettings) { s.HistoryBufferSize = 0 }},
		"too large a buffer": {"order-1", "g", func(s *esdb.PersistentSubscriptionSettings) { s.HistoryBufferSize = 1 << 30 }},
		"retries below 0":    {"order-1", "g", func(s *esdb.PersistentSubscriptionSettings) { s.MaxRetryCount = -1 }},
		"checkpoints":        {"order-1", "g", func(s *esdb.PersistentSubscriptionSettings) { s.CheckpointLowerBound = s.CheckpointUpperBound + 1 }},
	} {
		s := esdb.SubscriptionSettingsDefault()
		if test.change != nil {
			test.change(&s)
		}
		err := k.client.CreatePersistentSubscription(k.ctx(), test.stream, test.group, esdb.PersistentStreamSubscriptionOptions{Settings: &s})
		if err == nil {
			t.Errorf("%s was taken", name)
		}
	}
	err := k.client.CreatePersistentSubscriptionToAll(k.ctx(), "g", esdb.PersistentAllSubscriptionOptions{Filter: &esdb.SubscriptionFilter{Type: esdb.StreamFilterType, Regex: "(?!x)"}})
	if err == nil {
		t.Error("a look-ahead was taken")
	}
	c := persistent.NewPersistentSubscriptionsClient(k.wire)
	for name, first := range map[string]*persistent.ReadReq{
		"nothing":   {},
		"an answer": {Content: &persistent.ReadReq_Ack_{Ack: &persistent.ReadReq_Ack{}}},
		"no stream": {Content: &persistent.ReadReq_Options_{Options: &persistent.ReadReq_Options{GroupName: "g", BufferSize: 1}}},
		"no buffer": {Content: &persistent.ReadReq_Options_{Options: &persistent.ReadReq_Options{GroupName: "g", StreamOption: &persistent.ReadReq_Options_All{All: &shared.Empty{}}}}},
	} {
		call, err := c.Read(k.ctx())
		if err == nil {
			err = call.Send(first)
		}
		if err == nil {
			_, err = call.Recv()
		}
		if status.Code(err) != codes.InvalidArgument {
			t.Errorf("%s first: %v", name, err)
		}
	}
	if _, err := c.Create(k.ctx(), &persistent.CreateReq{}); status.Code(err) != codes.InvalidArgument {
		t.Errorf("nothing at all: %v", err)
	}
	if _, err := c.Update(k.ctx(), &persistent.UpdateReq{}); status.Code(err) != codes.InvalidArgument {
		t.Errorf("nothing at all: %v", err)
	}
}
