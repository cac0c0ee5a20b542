package audit

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"

	"parley/domain"
	"parley/domain/agent"
	"parley/domain/bulk"
	"parley/domain/cases"
	"parley/domain/contact"
	"parley/domain/conversation"
	"parley/domain/hours"
	"parley/domain/line"
	"parley/domain/notification"
	"parley/domain/profile"
	"parley/domain/queue"
	"parley/domain/session"
	"parley/domain/settings"
	"parley/domain/visitor"
	"parley/domain/widget"
	"parley/domain/workstream"
	"parley/eventstore"
)

// carrier tells what is wrong with a state that was carried forward; nothing
// when it is what the events before it make.
type carrier func(ctx context.Context, log eventstore.Log, codec *eventstore.Codec, r eventstore.Record, event any) (what string, err error)

// carriers are by the names of the events that carry a state.
func carriers() map[string]carrier {
	all := map[string]carrier{}
	carry(all, &agent.Kind)
	carry(all, &bulk.Kind)
	carry(all, &cases.Kind)
	carry(all, &contact.Kind)
	carry(all, &conversation.Kind)
	carry(all, &hours.Kind)
	carry(all, &line.Kind)
	carry(all, &notification.Kind)
	carry(all, &profile.Kind)
	carry(all, &queue.Kind)
	carry(all, &session.Kind)
	carry(all, &settings.Kind)
	carry(all, &visitor.Kind)
	carry(all, &widget.Kind)
	carry(all, &workstream.Kind)
	return all
}

func carry[S, E any](all map[string]carrier, k *domain.Kind[S, E]) {
	if k.Carry == nil {
		return
	}
	for name := range k.Names {
		if !strings.HasSuffix(name, ".carried_forward") {
			continue
		}
		all[name] = func(ctx context.Context, log eventstore.Log, codec *eventstore.Codec, r eventstore.Record, event any) (string, error) {
			state, what, err := foldTo(ctx, log, codec, k, r)
			if err != nil || what != "" {
				return what, err
			}
			_, want, err := codec.Encode(k.Carry(state), "")
			if err != nil {
				return fmt.Sprintf("the state before it cannot be carried: %v", err), nil
			}
			_, got, err := codec.Encode(event, "")
			if err != nil {
				return err.Error(), nil
			}
			if !bytes.Equal(want, got) {
				return fmt.Sprintf("it carries %s, the events before it make %s", got, want), nil
			}
			return "", nil
		}
	}
}

// foldTo gives the state of a stream before a record, from where it was last
// carried forward: what lies before that was looked at there.
func foldTo[S, E any](ctx context.Context, log eventstore.Log, codec *eventstore.Codec, k *domain.Kind[S, E], r eventstore.Record) (state S, what string, err error) {
	if r.Revision == 0 {
		return state, "", nil
	}
	var before []E
	for b, err := range log.Read(ctx, eventstore.Query{Stream: r.Stream, From: r.Revision - 1, Backwards: true}) {
		if err != nil {
			return state, "", err
		}
		e, err := codec.Decode(b)
		if err != nil {
			return state, fmt.Sprintf("the state before it is unknown: %v", err), nil
		}
		typed, ok := e.(E)
		if !ok {
			return state, fmt.Sprintf("the state before it is unknown: %s is no event of the kind %s", b.Name, k.Name), nil
		}
		before = append(before, typed)
		if strings.HasPrefix(b.Name, k.Name+".carried_forward") {
			break
		}
	}
	for _, e := range slices.Backward(before) {
		k.Apply(&state, e)
	}
	return state, "", nil
}
