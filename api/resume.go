package api

import (
	"context"
	"iter"
	"strings"

	"parley/eventstore"
)

// ResumeFrom finds older events faster than by reading the whole log, for
// Options.Resume: those of a conversation in its own stream, those of a visitor
// by their names, those of an agent by the kinds that ever concern one.
func ResumeFrom(log eventstore.Log) Resume {
	return func(ctx context.Context, key string, after, until eventstore.Position) iter.Seq2[eventstore.Record, error] {
		sort, id, _ := cutKey(key)
		q := eventstore.Query{After: after, Until: until}
		switch sort {
		case "conversation", "customer":
			return WithinStream(ctx, log, "conversation-"+id, after, until)
		case "visitor":
			q.Names = visitorNames
		case "invitations":
			q.Names = visitorNames[1:]
		case "agent":
			q.Kinds = agentKinds
		}
		return log.Read(ctx, q)
	}
}

// visitorNames are the events whose audience may be a visitor's own feed; all but
// the first are of what he is invited to.
var visitorNames = strings.Fields("conversation.started visitor.invited visitor.invitation_accepted visitor.invitation_ended")

// agentKinds are the kinds whose events may concern an agent.
var agentKinds = strings.Fields("agent conversation notification queue session")
