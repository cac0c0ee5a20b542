package embedded

import (
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"

	"github.com/cockroachdb/errors/oserror"
	"github.com/cockroachdb/pebble/v2"

	"parley/eventstore"
)

// fatal is what Pebble's fatal errors become: they must not return to Pebble,
// which would go on from a wrong state. Where this package called Pebble it is
// recovered. One of Pebble's own goroutines (a manifest that cannot be written)
// never goes on: it keeps what Pebble holds, so that nothing deletes files on disk
// wrongly. Open and Close wait for Pebble no longer then; in between the process
// ends.
type fatal struct{ err error }

func (f fatal) Error() string { return "eventstore: " + f.err.Error() }

// health is how it stands with a Pebble, and with what is kept in it.
type health struct {
	name    string                // of what is kept
	refusal error                 // of whatever is written once it stopped
	stopped atomic.Pointer[error] // why no more is written
	halt    chan struct{}         // closed when stopped
	running atomic.Bool           // it is open, and not being closed
	fatal   func(error)
}

func newHealth(name string, refusal error, fatal func(error)) *health {
	return &health{name: name, refusal: refusal, fatal: fatal, halt: make(chan struct{})}
}

// quiet is the logger given to Pebble: what matters comes back as an error.
type quiet struct{ *health }

func (quiet) Infof(string, ...any)  {}
func (quiet) Errorf(string, ...any) {}
func (q quiet) Fatalf(format string, args ...any) {
	err := said(format, args)
	q.stop(err)
	if !ours() {
		if q.running.Load() {
			q.fatal(fmt.Errorf("eventstore: %s cannot go on: %w", q.name, err))
		}
		select {}
	}
	panic(fatal{err})
}

// said is what Pebble says, which is still the error that it says it of.
func said(format string, args []any) error {
	err := fmt.Errorf(format, args...)
	for _, arg := range args {
		if cause, ok := arg.(error); ok {
			return because{err, cause}
		}
	}
	return err
}

type because struct {
	error
	cause error
}

func (b because) Unwrap() error { return b.cause }

// ours tells whether Pebble, which has just failed, was called by this package, where
// that is recovered, and not in a goroutine of its own.
func ours() bool {
	var callers [256]uintptr
	frames := runtime.CallersFrames(callers[:runtime.Callers(3, callers[:])])
	for more := true; more; {
		var f runtime.Frame
		if f, more = frames.Next(); strings.HasPrefix(f.Function, ownName) {
			return true
		}
	}
	return false
}

// ownName is how the names of this package's functions begin.
var ownName = reflect.TypeFor[Log]().PkgPath() + "."

// survive turns Pebble's fatal error into an answer, where nothing else runs yet
// that could go on from a wrong state.
func (h *health) survive(err *error) {
	switch r := recover().(type) {
	case nil:
	case fatal:
		*err = h.stoppedBy()
	default:
		panic(r)
	}
}

// listener hears of what goes wrong in the background, where no caller would:
// the log stops taking appends instead of going on beside damage, or standing
// still before a full disk.
func (l *Log) listener() *pebble.EventListener {
	return &pebble.EventListener{
		BackgroundError: func(err error) {
			l.stop(fmt.Errorf("writing in the background failed: %w", l.damage(err)))
		},
		DataCorruption: func(i pebble.DataCorruptionInfo) {
			l.stop(&eventstore.DamageError{Where: "the file " + i.Path, What: fmt.Sprint(i.Details)})
		},
	}
}

// stop makes it refuse every further write; the first reason stands.
func (h *health) stop(reason error) {
	err := fmt.Errorf("%w: %w", h.refusal, reason)
	if h.stopped.CompareAndSwap(nil, &err) {
		close(h.halt)
	}
}

// stoppedBy gives the reason why it stopped, nil while it runs.
func (h *health) stoppedBy() error {
	if err := h.stopped.Load(); err != nil {
		return *err
	}
	return nil
}

// sure takes what Pebble says of something written: its success is none once it
// has stopped.
func (h *health) sure(err error) error {
	if err == nil {
		err = h.stoppedBy()
	}
	return err
}

// damage turns Pebble's corruption errors into the contract's, which says what
// is damaged and what to do. Other errors stay what they are.
func (l *Log) damage(err error) error {
	if err == nil || !pebble.IsCorruptionError(err) {
		return err
	}
	where := "the folder " + l.dir
	if info := pebble.ExtractDataCorruptionInfo(err); info != nil {
		where = "the file " + info.Path
	}
	return &eventstore.DamageError{Where: where, What: err.Error()}
}

// unopened is damage when Pebble says of its files that they do not fit together,
// and not that the disk keeps it from reading them.
func (l *Log) unopened(err error, inner string) error {
	var failed syscall.Errno
	var elsewhere pebble.ErrMissingWALRecoveryDir
	switch {
	case pebble.IsCorruptionError(err):
		return l.damage(err)
	case errors.As(err, &elsewhere): // this program has no write-ahead log elsewhere
		return damaged(fmt.Sprintf("it says that the write-ahead log is in %q", elsewhere.Dir), "the options in %s", inner)
	case errors.As(err, &failed) && failed != syscall.ENOENT, l.stoppedBy() != nil:
		return err
	case oserror.IsNotExist(err), errors.As(err, &failed),
		strings.Contains(err.Error(), "size mismatch"), strings.Contains(err.Error(), "not pristine"), strings.Contains(err.Error(), " from file "):
		return damaged(strings.ReplaceAll(err.Error(), "\n", "; "), "the folder %s", inner)
	}
	return err
}

// damaged names one record's damage.
func damaged(what string, where string, args ...any) error {
	return &eventstore.DamageError{Where: fmt.Sprintf(where, args...), What: what}
}
