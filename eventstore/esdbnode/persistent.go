package esdbnode

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"unicode/utf8"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/persistent"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"parley/eventstore"
)

// GroupMarks begin the names of the marks that keep groups of persistent
// subscriptions and how far they are in this log.
const GroupMarks = "esdb-group"

// groupsMark keeps which groups there are.
const groupsMark = GroupMarks + "s"

// persistentStore answers for persistent subscriptions.
type persistentStore struct {
	persistent.UnimplementedPersistentSubscriptionsServer
	store *streamStore

	mu     sync.Mutex
	loaded bool
	shut   bool
	groups map[groupKey]*group
}

func newPersistentStore(s *streamStore) *persistentStore {
	return &persistentStore{store: s, groups: map[groupKey]*group{}}
}

func exists(stream, group string) error {
	return aboutGroup(codes.AlreadyExists, "persistent-subscription-exists", stream, group, "already exists")
}

func unknownGroup(stream, group string) error {
	return aboutGroup(codes.NotFound, "persistent-subscription-does-not-exist", stream, group, "does not exist")
}

func subscriptionDropped(stream, group string) error {
	return aboutGroup(codes.Canceled, "persistent-subscription-dropped", stream, group, "was dropped: it was changed, deleted or stopped")
}

func tooManySubscribers(stream, group string) error {
	return aboutGroup(codes.FailedPrecondition, "maximum-subscribers-reached", stream, group, "has as many subscribers as it takes")
}

func aboutGroup(code codes.Code, exception, stream, group, what string) error {
	stream = shownStream(stream)
	return refuse(code, exception, fmt.Sprintf("Subscription group %s on stream %s %s.", group, stream, what), "stream-name", stream, "group-name", group)
}

func shownStream(stream string) string {
	if stream == "" {
		return "$all"
	}
	return stream
}

// load brings the groups back. It is called with mu held.
func (p *persistentStore) load(ctx context.Context) error {
	if p.shut {
		return eventstore.ErrClosed
	}
	if p.loaded {
		return nil
	}
	m, err := p.store.log.Mark(ctx, groupsMark, nil)
	if err != nil {
		return err
	}
	var all []kept
	if m.Revision > 0 {
		if err := json.Unmarshal(m.Value, &all); err != nil {
			return &eventstore.DamageError{Where: "the mark " + groupsMark, What: err.Error()}
		}
	}
	for _, k := range all {
		key := groupKey{k.Stream, k.Name}
		if p.groups[key] != nil {
			continue // it went on while another failed
		}
		g, err := p.revive(ctx, k)
		if err != nil {
			return err
		}
		p.groups[key] = g
	}
	p.loaded = true
	return nil
}

// revive makes a group go on from its checkpoint.
func (p *persistentStore) revive(ctx context.Context, k kept) (*group, error) {
	at, err := p.goesOn(ctx, &k)
	if err != nil {
		return nil, err
	}
	return newGroup(p.store, k, at)
}

// goesOn is where a group goes on: where it starts when it has no checkpoint.
func (p *persistentStore) goesOn(ctx context.Context, k *kept) (uint64, error) {
	m, err := p.store.log.Mark(ctx, k.checkpointMark(), nil)
	if err != nil {
		return 0, err
	}
	if at, ok, err := k.checkpointed(m.Value); err != nil || ok {
		return at, err
	}
	return k.Start, nil
}

// save keeps which groups there are; mu is held. Change makes the list.
func (p *persistentStore) save(ctx context.Context, change func([]kept) []kept) error {
	var all []kept
	for _, g := range p.groups {
		all = append(all, g.kept)
	}
	all = change(all)
	slices.SortFunc(all, func(a, b kept) int {
		return slices.Compare([]string{a.Stream, a.Name}, []string{b.Stream, b.Name})
	})
	value, err := json.Marshal(all)
	if err != nil {
		return err
	}
	_, err = p.store.log.Mark(ctx, groupsMark, func(eventstore.Mark) ([]byte, bool) { return value, true })
	if errors.Is(err, eventstore.ErrTooLarge) {
		return status.Errorf(codes.ResourceExhausted, "there are %d groups, and no room for more: delete some", len(p.groups))
	}
	return err
}

// find gives a group that is there.
func (p *persistentStore) find(ctx context.Context, key groupKey) (*group, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.load(ctx); err != nil {
		return nil, err
	}
	g, ok := p.groups[key]
	if !ok {
		return nil, unknownGroup(key.Stream, key.Name)
	}
	return g, nil
}

// close ends all groups, and writes what they know.
func (p *persistentStore) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.shut = true
	p.stopAll()
}

