// Package eventstore is the log and what runs on it: records and positions,
// the contract of a store, deciding a command, sealing personal text, and
// running the policies that follow. It knows no kind of stream.
package eventstore

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"parley/domain"
)

// Position is a place in the whole log: ordered, not dense, zero before the
// first record. Outside it is written "<store>:<position>", so that a cursor
// of another log is refused.
type Position uint64

// Text writes a position for the outside.
func (p Position) Text(store string) string {
	return store + ":" + strconv.FormatUint(uint64(p), 10)
}

// ParsePosition reads a position of the log named store. A position of another
// log is ErrLogMoved.
func ParsePosition(store, text string) (Position, error) {
	name, number, ok := strings.Cut(text, ":")
	if !ok {
		name, number = store, text
	}
	n, err := strconv.ParseUint(number, 10, 64)
	if err != nil {
		return 0, domain.Invalid("position", fmt.Sprintf("%q is no position: give it as an earlier answer gave it", text))
	}
	if name != store {
		return 0, ErrLogMoved
	}
	return Position(n), nil
}

// Revision is a place in one stream: the first record has revision 0.
type Revision int64

// None is the revision of a stream that holds nothing yet.
const None Revision = -1

// Record is one event as it is stored: the envelope in the open, the data
// encoded and its personal text sealed. Nothing personal is in the envelope.
type Record struct {
	ID       uuid.UUID // uuid5 of command id, stream and index
	Stream   string
	Revision Revision // set by Append
	Position Position // set by Append
	Name     string   // such as "conversation.engaged"

	HappenedAt time.Time
	RecordedAt time.Time // set by Append when zero; kept by copies; never runs backwards

	Actor       domain.Actor
	Command     uuid.UUID // the command that recorded it
	BodyHash    []byte    // HMAC of the request's body; nil without one
	Correlation uuid.UUID // the request or import it belongs to
	Causation   uuid.UUID // the event it follows from; zero for a request
	Subject     string    // whose personal text the data hold; empty without any
	Imported    bool

	Data []byte // JSON; stored bytes are kept exactly

	once *once // the decoded event, for all who follow; nil: everybody decodes for himself
}

// Share lets all copies made of the record from now on be decoded once for all
// of them, or not at all when its event is at hand. A store that hands the same
// record to many followers calls it.
func (r *Record) Share() {
	if r.once == nil {
		r.once = &once{}
	}
}

// Apart is the record as it is without others: what was written, and no more.
func (r Record) Apart() Record {
	r.once = nil
	return r
}

// Kind and ID of the record's stream: "conversation-018f…" is of the kind
// "conversation". The first dash separates.
func (r *Record) Kind() string { k, _, _ := strings.Cut(r.Stream, "-"); return k }
func (r *Record) StreamID() string {
	_, id, _ := strings.Cut(r.Stream, "-")
	return id
}

// Query says which records to read. Without a stream it reads the whole log.
type Query struct {
	// Stream reads one stream, in order of revision.
	Stream string
	// From is the first revision wanted of Stream; backwards the last one,
	// where None (or anything past the end) means from the end.
	From Revision
	// After and Until bound the whole log: records with After < position, and,
	// when Until is not zero, position <= Until.
	After, Until Position
	// Kinds, Names and Command keep only such records; empty keeps all.
	// Streams of one kind, events of one name and the records of one command
	// are found by an index.
	Kinds   []string
	Names   []string
	Command uuid.UUID
	// Backwards reads from the end. Limit stops after so many; 0 reads all.
	Backwards bool
	Limit     int
	// Lend lets the store use the memory of a record's Data and BodyHash again
	// as soon as the next record is asked for: for who reads much and keeps
	// nothing of it.
	Lend bool
}

// Filter says which records a follower wants; empty keeps all. A filter never
// changes while it is followed.
type Filter struct {
	Kinds []string
	Names []string
}

// Mark is a small named value kept beside the log: a reactor's cursor, a
// lease. Revision counts its writes from 1; 0 means never written.
type Mark struct {
	Value    []byte
	Revision uint64
}

// Info tells of a log.
type Info struct {
	Store   string   // names this log among all logs, in positions
	Head    Position // the last acknowledged record's
	Stopped error    // why nothing more is appended: ErrStopped; nil while it is
}

