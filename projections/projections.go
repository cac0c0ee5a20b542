// Package projections keeps the read models: what everybody looks at. A read
// model is a pure fold from events to rows; the runner reads the log once for
// all of them, folds in memory and writes the changed rows together with the
// checkpoint, so that each event counts exactly once. Nothing here is the
// truth: every file can be deleted and comes back from the log.
package projections

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"parley/domain"
	"parley/eventstore"
)

// Projection is one read model: the streams it folds, the tables it keeps and
// the fold itself.
type Projection struct {
	// Name is what a user would call it; it names the database file.
	Name string
	// Version is raised with every change of the fold or of a table: the runner
	// then builds the new one beside the old.
	Version int
	// Kinds are the kinds of stream it folds; all others are passed over
	// without being decoded.
	Kinds []string
	// Lazy: nobody looks at it while it follows, so that it is written seldom.
	// Who asks for a position gets it at once all the same.
	Lazy bool
	// Tables are all tables that the fold writes.
	Tables []AnyTable
	// Fold applies one event. It is pure: it sees the event and the rows keyed
	// by ids in the event, and nothing else. Personal text comes sealed and is
	// put into rows as it is. The fact's EventID is left empty: At tells which
	// event it is. The event is shared with other projections: clone a
	// slice or map of it before changing one. An error parks the event's stream.
	Fold func(r *Rows, f domain.Fact, at At) error
}

// At is where an event lies and when it happened, to the microsecond, so that
// a row reads the same from memory and from the database.
type At struct {
	Position   eventstore.Position
	Stream     string
	Revision   eventstore.Revision
	HappenedAt time.Time
	RecordedAt time.Time
	Subject    string
}

// Decoder makes events of records; *eventstore.Codec is one.
type Decoder interface {
	Decode(eventstore.Record) (any, error)
}

// names allowed for projections, tables and columns: they become file names and SQL.
var namePattern = regexp.MustCompile(`^[a-z][a-z0-9_]{0,62}$`)

// check tells what is wrong with a declaration before anything runs.
func (p *Projection) check() error {
	if !namePattern.MatchString(p.Name) {
		return fmt.Errorf("projections: %q is no name for a projection: use lower-case letters, digits and _", p.Name)
	}
	if p.Fold == nil || len(p.Tables) == 0 || len(p.Kinds) == 0 || p.Version < 1 {
		return fmt.Errorf("projections: %s needs a version from 1 on, kinds, tables and a fold", p.Name)
	}
	seen := map[string]bool{}
	for _, t := range p.Tables {
		s := t.shape()
		if s.err != nil {
			return fmt.Errorf("projections: %s: %w", p.Name, s.err)
		}
		if seen[s.name] {
			return fmt.Errorf("projections: %s has the table %s twice", p.Name, s.name)
		}
		seen[s.name] = true
	}
	return nil
}

// schema is the text of all statements that make the tables; a database made
// by another text cannot be read with these rows.
func (p *Projection) schema() string {
	var b strings.Builder
	for _, t := range p.Tables {
		b.WriteString(strings.Join(t.shape().create(), ";\n"))
		b.WriteString(";\n")
	}
	return b.String()
}

// file names the database file of one generation.
func (p *Projection) file(generation int) string {
	return p.Name + ".v" + strconv.Itoa(p.Version) + "." + strconv.Itoa(generation) + ".db"
}

// item is one record on its way to the folds: decoded once for all of them.
type item struct {
	at   At
	kind string
	fact domain.Fact
	err  error // why it cannot be decoded
}

// prepare decodes a record for the folds. A record that cannot be decoded goes
// on as an item with its error: each projection that wants it parks it.
func prepare(d Decoder, rec *eventstore.Record) (it item) {
	it.fill(d, rec)
	return it
}

// fill is prepare into an empty item.
func (it *item) fill(d Decoder, rec *eventstore.Record) {
	var id string
	it.kind, id, _ = strings.Cut(rec.Stream, "-")
	it.at = At{
		Position: rec.Position, Stream: rec.Stream, Revision: rec.Revision,
		HappenedAt: moment(rec.HappenedAt), RecordedAt: moment(rec.RecordedAt), Subject: rec.Subject,
	}
	it.fact = domain.Fact{Kind: it.kind, ID: id, At: it.at.HappenedAt, Actor: rec.Actor, Imported: rec.Imported}
	it.fact.Event, it.err = decode(d, rec)
}

// decode keeps a fault of a lifter from ending the runner.
func decode(d Decoder, rec *eventstore.Record) (event any, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("decoding %s: %v", rec.Name, p)
		}
	}()
	return d.Decode(*rec)
}

// errUndeclared is the fault of a fold that writes a table its projection does not declare.
var errUndeclared = errors.New("the fold uses a table that its projection does not declare")
