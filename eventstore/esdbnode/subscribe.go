package esdbnode

import (
	"context"
	"math"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/uuid"

	"parley/eventstore"
)

func (s sender) confirm() error {
	return s.call.Send(&streams.ReadResp{Content: &streams.ReadResp_Confirmation{
		Confirmation: &streams.ReadResp_SubscriptionConfirmation{SubscriptionId: uuid.NewString()},
	}})
}

func (s sender) caughtUp() error {
	return s.call.Send(&streams.ReadResp{Content: &streams.ReadResp_CaughtUp_{CaughtUp: &streams.ReadResp_CaughtUp{}}})
}

func (s sender) checkpoint(p eventstore.Position) error {
	return s.call.Send(&streams.ReadResp{Content: &streams.ReadResp_Checkpoint_{
		Checkpoint: &streams.ReadResp_Checkpoint{CommitPosition: uint64(p), PreparePosition: uint64(p)},
	}})
}

// subscribeAll sends what is after a position, and then what comes. With a
// filter it says now and then how far it looked.
func (s *streamStore) subscribeAll(ctx context.Context, to sender, o *streams.ReadReq_Options_AllOptions, f *filter) error {
	info, err := s.log.Info(ctx)
	if err != nil {
		return err
	}
	after := eventstore.Position(0)
	switch a := o.GetAllOption().(type) {
	case *streams.ReadReq_Options_AllOptions_Position:
		if after, err = positionOf(a.Position); err != nil {
			return err
		}
	case *streams.ReadReq_Options_AllOptions_End:
		after = info.Head
	}
	if after > info.Head {
		return eventstore.ErrLogMoved
	}
	if err := to.confirm(); err != nil {
		return err
	}
	if after == 0 {
		marks, err := s.marks(ctx, f)
		if err != nil {
			return err
		}
		for _, r := range marks {
			if err := to.event(r); err != nil {
				return err
			}
		}
	}
	live, looked, said := false, uint64(0), after
	for u, err := range s.log.Follow(ctx, after, eventstore.Filter{}) {
		if err != nil {
			return err
		}
		if u.Record != nil {
			if f.keeps(u.Record) {
				if err := to.event(u.Record); err != nil {
					return err
				}
			}
			if looked++; f != nil && looked%f.every == 0 && u.Position > said {
				said = u.Position
				if err := to.checkpoint(said); err != nil {
					return err
				}
			}
		}
		if !u.CaughtUp || live {
			continue
		}
		live = true
		if f != nil && u.Position > said {
			said = u.Position
			if err := to.checkpoint(said); err != nil {
				return err
			}
		}
		if err := to.caughtUp(); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// subscribeStream sends what a stream holds after a revision, and then what
// comes. The stream need not be there yet.
func (s *streamStore) subscribeStream(ctx context.Context, to sender, stream string, o *streams.ReadReq_Options_StreamOptions) error {
	if ofMark(stream) {
		return notFollowed(stream)
	}
	next, err := uint64(0), error(nil)
	switch r := o.GetRevisionOption().(type) {
	case *streams.ReadReq_Options_StreamOptions_Revision:
		if r.Revision >= math.MaxInt64 {
			return invalid("%d is no revision of a stream", r.Revision)
		}
		next = r.Revision + 1
	case *streams.ReadReq_Options_StreamOptions_End:
		if next, err = s.end(ctx, stream); err != nil {
			return err
		}
	}
	confirmed, live := false, false
	for e, err := range s.follow(ctx, source{stream: stream}, next) {
		if err != nil {
			return err
		}
		if !confirmed {
			if confirmed, err = true, to.confirm(); err != nil {
				return err
			}
		}
		if e.record != nil {
			if err := to.entry(&e); err != nil {
				return err
			}
		}
		if e.caughtUp && !live {
			if live, err = true, to.caughtUp(); err != nil {
				return err
			}
		}
	}
	return ctx.Err()
}

// end is the revision that a stream's next event will have.
func (s *streamStore) end(ctx context.Context, stream string) (uint64, error) {
	if v, ok := s.virtualOf(stream); ok {
		info, err := s.log.Info(ctx)
		if err != nil {
			return 0, err
		}
		return v.count(info.Head)
	}
	st, err := s.standing(ctx, stream)
	if err != nil {
		return 0, err
	}
	if st.tomb {
		return 0, deleted(stream)
	}
	return uint64(st.last + 1), nil
}
