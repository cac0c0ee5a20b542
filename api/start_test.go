package api_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"

	"parley/domain/conversation"
	"parley/domain/policy"
	"parley/eventstore"
)

// between is a log that does something once, just before the first record of a
// name is appended.
type between struct {
	eventstore.Log
	name string
	once atomic.Bool
	do   func(stream string)
}

func (b *between) Append(ctx context.Context, stream string, expected eventstore.Revision, records ...eventstore.Record) ([]eventstore.Record, error) {
	if records[0].Name == b.name && b.once.CompareAndSwap(false, true) {
		b.do(stream)
	}
	return b.Log.Append(ctx, stream, expected, records...)
}

// What a start found may end before its message is there: the message begins a
// new conversation, and the answer says so.
func TestCON2_AStartSaysThatItsMessageBeganAnew(t *testing.T) {
	h := newHouse(t)
	seed(h)
	h.run(step{As: "visitor:v1", Do: "POST /v1/conversations", Body: `{"widget":"shop"}`, Status: 201, Save: map[string]string{"c": "conversation"}})
	other := eventstore.NewEngine(h.Log, h.Engine.Codec, policy.All(), h.Clock.Now)
	h.Engine.Log = &between{Log: h.Log, name: "conversation.message_received", do: func(stream string) {
		id := strings.TrimPrefix(stream, "conversation-")
		if _, err := eventstore.Act(context.Background(), other, &conversation.Kind, id, conversation.ForceClose{Reason: conversation.ReasonSpam}, eventstore.Meta{}); err != nil {
			t.Error(err)
		}
	}}
	h.run(step{
		As: "visitor:v1", Do: "POST /v1/conversations", Body: `{"widget":"shop","text":"Hi"}`, Status: 201,
		Contains: []string{`"created":true`, `"state":"open"`}, Lacks: []string{`"conversation":"${c}"`},
	})
}
