package api

import (
	"context"
	"time"

	"parley/domain"
	"parley/domain/profile"
	"parley/domain/queue"
	"parley/domain/visitor"
	"parley/domain/widget"
	"parley/domain/workstream"
	"parley/eventstore"
)

// ErrOutsideHours refuses a live chat outside the operating hours (CON-7).
var ErrOutsideHours = domain.Refuse("outside_hours", "CON-7", "it is outside the operating hours: come back when they begin")

// route chooses the queue of a conversation that is about to begin, by the rules
// of its workstream, and completes its terms: what is decided here is on record
// with the start.
func (s *Server) route(ctx context.Context, ws workstream.Workstream, w widget.Widget, o *domain.Opening) error {
	fallback, err := s.queueFor(ctx, ws.Settings.Queue)
	if err != nil {
		return err
	}
	shop, begins, err := s.openNow(ctx, w.Hours, o.At)
	if err != nil {
		return err
	}
	open, _, err := s.openNow(ctx, fallback.Hours, o.At)
	if err != nil {
		return err
	}
	chosen := fallback
	rule, err := s.conditions.matching(ws.Settings.Rules, factsOf(*o, shop && open, s.opts.Zone), func(r workstream.Rule) (bool, error) {
		q, err := s.queueFor(ctx, r.Queue)
		if err == nil && q.ID != "" && !q.Deleted {
			chosen = q
			return true, nil
		}
		return false, err
	})
	switch {
	case err != nil:
		return err
	case rule != nil:
		o.Rule, o.Skills, o.Priority = rule.Name, rule.Skills, rule.Priority
	case chosen.ID == "" || chosen.Deleted:
		return queue.ErrUnknown.On("widget")
	}
	o.Queue = chosen.ID
	if id := ws.Settings.Profile; id != "" {
		p, _, err := eventstore.Load(ctx, s.engine, &profile.Kind, id)
		if err != nil {
			return err
		}
		if p.ID != "" {
			o.Terms.Profile, o.Terms.Units = p.Terms(), 0
		} else {
			o.Terms.Profile = domain.Profile{}
		}
	}
	return s.hoursOf(ctx, chosen, shop, begins, o)
}

// queueFor gives a queue as it is, but for its members, who may be thousands and
// would be copied.
func (s *Server) queueFor(ctx context.Context, id string) (q queue.Queue, err error) {
	err = eventstore.Look(ctx, s.engine, &queue.Kind, id, func(now queue.Queue, _ eventstore.Revision) {
		q = now
		q.Members = nil
	})
	return q, err
}

// hoursOf looks whether a live chat may begin now. Where the queue flows over
// outside its hours, it begins and flows over (CON-7, RTE-6).
func (s *Server) hoursOf(ctx context.Context, q queue.Queue, shop bool, begins time.Time, o *domain.Opening) error {
	if o.Mode != domain.ModeLive {
		return nil
	}
	open, until, err := s.openNow(ctx, q.Hours, o.At)
	if err != nil || shop && open {
		return err
	}
	if shop && (q.Overflow.OutsideHours.Do == queue.DoQueue || q.Overflow.OutsideHours.Do == queue.DoAnyway) {
		return nil
	}
	if shop || !open && until.After(begins) {
		begins = until
	}
	o.HoursBegin = begins.UTC()
	if begins.IsZero() {
		o.HoursBegin = begins
	}
	if q.Tell {
		o.ToldClosed = true
		return nil
	}
	refusal := ErrOutsideHours
	if !begins.IsZero() {
		refusal = refusal.With("until", begins.UTC().Format(time.RFC3339))
	}
	return refusal
}

// turnedAway records on the visitor that a live chat was refused outside the
// hours: it is a customer lost.
func (s *Server) turnedAway(ctx context.Context, o domain.Opening) error {
	if o.Visitor == "" {
		return nil
	}
	if err := s.provenAgain(ctx, o); err != nil {
		return err
	}
	_, err := eventstore.Act(ctx, s.engine, &visitor.Kind, o.Visitor,
		visitor.RefuseStart{ID: o.Visitor, Widget: o.Widget, Why: ErrOutsideHours.Code}, s.freshMeta(ctx, "refused"))
	return err
}