// Log is the whole contract of a store. All of it may be called by many
// goroutines at once.
type Log interface {
	// Append adds records to a stream whose last revision is expected (None:
	// nothing yet), all of them or none, and returns once they are durable,
	// with Revision, Position and RecordedAt set. Another revision is a
	// *ConflictError with the records in the way. It takes at most MaxAppend bytes
	// (ErrTooLarge) and at least one record.
	Append(ctx context.Context, stream string, expected Revision, records ...Record) ([]Record, error)
	// Read yields what the query asks, as far as it was acknowledged when
	// reading began, and ends. A stream that does not exist yields nothing.
	// The yielded record's Data may be reused after the next iteration only
	// if the caller has not kept it: it is the caller's own, unless it is lent.
	Read(ctx context.Context, q Query) iter.Seq2[Record, error]
	// Follow yields acknowledged records after a position, in order, each
	// once, and waits for more without polling until ctx is done, when it
	// ends without an error. An Update without a record says how far the log was
	// passed over while nothing matched: it comes at least whenever the
	// follower has caught up. A record may be shared with other followers: it is
	// not to be changed, nor its Data and BodyHash.
	Follow(ctx context.Context, after Position, f Filter) iter.Seq2[Update, error]
	// Mark reads the named mark, and when move is not nil and answers true
	// writes the value it returns, durably, unless another writer was first,
	// when move is asked again with what that one wrote.
	Mark(ctx context.Context, name string, move func(Mark) ([]byte, bool)) (Mark, error)
	// Info tells the log's name and its head.
	Info(ctx context.Context) (Info, error)
}

// Ordered is one append of several that keep their order.
type Ordered struct {
	Stream   string
	Expected Revision
	Records  []Record
}

// Update is what a follower gets: a record, or only the news that the log has
// been read up to Position.
type Update struct {
	Position Position
	Record   *Record // nil: nothing for this filter up to Position
	CaughtUp bool    // nothing more is acknowledged at this moment
}

// MaxAppend is the most bytes of one append: the data and names of its records.
const MaxAppend = 1 << 20

// Errors of a store. Callers compare with errors.Is.
var (
	// ErrTooLarge refuses an append of more than MaxAppend bytes.
	ErrTooLarge = &domain.Error{Code: "too_large", Message: "one command may record 1 MiB at most: send less at once"}
	// ErrLogMoved refuses a position of another log.
	ErrLogMoved = &domain.Error{Code: "log_moved", Field: "position", Message: "this position belongs to another log: read the views again and go on from the position they show"}
	// ErrAway tells that the store cannot be reached, or does not let us in: it may
	// pass, and nothing is lost.
	ErrAway = errors.New("eventstore: the store is away")
	// ErrClosed is answered by a log that has been closed.
	ErrClosed = errors.New("eventstore: the log is closed")
	// ErrStopped is answered by every append and mark after a write of unknown
	// outcome: the log no longer knows what is on disk. Reading goes on. Opening
	// the folder again shows what was written.
	ErrStopped = errors.New("eventstore: nothing more is recorded after a failed write: look at the disk, then start again")
	// ErrKeysHeld tells that no key is made or destroyed, since whoever is writing
	// keys does not come to an end: it may pass, and nothing is lost.
	ErrKeysHeld = errors.New("eventstore: the keys are held by somebody who has been writing them for seconds: see whether another server of this machine is stopped")
)

// ConflictError tells that another writer was first.
type ConflictError struct {
	Stream           string
	Expected, Actual Revision
	// Records are those in the way, from Expected+1 on; empty when Expected is
	// past the end.
	Records []Record
}

func (e *ConflictError) Error() string {
	return fmt.Sprintf("eventstore: %s is at revision %d, not %d", e.Stream, e.Actual, e.Expected)
}

// DamageError tells that stored data are not what was written.
type DamageError struct {
	Where string // which record, key or file
	What  string // what is wrong with it
}

func (e *DamageError) Error() string {
	return fmt.Sprintf("eventstore: damaged: %s: %s. Nothing was changed: restore the folder from a backup", e.Where, e.What)
}

// Keys keeps the keys that seal personal text, one a subject, apart from the
// log and its backups.
type Keys interface {
	// Key gives the subject's key, 32 bytes; with create a new one is made and
	// durable before it is returned. Without create, or for a subject whose
	// key was destroyed, a missing key is ErrNoKey.
	Key(subject string, create bool) ([]byte, error)
	// Destroy makes the subject's text unreadable for good. Destroying twice,
	// or what never was, is no error: no key will be made for it again.
	Destroy(subject string) error
	// Secret gives the store's own secret of that name, 32 bytes, made at the
	// first use and durable: for HMACs over personal things and for signing.
	Secret(name string) ([]byte, error)
}

// ErrNoKey tells that a subject's text cannot be sealed or read.
var ErrNoKey = errors.New("eventstore: the subject's key is destroyed or was never made")
