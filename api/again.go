package api

import (
	"bytes"
	"context"
	"time"

	"github.com/google/uuid"

	"parley/domain/conversation"
	"parley/domain/line"
	"parley/eventstore"
)

// before is where a start or a customer's message went when it was first sent: the
// line that was taken with it, the conversation that got the message, and when.
type before struct {
	line, conversation string
	at                 time.Time
}

// before finds what the command of this request recorded, wherever that was. The
// same words lead elsewhere later: to the next conversation when the one they went
// to is over, to another line when the customer was erased, to a refusal when the
// widget leads to another workstream. A repeat goes where it went the first time.
func (s *Server) before(ctx context.Context) (before, error) {
	var found before
	m := s.meta(ctx)
	if m.Command == uuid.Nil {
		return found, nil
	}
	for r, err := range s.engine.Log.Read(ctx, eventstore.Query{Command: m.Command}) {
		if err != nil {
			return before{}, err
		}
		if !bytes.Equal(r.BodyHash, m.BodyHash) {
			return before{}, eventstore.ErrKeyReused
		}
		event, err := s.engine.Codec.Decode(r)
		if err != nil {
			return before{}, err
		}
		switch e := event.(type) {
		case line.Taken:
			found.line, found.at = e.Opening.Line, r.HappenedAt
		case conversation.MessageReceived:
			found.conversation, found.at = e.Conversation, r.HappenedAt
		}
	}
	return found, nil
}

// again gives the repeated command to where it went, which knows it: what is left of
// it is done, and its answer is the one that it had.
func (s *Server) again(ctx context.Context, b before) (delivered, error) {
	var one delivered
	if b.line != "" {
		out, err := eventstore.Act(ctx, s.engine, &line.Kind, b.line, line.Take{}, s.meta(ctx))
		if err != nil {
			return one, err
		}
		for _, e := range out.Events {
			if taken, ok := e.(line.Taken); ok {
				one.conversation, one.created = taken.Opening.Conversation, true
			}
		}
		one.position = out.Position
	}
	if b.conversation != "" {
		out, err := eventstore.Act(ctx, s.engine, &conversation.Kind, b.conversation, conversation.Receive{}, s.meta(ctx))
		if err != nil {
			return one, err
		}
		for _, e := range out.Events {
			if received, ok := e.(conversation.MessageReceived); ok {
				one.id, one.number = received.ID, received.Number
			}
		}
		one.conversation, one.position = b.conversation, max(one.position, out.Position)
	}
	return one, nil
}
