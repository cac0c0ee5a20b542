package audit

import (
	"context"
	"errors"
	"time"

	"parley/domain"
	router "parley/domain/routing"
	"parley/eventstore"
)

// decisions makes every decision of routing again (RTE-7): what the log says up
// to its position, and what it says it read, must come to the same.
func (a *audit) decisions(f domain.Fact, r eventstore.Record) {
	if a.router == nil {
		zone := a.options.Zone
		if zone == nil {
			zone = time.UTC
		}
		a.router = router.NewCheck(zoneOf, zone, func(text string) (uint64, bool) {
			p, err := eventstore.ParsePosition(a.report.Store, text)
			return uint64(p), err == nil
		}, func(conversation string, at uint64, what string) {
			a.findAt(moment{stream: "conversation-" + conversation, position: eventstore.Position(at)}, "decision", "%s", what)
		})
	}
	a.router.Moved = func(text string) bool {
		_, err := eventstore.ParsePosition(a.report.Store, text)
		return errors.Is(err, eventstore.ErrLogMoved)
	}
	a.router.See(f, uint64(r.Position))
}

// lateDecisions reads the log a second time when some were decided upon a picture
// that others had overtaken.
func (a *audit) lateDecisions(ctx context.Context) error {
	a.router.End()
	late := a.router.Late()
	if late == nil {
		return nil
	}
	for r, err := range a.log.Read(ctx, eventstore.Query{Kinds: router.Kinds, Until: a.report.Head, Lend: true}) {
		if err != nil {
			return err
		}
		f, err := a.codec.Fact(r)
		if err != nil {
			continue // it is a finding of the first reading
		}
		late.See(f, uint64(r.Position))
	}
	late.End()
	return nil
}

// zoneOf finds a time zone; one that is not known is UTC, as for the router.
func zoneOf(name string) *time.Location {
	zone, err := time.LoadLocation(name)
	if err != nil {
		return time.UTC
	}
	return zone
}
