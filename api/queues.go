package api

import (
	"context"
	"fmt"

	"github.com/samber/lo"

	"parley/domain"
	"parley/domain/agent"
	"parley/domain/queue"
	"parley/eventstore"
	"parley/projections"
)

// PutQueue creates or changes a queue; its members stay.
func (s *Server) PutQueue(ctx context.Context, r PutQueueRequestObject) (PutQueueResponseObject, error) {
	if r.Body.OutsideHours != nil && *r.Body.OutsideHours != Refuse && *r.Body.OutsideHours != Tell {
		return nil, domain.Invalid("outsideHours", "give refuse or tell")
	}
	hours := lo.FromPtr(r.Body.Hours)
	if err := s.knownHours(ctx, hours); err != nil {
		return nil, err
	}
	overflow := storedOverflow(r.Body.Overflow)
	for field, id := range map[string]string{
		"overflow.outsideHours.queue": overflow.OutsideHours.Queue, "overflow.waiting.queue": overflow.Waiting.Queue, "overflow.waited.queue": overflow.Waited.Queue,
	} {
		if id == "" || id == r.Queue || !domain.ValidID(id) {
			continue
		}
		other, err := s.queueFor(ctx, id)
		if err != nil {
			return nil, err
		}
		if other.ID == "" || other.Deleted {
			return nil, queue.ErrUnknown.On(field)
		}
	}
	q, at, err := change(ctx, s, &queue.Kind, r.Queue, queue.Configure{
		ID: r.Queue, Name: r.Body.Name, Number: lo.FromPtr(r.Body.Number), Method: lo.FromPtr(r.Body.Method),
		Hours: hours, Tell: lo.FromPtr(r.Body.OutsideHours) == Tell, Overflow: overflow,
	})
	if err != nil {
		return nil, err
	}
	return PutQueue200JSONResponse(shownQueue(q, at)), nil
}

// GetQueue tells how a queue chooses and who serves it.
func (s *Server) GetQueue(ctx context.Context, r GetQueueRequestObject) (GetQueueResponseObject, error) {
	q, at, err := stateNow(ctx, s, &queue.Kind, r.Queue, r.Params.After)
	switch {
	case err != nil:
		return nil, err
	case q.ID == "", q.Deleted:
		return nil, queue.ErrUnknown
	}
	return GetQueue200JSONResponse(shownQueue(q, at)), nil
}

// ListQueues lists all queues, in the order in which an agent serves them.
func (s *Server) ListQueues(ctx context.Context, r ListQueuesRequestObject) (ListQueuesResponseObject, error) {
	after, err := s.after(r.Params.After)
	if err != nil {
		return nil, err
	}
	rows, at, err := s.opts.Views.Queues(ctx, after)
	if err != nil {
		return nil, err
	}
	return ListQueues200JSONResponse{Position: s.at(ctx, at), Queues: lo.Map(rows, func(q projections.QueueRow, _ int) Queue {
		a := shownQueue(queue.Queue{
			ID: q.ID, Name: q.Name, Number: q.Number, Method: q.Method, Members: q.Members, Hours: q.Hours, Tell: q.Tell, Overflow: q.Overflow,
		}, "")
		a.Position = nil
		return a
	})}, nil
}

// AddQueueMember lets an agent serve a queue.
func (s *Server) AddQueueMember(ctx context.Context, r AddQueueMemberRequestObject) (AddQueueMemberResponseObject, error) {
	a, _, err := eventstore.Load(ctx, s.engine, &agent.Kind, r.Agent)
	if err != nil {
		return nil, err
	}
	if !a.Registered {
		return nil, agent.ErrUnknown.On("agent")
	}
	q, at, err := change(ctx, s, &queue.Kind, r.Queue, queue.AddMember{Agent: r.Agent})
	if err != nil {
		return nil, err
	}
	return AddQueueMember200JSONResponse(shownQueue(q, at)), nil
}

