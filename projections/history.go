package projections

import (
	"context"
	"time"

	"github.com/segmentio/encoding/json"

	"parley/domain"
	"parley/domain/agent"
	"parley/domain/conversation"
	"parley/domain/notification"
	"parley/domain/session"
	"parley/eventstore"
)

// AsOf ends a history before its end: at a time it happened or at a position
// of the log. Zero goes to the end.
type AsOf struct {
	Time     time.Time
	Position eventstore.Position
}

// Entry is one event as it is told and as it is.
type Entry struct {
	EventID    string
	Position   eventstore.Position
	Revision   eventstore.Revision
	At         time.Time
	RecordedAt time.Time
	Actor      domain.Actor
	Imported   bool
	Name       string
	Sentence   string
	Data       json.RawMessage // the event with its text in the clear
}

// Line is the entry as a person reads it: "09:30:12  Visitor wrote: «Hello»".
func (e Entry) Line() string { return clock(e.At) + "  " + e.Sentence }

// Story is the history of one stream and the state it led to (AUD-1, AUD-2).
type Story struct {
	Stream  string
	Entries []Entry
	State   any // of the stream's kind, such as conversation.Conversation
}

// History reads a stream and tells it. It knows conversations, agents,
// notifications and sessions. Inside one stream a time is compared with when
// things happened.
func History(ctx context.Context, log eventstore.Log, codec *eventstore.Codec, kind, id string, asOf AsOf) (Story, error) {
	switch kind {
	case "conversation":
		return recount(ctx, log, codec, &conversation.Kind, id, asOf, conversationSentence)
	case "agent":
		return recount(ctx, log, codec, &agent.Kind, id, asOf, agentSentence)
	case "notification":
		return recount(ctx, log, codec, &notification.Kind, id, asOf, notificationSentence)
	case "session":
		return recount(ctx, log, codec, &session.Kind, id, asOf, sessionSentence)
	}
	return Story{}, domain.Invalid("kind", "give conversation, agent, notification or session")
}

// recount folds a stream up to a point, a sentence for each event. The sentence
// sees the state before the event.
func recount[S, E any](ctx context.Context, log eventstore.Log, codec *eventstore.Codec, kind *domain.Kind[S, E], id string, asOf AsOf,
	sentence func(E, S) string) (Story, error) {
	story := Story{Stream: kind.Stream(id)}
	var state S
	for rec, err := range log.Read(ctx, eventstore.Query{Stream: story.Stream}) {
		if err != nil {
			return Story{}, err
		}
		if asOf.Position > 0 && rec.Position > asOf.Position || !asOf.Time.IsZero() && rec.HappenedAt.After(asOf.Time) {
			break
		}
		opened, err := codec.Open(rec)
		if err != nil {
			return Story{}, err
		}
		raw, err := json.Marshal(opened)
		if err != nil {
			return Story{}, err
		}
		entry := Entry{
			EventID: rec.ID.String(), Position: rec.Position, Revision: rec.Revision, At: rec.HappenedAt, RecordedAt: rec.RecordedAt,
			Actor: rec.Actor, Imported: rec.Imported, Name: rec.Name, Data: raw,
		}
		if e, ok := opened.(E); ok {
			entry.Sentence = sentence(e, state)
			kind.Apply(&state, e)
		}
		story.Entries = append(story.Entries, entry)
	}
	story.State = state
	return story, nil
}

func clock(t time.Time) string { return t.UTC().Format("15:04:05") }
