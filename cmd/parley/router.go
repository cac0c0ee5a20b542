package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"parley/domain"
	"parley/domain/agent"
	"parley/domain/conversation"
	"parley/domain/notification"
	"parley/domain/routing"
	"parley/eventstore"
	"parley/projections"
)

// router offers waiting conversations to agents, round by round: it keeps a
// board of the log, lets it decide, and reserves room with each agent chosen.
// What is asked of the conversation then, follows by policy. All that a round
// wrote is on the board before the next one.
type router struct {
	engine *eventstore.Engine
	views  *projections.Views
	zone   *time.Location // the organisation's
	logger *slog.Logger
	rests  func() bool // no rounds are held: nil is never
	rested bool        // the last time it was asked

	store string
	board *routing.Board
	at    eventstore.Position // how far the board has followed
	seen  eventstore.Position // how far this router has written: no round looks at less

	mu      sync.Mutex // guards what decisions leave behind that are carried out side by side
	refused []refused
	failed  []string // conversations whose decision could not be carried out
}

// refused is a decision that the agent's own stream did not bear out.
type refused struct {
	conversation string
	turn         int
	agent, code  string
}

// routerActor is who offers.
var routerActor = domain.Actor{ID: "router", Role: domain.RoleSystem}

const (
	// routerRest is how long at least passes between two rounds, so that what
	// comes together is decided together.
	routerRest = 2 * time.Millisecond
	// routerRetry is when what failed is tried again.
	routerRetry = time.Second
	// routerNap bounds each sleep, so that a clock that was set is noticed.
	routerNap = time.Second
)

// run holds rounds until ctx is done: whenever something happened that routing
// is about, and when the time of something has come.
func (r *router) run(ctx context.Context) error {
	info, err := r.engine.Log.Info(ctx)
	if err != nil {
		return err
	}
	r.store = info.Store
	for {
		err := r.follow(ctx)
		if ctx.Err() != nil {
			return nil
		}
		r.logger.ErrorContext(ctx, "routing stopped and begins again", "error", err)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(routerRetry):
		}
	}
}

// follow seeds the board, keeps it at the end of the log and holds rounds.
func (r *router) follow(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s, err := r.seed(ctx)
	if err != nil {
		return err
	}
	news := make(chan step, 1024)
	ended := make(chan error, 1)
	go func() { ended <- r.listen(ctx, s, news) }()
	wake := time.NewTimer(0)
	defer wake.Stop()
	var at, until time.Time // of the next round though nothing happens: by the clock, and by how long that is
	for {
		select {
		case err := <-ended:
			return err
		case u := <-news:
			r.take(u)
		case <-wake.C:
			if left := min(at.Sub(r.engine.Now()), time.Until(until)); left > 0 {
				wake.Reset(min(left, routerNap))
				continue
			}
		}
		if err := r.catchUp(ctx, max(r.seen, s.head), news, ended); err != nil {
			return err
		}
		next, err := r.round(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			r.logger.ErrorContext(ctx, "a decision of routing could not be carried out, and is made again", "error", err)
			next = r.engine.Now().Add(routerRetry)
		}
		rest := time.NewTimer(routerRest)
		select {
		case err := <-ended:
			rest.Stop()
			return err
		case <-rest.C:
		}
		now := r.engine.Now()
		if next.IsZero() {
			next = now.Add(time.Hour)
		}
		wait := max(0, next.Sub(now))
		at, until = next.Round(0), time.Now().Add(wait)
		wake.Reset(min(wait, routerNap))
	}
}

