// Package audit reads the log from its beginning, and nothing but the log and
// the marks beside it, and tells where it contradicts itself: a hold that was
// never released or released twice, two agents with one conversation, a turn
// that is missing. It knows the rules by itself and asks no view, so that what
// the engine, the policies and the views believe can be held against it. It
// keeps in memory what is still open, and forgets what is over.
package audit

import (
	"context"
	"fmt"
	"time"

	router "parley/domain/routing"
	"parley/eventstore"
)

// Options say how to look.
type Options struct {
	// Grace is how long before the last record something may have begun to be
	// still on its way: what follows from an event takes a moment, and longer
	// after a crash.
	Grace time.Duration
	// Marks are the marks that hold positions of this log.
	Marks []string
	// Most bounds the findings that are kept; all are counted. 0 keeps 100.
	Most int
	// Zone is the organisation's, by which routing tells days apart; UTC when nil.
	Zone *time.Location
	// Progress is told how many records were read, if it is not nil.
	Progress func(done, total uint64)
}

// Finding is one contradiction.
type Finding struct {
	Rule     string // which rule is broken; never renamed
	Stream   string
	Position eventstore.Position
	Revision eventstore.Revision
	What     string
}

func (f Finding) String() string {
	return fmt.Sprintf("%s at position %d (revision %d): %s [%s]", f.Stream, f.Position, f.Revision, f.What, f.Rule)
}

// Report is what was found.
type Report struct {
	Store   string
	Head    eventstore.Position
	Records uint64
	// Decisions counts those of routing that were made again, and Unmade those that
	// could not be: this log does not hold all that they looked at.
	Decisions int
	Unmade    int
	Findings  []Finding // the first of them
	Total     int
}

// Run looks at the whole log, as far as it goes now. An error tells that it
// could not be read; contradictions are findings.
func Run(ctx context.Context, log eventstore.Log, codec *eventstore.Codec, o Options) (Report, error) {
	if o.Most == 0 {
		o.Most = 100
	}
	info, err := log.Info(ctx)
	if err != nil {
		return Report{}, err
	}
	a := &audit{
		log: log, codec: codec, options: o, report: Report{Store: info.Store, Head: info.Head},
		agents: map[string]*desk{}, conversations: map[string]*talk{}, holds: map[string]*hold{}, awaited: map[string]awaited{},
		invites:  map[string]*invite{},
		carriers: carriers(),
	}
	a.causes.begin()
	for r, err := range log.Read(ctx, eventstore.Query{Until: info.Head, Lend: true}) {
		if err != nil {
			return a.report, err
		}
		if err := a.record(ctx, r); err != nil {
			return a.report, err
		}
		if a.report.Records++; o.Progress != nil && a.report.Records%1024 == 0 {
			o.Progress(a.report.Records, uint64(info.Head))
		}
	}
	a.end()
	if a.router != nil {
		if err := a.lateDecisions(ctx); err != nil {
			return a.report, err
		}
		a.report.Decisions, a.report.Unmade = a.router.Checked, a.router.Skipped
	}
	if err := a.resolve(ctx, info.Head); err != nil {
		return a.report, err
	}
	return a.report, a.marks(ctx)
}

// audit is one reading of the log.
type audit struct {
	log     eventstore.Log
	codec   *eventstore.Codec
	options Options
	report  Report

	now       moment // the record at hand
	revisions map[string]eventstore.Revision
	causes    causes
	carriers  map[string]carrier

	agents        map[string]*desk
	conversations map[string]*talk // those that go on, or whose holds do
	closed        closed
	holds         map[string]*hold // those of which something is still to come
	awaited       map[string]awaited
	router        *router.Check
	invites       map[string]*invite // those of which something is still to come
}

// moment is where and when a record lies.
type moment struct {
	stream   string
	position eventstore.Position
	revision eventstore.Revision
	when     time.Time
}

func at(r eventstore.Record) moment { return moment{r.Stream, r.Position, r.Revision, r.RecordedAt} }

// is tells that there is a moment.
func (m moment) is() bool { return m.position > 0 }

// find notes a contradiction at the record at hand.
func (a *audit) find(rule, format string, args ...any) { a.findAt(a.now, rule, format, args...) }

func (a *audit) findAt(m moment, rule, format string, args ...any) {
	if a.report.Total++; len(a.report.Findings) < a.options.Most {
		a.report.Findings = append(a.report.Findings, Finding{
			Rule: rule, Stream: m.stream, Position: m.position, Revision: m.revision, What: fmt.Sprintf(format, args...),
		})
	}
}

// old tells that what began at a moment should have come to its end by now.
func (a *audit) old(m moment) bool { return a.now.when.Sub(m.when) >= a.options.Grace }

// record looks at one record.
func (a *audit) record(ctx context.Context, r eventstore.Record) error {
	former := a.now
	a.now = at(r)
	switch {
	case r.Position <= former.position:
		a.find("position", "it comes after position %d", former.position)
	case r.RecordedAt.Before(former.when):
		a.find("clock", "it was recorded at %s, before the one in front of it", r.RecordedAt.Format(time.RFC3339Nano))
	}
	if err := a.envelope(ctx, r); err != nil {
		return err
	}
	if !a.codec.Kinds.Has(r.Kind()) {
		return nil // what other programs keep beside Parley has rules of their own
	}
	f, err := a.codec.Fact(r)
	if err != nil {
		a.find("decode", "%v", err)
		return nil
	}
	if carry, ok := a.carriers[r.Name]; ok {
		what, err := carry(ctx, a.log, a.codec, r, f.Event)
		if err != nil {
			return err
		}
		if what != "" {
			a.find("carried_forward", "%s", what)
		}
	}
	switch f.Kind {
	case "agent", "conversation", "queue", "workstream", "hours":
		a.decisions(f, r)
	}
	switch f.Kind {
	case "agent":
		a.agent(f)
	case "conversation":
		return a.conversation(ctx, r, f)
	case "line":
		return a.line(ctx, r, f)
	case "session", "notification":
		a.follower(r, f)
	}
	return nil
}

// marks compares cursors with the head.
func (a *audit) marks(ctx context.Context) error {
	for _, name := range a.options.Marks {
		m, err := a.log.Mark(ctx, name, nil)
		if err != nil {
			return err
		}
		if m.Revision == 0 {
			continue
		}
		p, err := eventstore.ParsePosition(a.report.Store, string(m.Value))
		switch {
		case err != nil:
			a.findAt(moment{stream: "mark " + name}, "mark", "%q is no position of this log", m.Value)
		case p > a.report.Head:
			// The log may have grown since it was looked at.
			info, err := a.log.Info(ctx)
			if err != nil {
				return err
			}
			if p > info.Head {
				a.findAt(moment{stream: "mark " + name, position: p}, "mark", "it is beyond the end of the log at %d", info.Head)
			}
		}
	}
	return nil
}
