package policy_test

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"time"

	"parley/domain"
	"parley/domain/agent"
	"parley/domain/conversation"
	"parley/domain/line"
	"parley/domain/notification"
	"parley/domain/policy"
	"parley/domain/session"
	"parley/domain/visitor"
)

// shelf keeps the streams of one kind in memory.
type shelf[S, E any] struct {
	kind   *domain.Kind[S, E]
	states map[string]S
	events map[string][]E
}

func newShelf[S, E any](k *domain.Kind[S, E]) *shelf[S, E] {
	return &shelf[S, E]{kind: k, states: map[string]S{}, events: map[string][]E{}}
}

// do decides a command and applies what it records.
func (s *shelf[S, E]) do(id string, cmd any) ([]any, error) {
	c, ok := cmd.(domain.Command[S, E])
	if !ok {
		return nil, fmt.Errorf("%T is no command of %s", cmd, s.kind.Name)
	}
	state := s.states[id]
	events, err := c.Decide(state)
	if err != nil {
		return nil, err
	}
	all := make([]any, len(events))
	for i, e := range events {
		all[i] = e
		s.kind.Apply(&state, e)
	}
	s.states[id], s.events[id] = state, append(s.events[id], events...)
	return all, nil
}

// pursuit is an intent that somebody still has to carry out.
type pursuit struct {
	domain.Intent
	name string // what its command id is made of
	at   time.Time
}

// world is every stream of a contact centre, with what is still to be done.
type world struct {
	now           time.Time
	conversations *shelf[conversation.Conversation, conversation.Event]
	agents        *shelf[agent.Agent, agent.Event]
	lines         *shelf[line.Line, line.Event]
	notifications *shelf[notification.Notification, notification.Event]
	sessions      *shelf[session.Session, session.Event]
	visitors      *shelf[visitor.Visitor, visitor.Event]

	facts   []domain.Fact
	pending []pursuit
	timers  map[string]domain.Timer
	// done are the commands on record in each stream, as the engine knows them.
	// Without dedupe the domain alone has to bear every repeat.
	done    map[string]bool
	dedupe  bool
	problem error // the first thing that must never be
	serial  int
	script  []string
}

var morning = time.Date(2026, 5, 4, 9, 0, 0, 0, time.UTC)

func newWorld() *world {
	return &world{
		now:           morning,
		conversations: newShelf(&conversation.Kind),
		agents:        newShelf(&agent.Kind),
		lines:         newShelf(&line.Kind),
		notifications: newShelf(&notification.Kind),
		sessions:      newShelf(&session.Kind),
		visitors:      newShelf(&visitor.Kind),
		timers:        map[string]domain.Timer{},
		done:          map[string]bool{},
	}
}

func (w *world) fail(format string, args ...any) {
	if w.problem == nil {
		w.problem = fmt.Errorf(format, args...)
	}
}

// do carries out a command now, and leaves what follows to whoever comes.
func (w *world) do(kind, id string, cmd any) error {
	w.serial++
	_, err := w.record(kind, id, cmd, "request "+strconv.Itoa(w.serial), w.now)
	return err
}

func (w *world) record(kind, id string, cmd any, command string, at time.Time) ([]any, error) {
	key := kind + "-" + id + "|" + command
	if w.done[key] {
		return nil, nil
	}
	var events []any
	var err error
	switch kind {
	case "conversation":
		events, err = w.conversations.do(id, cmd)
	case "agent":
		events, err = w.agents.do(id, cmd)
	case "line":
		events, err = w.lines.do(id, cmd)
	case "notification":
		events, err = w.notifications.do(id, cmd)
	case "session":
		events, err = w.sessions.do(id, cmd)
	case "visitor":
		events, err = w.visitors.do(id, cmd)
	default:
		err = fmt.Errorf("no kind %q", kind)
	}
	var refusal *domain.Error
	if err != nil && !errors.As(err, &refusal) {
		w.fail("%v", err)
	}
	w.script = append(w.script, fmt.Sprintf("%s %s-%s %T %+v -> %s %v", w.now.Format("15:04:05"), kind, id, cmd, cmd, names(events), err))
	if len(events) > 0 && (w.dedupe || kind == "agent" && reflect.TypeOf(cmd) == reflect.TypeFor[agent.Reserve]()) {
		w.done[key] = true
	}
	for i, e := range events {
		f := domain.Fact{Kind: kind, ID: id, Event: e, EventID: domain.Derive(key, strconv.Itoa(i)), At: at}
		w.facts = append(w.facts, f)
		for _, t := range policy.Due(f) {
			if t.At.IsZero() {
				delete(w.timers, t.Key)
			} else {
				w.timers[t.Key] = t
			}
		}
		for _, p := range policy.All() {
			for j, intent := range p.Follow(f) {
				w.pending = append(w.pending, pursuit{intent, f.EventID + p.Name + strconv.Itoa(j), at})
			}
		}
	}
	if len(events) > 0 {
		w.watch()
	}
	return events, err
}

func names(events []any) string {
	text := ""
	for _, e := range events {
		text += reflect.TypeOf(e).String() + " "
	}
	return text
}

// pursue carries out one intent, as the request or the reactor does.
func (w *world) pursue(p pursuit) {
	if cmd, ok := p.Command.(conversation.MakeOffer); ok && w.conversations.states[p.ID].Terms.Block == domain.BlockNever {
		// The terms at that moment: there, offers are assigned at once.
		cmd.Template = &domain.Template{Form: domain.FormToast, AutoAssign: true, ShowSeconds: domain.ToastTime}
		p.Command = cmd
	}
	_, err := w.record(p.Kind, p.ID, p.Command, p.name, p.at)
	if err == nil {
		return
	}
	if turn, ok := claimed(p.Command); ok && !(errors.Is(err, conversation.ErrNotParticipant)) && turn == w.conversations.states[p.ID].Turn {
		w.fail("flow D: %+v is refused at its own turn, so that its name may come back: %v", p.Command, err)
	}
	for i, other := range p.Else {
		w.pursue(pursuit{other, p.name + "|else|" + strconv.Itoa(i), p.at})
	}
}

// claimed gives the turn for which a hold is claimed.
func claimed(cmd any) (int, bool) {
	switch cmd := cmd.(type) {
	case conversation.MakeOffer:
		return cmd.Turn, true
	case conversation.Engage:
		return cmd.Turn, true
	}
	return 0, false
}

// settle carries out all that is left to do.
func (w *world) settle() {
	for n := 0; len(w.pending) > 0; n++ {
		if n > 20000 {
			w.fail("what follows never ends")
			return
		}
		p := w.pending[0]
		w.pending = w.pending[1:]
		w.pursue(p)
	}
}

// ripe gives the timers that are due, the earliest first.
func (w *world) ripe() []domain.Timer {
	var due []domain.Timer
	for _, t := range w.timers {
		if !t.At.After(w.now) {
			due = append(due, t)
		}
	}
	sortTimers(due)
	return due
}

// fire lets a timer fall due; stays tells that it is not struck off, as when
// two wheels run or the one stopped in between.
func (w *world) fire(t domain.Timer, stays bool) {
	if _, err := w.record(t.Kind, t.ID, t.Command, "timer "+t.Key+t.At.String(), t.At); err != nil {
		w.fail("timer %s is refused: %v", t.Key, err)
	}
	if !stays && w.timers[t.Key].At.Equal(t.At) {
		delete(w.timers, t.Key)
	}
}
