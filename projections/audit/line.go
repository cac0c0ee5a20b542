package audit

import (
	"context"

	"parley/domain"
	"parley/domain/conversation"
	"parley/domain/line"
	"parley/eventstore"
)

// awaited is a conversation that took a line and has not begun yet.
type awaited struct {
	line  string
	taken moment
}

// line looks at who holds a customer's line: one conversation at a time, the
// next one when it is over (CON-3).
func (a *audit) line(ctx context.Context, r eventstore.Record, f domain.Fact) error {
	e, ok := f.Event.(line.Taken)
	if !ok {
		return nil
	}
	held, what, err := foldTo(ctx, a.log, a.codec, &line.Kind, r)
	switch {
	case err != nil:
		return err
	case what != "":
		a.find("line", "%s", what)
	case held.Conversation != e.After:
		a.find("line", "conversation %q takes it after %q, and %q held it", e.Opening.Conversation, e.After, held.Conversation)
	}
	if _, waits := a.awaited[held.Conversation]; waits {
		a.find("line_holders", "conversation %s holds it and was not even started", held.Conversation)
	}
	if c := a.conversations[held.Conversation]; c != nil && !c.state.Status.Over() {
		a.find("line_holders", "conversation %s holds it and is %s", held.Conversation, c.state.Status)
	}
	a.awaited[e.Opening.Conversation] = awaited{f.ID, a.now}
	return nil
}

// started looks whether a conversation holds the line it says it is on.
func (a *audit) started(r eventstore.Record, e conversation.Started) {
	w, ok := a.awaited[e.Conversation]
	delete(a.awaited, e.Conversation)
	if e.Line != "" && !r.Imported && (!ok || w.line != e.Line) {
		a.find("line_unheld", "it is on line %s, which it does not hold", e.Line)
	}
}