// RemoveQueueMember lets an agent serve a queue no more.
func (s *Server) RemoveQueueMember(ctx context.Context, r RemoveQueueMemberRequestObject) (RemoveQueueMemberResponseObject, error) {
	q, at, err := change(ctx, s, &queue.Kind, r.Queue, queue.RemoveMember{Agent: r.Agent})
	if err != nil {
		return nil, err
	}
	return RemoveQueueMember200JSONResponse(shownQueue(q, at)), nil
}

// shownQueue is a queue as the API shows it.
func shownQueue(q queue.Queue, at Position) Queue {
	a := Queue{
		Id: q.ID, Name: q.Name, Number: q.Number, Method: q.Method, Members: list(q.Members), Hours: some(q.Hours), Position: &at,
		Overflow: shownOverflow(q.Overflow),
	}
	if q.Hours != "" {
		a.OutsideHours = some(lo.Ternary(q.Tell, "tell", "refuse"))
	}
	return a
}

// DeleteQueue takes a queue out of use that holds no work (AGT-6).
func (s *Server) DeleteQueue(ctx context.Context, r DeleteQueueRequestObject) (DeleteQueueResponseObject, error) {
	at, err := s.head(ctx)
	if err != nil {
		return nil, err
	}
	rows, _, _, err := s.opts.Views.ActiveList(ctx, projections.ActiveFilter{Queue: r.Queue}, projections.Page{Limit: 1}, at)
	if err != nil {
		return nil, err
	}
	by, err := s.sendsInto(ctx, r.Queue, at)
	if err != nil {
		return nil, err
	}
	q, position, err := change(ctx, s, &queue.Kind, r.Queue, queue.Delete{Holds: len(rows), By: by})
	if err != nil {
		return nil, err
	}
	return DeleteQueue200JSONResponse(shownQueue(q, position)), nil
}

// sendsInto names the first workstream, rule or queue that sends conversations
// into a queue; empty is none.
func (s *Server) sendsInto(ctx context.Context, id string, at eventstore.Position) (string, error) {
	streams, _, err := s.opts.Views.Workstreams(ctx, at)
	if err != nil {
		return "", err
	}
	for _, w := range streams {
		if w.Settings.Queue == id {
			return "workstream " + w.ID, nil
		}
		for _, rule := range w.Settings.Rules {
			if rule.Queue == id {
				return fmt.Sprintf("workstream %s, rule %s", w.ID, rule.Name), nil
			}
		}
	}
	queues, _, err := s.opts.Views.Queues(ctx, at)
	for _, q := range queues {
		if o := q.Overflow; o.OutsideHours.Queue == id || o.Waiting.Queue == id || o.Waited.Queue == id {
			return "the overflow of queue " + q.ID, nil
		}
	}
	return "", err
}

func storedOverflow(o *Overflow) queue.Overflow {
	if o == nil {
		return queue.Overflow{}
	}
	action := func(a *OverflowAction) queue.Action {
		if a == nil {
			return queue.Action{}
		}
		return queue.Action{Do: string(a.Do), Queue: lo.FromPtr(a.Queue)}
	}
	return queue.Overflow{
		OutsideHours: action(o.OutsideHours), MoreThan: lo.FromPtr(o.MoreThan), Waiting: action(o.Waiting),
		LongerThan: domain.Seconds(lo.FromPtr(o.LongerThan)), Waited: action(o.Waited),
	}
}

func shownOverflow(o queue.Overflow) *Overflow {
	if o == (queue.Overflow{}) {
		return nil
	}
	action := func(a queue.Action) *OverflowAction {
		if a == (queue.Action{}) {
			return nil
		}
		return &OverflowAction{Do: OverflowActionDo(a.Do), Queue: some(a.Queue)}
	}
	return &Overflow{
		OutsideHours: action(o.OutsideHours), MoreThan: opt(o.MoreThan), Waiting: action(o.Waiting), LongerThan: opt(int64(o.LongerThan)), Waited: action(o.Waited),
	}
}

// list is never null in JSON.
func list[T any](all []T) []T {
	if all == nil {
		return []T{}
	}
	return all
}