func (p *persistentStore) stopAll() {
	var all sync.WaitGroup
	for _, g := range p.groups {
		all.Go(func() { g.stop(errDropped) })
	}
	all.Wait()
}

// Create makes a group.
func (p *persistentStore) Create(ctx context.Context, req *persistent.CreateReq) (*persistent.CreateResp, error) {
	return &persistent.CreateResp{}, answer(unaryTrailer{ctx}, p.create(ctx, req.GetOptions()))
}

func (p *persistentStore) create(ctx context.Context, o *persistent.CreateReq_Options) error {
	k := kept{ID: uuid.NewString(), Name: o.GetGroupName()}
	var err error
	if k.Settings, err = readSettings(o.GetSettings(), createStrategy(o.GetSettings())); err != nil {
		return err
	}
	switch x := o.GetStreamOption().(type) {
	case *persistent.CreateReq_Options_All:
		k.Wanted, err = wantedOf(x.All)
		k.FromEnd = x.All.GetEnd() != nil
		if at := x.All.GetPosition(); at != nil {
			k.Start = at.GetCommitPosition()
		}
	case *persistent.CreateReq_Options_Stream:
		k.Stream = string(x.Stream.GetStreamIdentifier().GetStreamName())
		k.Start, k.FromEnd = x.Stream.GetRevision(), x.Stream.GetEnd() != nil
	default:
		//lint:ignore SA1019 the vendor's client for Node.js says it so
		k.of(o.GetStreamIdentifier(), o.GetSettings().GetRevision())
	}
	if err != nil {
		return err
	}
	if err := p.allowed(ctx, &k, o.GetAll() != nil); err != nil {
		return err
	}
	if err := p.fromEnd(ctx, &k); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.load(ctx); err != nil {
		return err
	}
	key := groupKey{k.Stream, k.Name}
	if p.groups[key] != nil {
		return exists(k.Stream, k.Name)
	}
	for _, other := range p.groups {
		if other.parkedStream() == k.parkedStream() {
			return invalid("%s would keep what is parked where the group %s on stream %s keeps it: give another name", k.Name, other.Name, shownStream(other.Stream))
		}
	}
	g, err := newGroup(p.store, k, k.Start)
	if err != nil {
		return err
	}
	if err := p.save(ctx, func(all []kept) []kept { return append(all, k) }); err != nil {
		g.stop(nil)
		return err
	}
	p.groups[key] = g
	return nil
}

// of says which stream it is, and where it starts, as was done before there were
// groups of the whole log.
func (k *kept) of(stream *shared.StreamIdentifier, revision uint64) {
	k.Stream, k.Start = string(stream.GetStreamName()), revision
	k.FromEnd = revision == math.MaxUint64
}

// fromEnd finds what the end is now.
func (p *persistentStore) fromEnd(ctx context.Context, k *kept) (err error) {
	if !k.FromEnd {
		return nil
	}
	if k.Stream == "" {
		info, err := p.store.log.Info(ctx)
		k.Start = uint64(info.Head) + 1
		return err
	}
	k.Start, err = p.store.end(ctx, k.Stream)
	return err
}

// longest is the longest name of a group, or of its stream.
const longest = 400

// allowed refuses what no group can be.
func (p *persistentStore) allowed(ctx context.Context, k *kept, all bool) error {
	switch {
	case k.Name == "" || len(k.Name) > longest:
		return invalid("a group has a name of 1 to %d bytes", longest)
	case !all && (k.Stream == "" || len(k.Stream) > longest):
		return invalid("a persistent subscription is of a stream, whose name has 1 to %d bytes, or of all", longest)
	case !utf8.ValidString(k.Stream):
		return invalid("the name of a stream is UTF-8, and %q is not", k.Stream)
	case k.Stream == "$all":
		return invalid("for $all, say that it is of all")
	case ofMark(k.Stream):
		return notFollowed(k.Stream)
	case !k.FromEnd && k.Start > math.MaxInt64:
		return invalid("%d is no place to start from", k.Start)
	}
	return atLeast(ctx, RoleWriter, "changing persistent subscriptions")
}

func wantedOf(o *persistent.CreateReq_AllOptions) (*wanted, error) {
	wire := o.GetFilter()
	if wire == nil {
		return nil, nil
	}
	w := &wanted{}
	x := wire.GetStreamIdentifier()
	if wire.GetEventType() != nil {
		w.Names, x = true, wire.GetEventType()
	}
	w.Regex, w.Prefixes = x.GetRegex(), x.GetPrefix()
	_, err := w.compile()
	return w, err
}