// catchUp takes all that is there, and waits for what this router wrote itself.
func (r *router) catchUp(ctx context.Context, until eventstore.Position, news <-chan step, ended <-chan error) error {
	for {
		if r.at >= until {
			select {
			case u := <-news:
				r.take(u)
				continue
			default:
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case err := <-ended:
			return err
		case u := <-news:
			r.take(u)
		}
	}
}

// take puts one step of the log on the board.
func (r *router) take(u step) {
	if u.known {
		r.board.Fold(u.fact)
	}
	r.at = max(r.at, u.position)
}

// round decides once for all that something touched, and tells when to look
// again though nothing happens.
func (r *router) round(ctx context.Context) (again time.Time, err error) {
	for _, f := range r.refused {
		r.board.Refused(f.conversation, f.turn, f.agent, f.code)
	}
	for _, id := range r.failed {
		r.board.Look(id)
	}
	r.refused, r.failed = nil, nil
	now := r.engine.Now().Round(0).UTC().Truncate(time.Microsecond)
	if r.rests != nil && r.rests() {
		r.rested = true
		return now.Add(routerRetry), nil
	}
	if r.rested { // first all of it is put on the board
		r.rested = false
		info, err := r.engine.Log.Info(ctx)
		if err != nil {
			return time.Time{}, err
		}
		r.sees(info.Head)
		return now, nil
	}
	result := r.board.Round(now, r.at.Text(r.store))
	if err := r.carryOutAll(ctx, result.Choices); err != nil {
		return time.Time{}, err
	}
	if len(r.refused) > 0 || len(r.failed) > 0 {
		return now, nil
	}
	return result.Again, nil
}

// carryOutAll carries decisions out in their order, so many at a time that each
// waits for the disk with others: those about one agent one after the other.
// After one that could not be carried out no more are begun. So what a crash or a
// failure keeps off the record are some of the last, which those after them name.
// One that gave nothing away counts in no other: that its conversation is damaged
// is nobody else's matter.
func (r *router) carryOutAll(ctx context.Context, choices []routing.Choice) error {
	errs, done := make([]error, len(choices)), make([]chan struct{}, len(choices))
	before := map[string]chan struct{}{} // the last about each agent
	var failed atomic.Bool
	for i, c := range choices {
		if i >= routing.AtATime {
			<-done[i-routing.AtATime]
		}
		own := before[c.Agent]
		done[i] = make(chan struct{})
		if c.Agent != "" {
			before[c.Agent] = done[i]
		}
		go func() {
			defer close(done[i])
			if own != nil {
				<-own
			}
			if !failed.Load() {
				err := r.carryOut(ctx, c)
				if err == nil {
					return
				}
				if _, damaged := errors.AsType[*eventstore.DamageError](err); !damaged || c.Action == domain.ActionOffer {
					failed.Store(true)
				}
				if errors.Is(err, errOvertaken) {
					return // it is looked at again when something comes of what is on record
				}
				errs[i] = fmt.Errorf("conversation %s: %w", c.Of.ID, err)
			}
			r.mu.Lock()
			defer r.mu.Unlock()
			r.failed = append(r.failed, c.Of.ID)
		}()
	}
	for _, d := range done {
		<-d
	}
	return errors.Join(errs...)
}

// carryOut reserves room with the agent chosen, or records what was decided
// otherwise.
func (r *router) carryOut(ctx context.Context, c routing.Choice) error {
	d := c.Decision
	switch d.Action {
	case domain.ActionOffer:
		return r.offer(ctx, c)
	case domain.ActionNone:
		cmd := conversation.PassOver{Turn: c.Of.Turn, Digest: d.Digest(), At: d.At, Decision: &d}
		for _, t := range d.Tallies() {
			cmd.Reasons = append(cmd.Reasons, conversation.Reason{Code: t.Code, Count: t.Count})
		}
		return r.record(ctx, c, cmd)
	case domain.ActionEnd:
		if d.Why == routing.Closed {
			return r.record(ctx, c, conversation.EndOutsideHours{Turn: c.Of.Turn, Until: d.HoursUntil, At: d.At, Decision: &d})
		}
		return r.record(ctx, c, conversation.Overflow{Turn: c.Of.Turn, Why: d.Why, Action: conversation.OverflowEnd, At: d.At, Decision: &d})
	case domain.ActionMove:
		return r.record(ctx, c, conversation.Overflow{Turn: c.Of.Turn, Why: d.Why, Action: conversation.OverflowQueue, Queue: d.Target, At: d.At, Decision: &d})
	}
	return r.record(ctx, c, conversation.Overflow{Turn: c.Of.Turn, Why: d.Why, Action: conversation.OverflowKeep, At: d.At, Decision: &d})
}

// record has the conversation say what was decided.
func (r *router) record(ctx context.Context, c routing.Choice, cmd domain.Command[conversation.Conversation, conversation.Event]) error {
	out, err := eventstore.Act(ctx, r.engine, &conversation.Kind, c.Of.ID, cmd, eventstore.Meta{Actor: routerActor, At: c.At})
	r.sees(out.Position)
	if _, refusal := errors.AsType[*domain.Error](err); refusal {
		return nil // it has moved on
	}
	return err
}

// errOvertaken tells that an offer is on record by another decision than this: of
// another router, or of a round of this one of which it never heard.
var errOvertaken = errors.New("the offer is on record already")

// offer asks the agent chosen for room. That his own stream refuses is on record
// as well: the decision was made, and did not hold. So it is when his stream is
// damaged, for else all who are to be offered to him would wait for him.
func (r *router) offer(ctx context.Context, c routing.Choice) error {
	d := c.Decision
	hold := domain.Hold(c.Of.ID, c.Of.Turn, d.Agent)
	units, profile := routing.Reserving(c.Of)
	out, err := eventstore.Act(ctx, r.engine, &agent.Kind, d.Agent, agent.Reserve{
		Hold: hold, Conversation: c.Of.ID, Subject: c.Of.Subject, Turn: c.Of.Turn, Segment: c.Of.Segment, Units: units, Profile: profile,
		Purpose: agent.PurposeOffer, Forced: d.Forced, Affinity: d.Forced, Presences: r.board.Presences(c.Of.ID), Scenario: scenario(c.Of),
		Countdown: c.Of.Terms.Countdown, Day: d.At.In(r.zone).Format(time.DateOnly), At: d.At, Position: d.Position, Decision: &d,
	}, eventstore.Meta{Actor: routerActor, At: d.At, Command: uuid.MustParse(domain.Derive("route", hold, d.Position))})
	r.sees(out.Position)
	code := ""
	refusal, refuses := errors.AsType[*domain.Error](err)
	damage, damaged := errors.AsType[*eventstore.DamageError](err)
	switch {
	case refuses:
		code = refusal.Code
	case damaged:
		r.logger.ErrorContext(ctx, "routing passes over an agent whose stream is damaged", "agent", d.Agent, "error", damage)
		code = routing.Damaged
	case err == nil && (out.Repeated || len(out.Records) == 0):
		return errOvertaken
	default:
		return err
	}
	r.mu.Lock()
	r.refused = append(r.refused, refused{c.Of.ID, c.Of.Turn, d.Agent, code})
	r.mu.Unlock()
	return r.record(ctx, c, conversation.TurnDown{Agent: d.Agent, Code: code, Decision: &d})
}

// sees notes how far this router has written.
func (r *router) sees(at eventstore.Position) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen = max(r.seen, at)
}

// scenario says what the agent is told it is (NOT-2).
func scenario(c conversation.Conversation) string {
	switch {
	case c.Returned:
		return notification.ScenarioReturned
	case c.Invitation != "":
		return notification.ScenarioProactive
	case c.Channel == domain.ChannelSMS:
		return notification.ScenarioSMS
	case c.Channel != domain.ChannelChat:
		return notification.ScenarioSocial
	case c.Authenticated:
		return notification.ScenarioAuthenticated
	}
	return notification.ScenarioChat
}
