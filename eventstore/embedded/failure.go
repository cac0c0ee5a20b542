package embedded

import (
	"errors"
	"fmt"
	"strings"
	"syscall"

	"github.com/cockroachdb/errors/oserror"
	"github.com/cockroachdb/pebble/v2"

	"parley/eventstore"
)

// fatal is what Pebble's fatal errors become: they must not return to Pebble,
// which would go on from a wrong state. The writer recovers it; in one of
// Pebble's own goroutines (a manifest that cannot be written) it ends the
// process, since nothing else keeps files on disk from being deleted wrongly.
type fatal struct{ err error }

func (f fatal) Error() string { return "eventstore: " + f.err.Error() }

// quiet is the logger given to Pebble: what matters comes back as an error.
type quiet struct{ log *Log }

func (quiet) Infof(string, ...any)  {}
func (quiet) Errorf(string, ...any) {}
func (q quiet) Fatalf(format string, args ...any) {
	err := fmt.Errorf(format, args...)
	q.log.stop(err)
	panic(fatal{err})
}

// survive turns Pebble's fatal error into an answer, where nothing else runs yet
// that could go on from a wrong state.
func (l *Log) survive(err *error) {
	switch r := recover().(type) {
	case nil:
	case fatal:
		*err = l.stoppedBy()
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

// stop makes the log refuse every further append; the first reason stands.
func (l *Log) stop(reason error) {
	err := fmt.Errorf("%w: %w", eventstore.ErrStopped, reason)
	if l.stopped.CompareAndSwap(nil, &err) {
		close(l.halt)
	}
}

// stoppedBy gives the reason why the log stopped, nil while it runs.
func (l *Log) stoppedBy() error {
	if err := l.stopped.Load(); err != nil {
		return *err
	}
	return nil
}

// sure takes what Pebble says of something written: its success is none once the
// log has stopped.
func (l *Log) sure(err error) error {
	if err == nil {
		err = l.stoppedBy()
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