// Update changes a group's settings. Its consumers are dropped, and connect
// again; it goes on from its checkpoint, or from the new start when it has none.
func (p *persistentStore) Update(ctx context.Context, req *persistent.UpdateReq) (*persistent.UpdateResp, error) {
	return &persistent.UpdateResp{}, answer(unaryTrailer{ctx}, p.update(ctx, req.GetOptions()))
}

func (p *persistentStore) update(ctx context.Context, o *persistent.UpdateReq_Options) error {
	n := kept{Name: o.GetGroupName()}
	var err error
	if n.Settings, err = readSettings(o.GetSettings(), o.GetSettings().GetNamedConsumerStrategy().String()); err != nil {
		return err
	}
	switch x := o.GetStreamOption().(type) {
	case *persistent.UpdateReq_Options_All:
		n.Start, n.FromEnd = x.All.GetPosition().GetCommitPosition(), x.All.GetEnd() != nil
	case *persistent.UpdateReq_Options_Stream:
		n.Stream = string(x.Stream.GetStreamIdentifier().GetStreamName())
		n.Start, n.FromEnd = x.Stream.GetRevision(), x.Stream.GetEnd() != nil
	default:
		//lint:ignore SA1019 the vendor's client for Node.js says it so
		n.of(o.GetStreamIdentifier(), o.GetSettings().GetRevision())
	}
	if err := p.allowed(ctx, &n, o.GetAll() != nil); err != nil {
		return err
	}
	if err := p.fromEnd(ctx, &n); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.load(ctx); err != nil {
		return err
	}
	key := groupKey{n.Stream, n.Name}
	old := p.groups[key]
	if old == nil {
		return unknownGroup(n.Stream, n.Name)
	}
	n.ID, n.Wanted = old.ID, old.Wanted
	if err := p.save(ctx, func(all []kept) []kept {
		return append(slices.DeleteFunc(all, func(k kept) bool { return k.ID == n.ID }), n)
	}); err != nil {
		return err
	}
	old.stop(errDropped)
	g, err := p.revive(ctx, n)
	if err != nil {
		delete(p.groups, key)
		p.loaded = false // it is read again
		return err
	}
	p.groups[key] = g
	return nil
}

// Delete ends a group, and what it has parked.
func (p *persistentStore) Delete(ctx context.Context, req *persistent.DeleteReq) (*persistent.DeleteResp, error) {
	o := req.GetOptions()
	key, err := keyOf(o)
	if err == nil {
		err = p.remove(ctx, key)
	}
	return &persistent.DeleteResp{}, answer(unaryTrailer{ctx}, err)
}

func (p *persistentStore) remove(ctx context.Context, key groupKey) error {
	if err := atLeast(ctx, RoleWriter, "deleting persistent subscriptions"); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.load(ctx); err != nil {
		return err
	}
	g := p.groups[key]
	if g == nil {
		return unknownGroup(key.Stream, key.Name)
	}
	if err := p.save(ctx, func(all []kept) []kept { return slices.DeleteFunc(all, func(k kept) bool { return k.ID == g.ID }) }); err != nil {
		return err
	}
	delete(p.groups, key)
	g.stop(errDropped)
	if n, _, err := g.countParked(ctx); err != nil || n == 0 {
		return err
	}
	return g.truncateParked(ctx, math.MaxInt64)
}

// ReplayParked gives out again what a group has parked.
func (p *persistentStore) ReplayParked(ctx context.Context, req *persistent.ReplayParkedReq) (*persistent.ReplayParkedResp, error) {
	o := req.GetOptions()
	stop := int64(math.MaxInt64)
	if _, ok := o.GetStopAtOption().(*persistent.ReplayParkedReq_Options_StopAt); ok {
		stop = o.GetStopAt()
	}
	err := atLeast(ctx, RoleWriter, "replaying what is parked")
	if err == nil && stop < 0 {
		err = invalid("replaying stops at a revision, which is not below 0")
	}
	var key groupKey
	if err == nil {
		key, err = keyOf(o)
	}
	var g *group
	if err == nil {
		g, err = p.find(ctx, key)
	}
	if err == nil {
		if err = g.replay(ctx, stop); err != nil {
			err = dropped(g, err)
		}
	}
	return &persistent.ReplayParkedResp{}, answer(unaryTrailer{ctx}, err)
}

// RestartSubsystem drops all consumers, and begins anew from what is on record.
func (p *persistentStore) RestartSubsystem(ctx context.Context, _ *shared.Empty) (*shared.Empty, error) {
	err := atLeast(ctx, RoleWriter, "restarting persistent subscriptions")
	if err == nil {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.stopAll()
		p.groups, p.loaded = map[groupKey]*group{}, false
		err = p.load(ctx)
	}
	return &shared.Empty{}, answer(unaryTrailer{ctx}, err)
}
