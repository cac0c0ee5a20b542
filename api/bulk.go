package api

import (
	"context"
	"errors"
	"net/http"

	"github.com/samber/lo"
	"golang.org/x/sync/errgroup"

	"parley/domain"
	"parley/domain/agent"
	"parley/domain/bulk"
	"parley/domain/conversation"
	"parley/eventstore"
)

// How much of a bulk action is done side by side, and how often what became of
// it is put on record.
const (
	bulkWidth = 8
	bulkChunk = 100
)

// ActInBulk does one thing to many conversations, each by itself (SUP-1).
func (s *Server) ActInBulk(ctx context.Context, r ActInBulkRequestObject) (ActInBulkResponseObject, error) {
	id, err := s.ownID(ctx, nil, "bulk")
	if err != nil {
		return nil, err
	}
	begin := bulk.Begin{
		ID: id, Action: r.Body.Action, Conversations: r.Body.Conversations, Agent: lo.FromPtr(r.Body.Agent), Queue: lo.FromPtr(r.Body.Queue),
		Reason: lo.FromPtr(r.Body.Reason),
	}
	if begin.Action == bulk.ForceClose && begin.Reason == "" {
		begin.Reason = conversation.ReasonSupervisorClosed
	}
	out, err := eventstore.Act(ctx, s.engine, &bulk.Kind, id, begin, s.meta(ctx))
	if err != nil {
		return nil, err
	}
	at, err := s.bulkLeft(ctx, id)
	if err != nil {
		return nil, err
	}
	if at == 0 { // a repeat: the position of what is on record, not of its beginning
		seen, err := eventstore.Act(ctx, s.engine, &bulk.Kind, id, bulk.Record{}, s.freshMeta(ctx, "seen"))
		if err != nil {
			return nil, err
		}
		at = seen.Position
	}
	answer, err := s.bulkAnswer(ctx, id, max(at, out.Position))
	return ActInBulk200JSONResponse(answer), err
}

// bulkLeft does all that is left, and gives the highest position written. One that
// fails holds no other up. One at a time works on an action: what is refused to
// one may be done by another a moment later, and the record would tell the first.
func (s *Server) bulkLeft(ctx context.Context, id string) (eventstore.Position, error) {
	done, err := s.aloneWithBulk(ctx, id)
	if err != nil {
		return 0, err
	}
	defer done()
	b, _, err := eventstore.Load(ctx, s.engine, &bulk.Kind, id)
	if err != nil {
		return 0, err
	}
	var at eventstore.Position
	var failures error
	for _, chunk := range lo.Chunk(b.Left(), bulkChunk) {
		position, err := s.bulkChunk(ctx, b, chunk)
		at, failures = max(at, position), errors.Join(failures, err)
		if ctx.Err() != nil {
			break
		}
	}
	return at, failures
}

// aloneWithBulk waits until nobody else here works on a bulk action, and keeps
// others waiting until done is called.
func (s *Server) aloneWithBulk(ctx context.Context, id string) (done func(), err error) {
	mine := make(chan struct{})
	for {
		other, busy := s.bulks.LoadOrStore(id, mine)
		if !busy {
			return func() { s.bulks.Delete(id); close(mine) }, nil
		}
		select {
		case <-other.(chan struct{}):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// bulkChunk does some of them and records what became of each. What fails
// otherwise than by a refusal is left for a repeat with the same key, or for the
// reactor that finishes what was cut off.
func (s *Server) bulkChunk(ctx context.Context, b bulk.Bulk, ids []string) (eventstore.Position, error) {
	outcomes := make([]bulk.Outcome, len(ids))
	var all errgroup.Group
	all.SetLimit(bulkWidth)
	for i, id := range ids {
		all.Go(func() error {
			err := s.bulkOne(ctx, b, id)
			refusal, refused := errors.AsType[*domain.Error](err)
			switch {
			case refused && refusal.Code == "unavailable", err != nil && !refused:
				return err
			case refused:
				outcomes[i].Code = refusal.Code
			}
			outcomes[i].Conversation = id
			return nil
		})
	}
	failure := all.Wait()
	known := lo.Filter(outcomes, func(o bulk.Outcome, _ int) bool { return o.Conversation != "" })
	m := s.meta(ctx)
	m.Command, m.BodyHash = [16]byte{}, nil
	out, err := eventstore.Act(ctx, s.engine, &bulk.Kind, b.ID, bulk.Record{Outcomes: known}, m)
	return out.Position, errors.Join(failure, err)
}

// bulkOne does it to one, by a command of its own, so that a repeat finds what
// was done.
func (s *Server) bulkOne(ctx context.Context, b bulk.Bulk, id string) error {
	one := *callOf(ctx)
	one.key, one.header = domain.Derive(b.ID, id), http.Header{}
	ctx = context.WithValue(ctx, callKey{}, &one)
	c, _, err := s.conversationOf(ctx, id)
	if err != nil {
		return err
	}
	switch b.Action {
	case bulk.Assign:
		_, err = s.take(ctx, id, b.Agent, agent.PurposeAssign)
		return err
	case bulk.Transfer:
		again, err := s.recorded(ctx, conversation.Kind.Stream(id))
		if err != nil {
			return err
		}
		if again || c.Status == conversation.StatusEngaged {
			_, err = s.transferInto(ctx, c, b.Queue, again)
			return err
		}
		if _, err := s.servable(ctx, b.Queue, c.Mode); err != nil {
			return err
		}
		_, err = s.decide(ctx, id, conversation.Move{Queue: b.Queue, At: s.now()})
		return err
	}
	if c.Status == conversation.StatusClosed {
		if again, err := s.recorded(ctx, conversation.Kind.Stream(id)); err != nil || !again {
			return errors.Join(err, conversation.ErrClosed)
		}
	}
	_, err = s.decide(ctx, id, conversation.ForceClose{Reason: b.Reason})
	return err
}

// GetBulk tells what became of a bulk action.
func (s *Server) GetBulk(ctx context.Context, r GetBulkRequestObject) (GetBulkResponseObject, error) {
	at, err := s.present(ctx, r.Params.After)
	if err != nil {
		return nil, err
	}
	answer, err := s.bulkAnswer(ctx, r.Bulk, at)
	return GetBulk200JSONResponse(answer), err
}

func (s *Server) bulkAnswer(ctx context.Context, id string, at eventstore.Position) (Bulk, error) {
	b, _, err := eventstore.Load(ctx, s.engine, &bulk.Kind, id)
	switch {
	case err != nil:
		return Bulk{}, err
	case b.ID == "":
		return Bulk{}, bulk.ErrUnknown
	}
	answer := Bulk{
		Bulk: b.ID, Action: b.Action, Count: len(b.Conversations), Finished: b.Finished, Position: s.at(ctx, at),
		Outcomes: lo.Map(b.Outcomes, func(o bulk.Outcome, _ int) BulkOutcome {
			return BulkOutcome{Conversation: o.Conversation, Done: o.Code == "", Code: some(o.Code)}
		}),
	}
	for _, o := range b.Outcomes {
		if o.Code == "" {
			answer.Done++
		} else {
			answer.Refused++
		}
	}
	return answer, nil
}
