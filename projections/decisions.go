package projections

import (
	"context"
	"iter"

	"parley/domain"
	"parley/domain/conversation"
	"parley/eventstore"
)

// DecisionEntry is one decision of routing as the log has it (RTE-7).
type DecisionEntry struct {
	domain.Decision
	Conversation string
	EventID      string
	Recorded     eventstore.Position
	HeldUp       bool // false: the agent's own stream refused it
	Sentence     string
}

// decided are the events that keep a decision.
var decided = []string{
	"conversation.offered", "conversation.passed_over", "conversation.turned_down", "conversation.overflowed", "conversation.told",
}

// decisionOf gives the decision that an event keeps; nil when it keeps none.
func decisionOf(event any) (d *domain.Decision, heldUp bool) {
	switch e := event.(type) {
	case conversation.Offered:
		return e.Decision, true
	case conversation.PassedOver:
		return e.Decision, true
	case conversation.TurnedDown:
		return e.Decision, false
	case conversation.Overflowed:
		return e.Decision, true
	case conversation.Told:
		return e.Decision, true
	}
	return nil, false
}

// ConversationDecisions gives every decision about a conversation, in order.
func ConversationDecisions(ctx context.Context, log eventstore.Log, codec *eventstore.Codec, id string) ([]DecisionEntry, error) {
	return entries(log.Read(ctx, eventstore.Query{Stream: conversation.Kind.Stream(id)}), codec, 0, func(DecisionEntry) bool { return true })
}

// AgentDecisions gives the latest decisions that considered an agent by name,
// the newest first, before a position when one is given. It looks through the
// decisions of all, most of them at once; more tells that it did not come to the
// end, and where to go on.
func AgentDecisions(ctx context.Context, log eventstore.Log, codec *eventstore.Codec, agent string, before eventstore.Position, limit int) (all []DecisionEntry, more eventstore.Position, err error) {
	looked := 0
	var last eventstore.Position
	q := eventstore.Query{Names: decided, Backwards: true, Limit: decisionsAtMost}
	if before > 0 {
		q.Until = before - 1
		if q.Until == 0 {
			return nil, 0, nil
		}
	}
	records := func(yield func(eventstore.Record, error) bool) {
		for r, err := range log.Read(ctx, q) {
			if err == nil {
				looked++
				last = r.Position
			}
			if !yield(r, err) {
				return
			}
		}
	}
	all, err = entries(records, codec, limit, func(e DecisionEntry) bool {
		if e.Agent == agent {
			return true
		}
		for _, c := range e.Best {
			if c.Agent == agent {
				return true
			}
		}
		return false
	})
	if err == nil && (looked == decisionsAtMost || limit > 0 && len(all) == limit) {
		more = last
	}
	return all, more, err
}

// decisionsAtMost bounds what one question looks through.
const decisionsAtMost = 10_000

func entries(records iter.Seq2[eventstore.Record, error], codec *eventstore.Codec, limit int, wanted func(DecisionEntry) bool) ([]DecisionEntry, error) {
	var all []DecisionEntry
	for r, err := range records {
		if err != nil {
			return nil, err
		}
		event, err := codec.Decode(r)
		if err != nil {
			return nil, err
		}
		d, heldUp := decisionOf(event)
		if d == nil {
			continue
		}
		one := DecisionEntry{Decision: *d, Conversation: r.StreamID(), EventID: r.ID.String(), Recorded: r.Position, HeldUp: heldUp}
		if !wanted(one) {
			continue
		}
		if e, ok := event.(conversation.Event); ok {
			one.Sentence = conversationSentence(e, conversation.Conversation{})
		}
		if all = append(all, one); limit > 0 && len(all) == limit {
			break
		}
	}
	return all, nil
}
