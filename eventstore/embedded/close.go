package embedded

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Close ends the log: appends on their way are finished, followers end, and
// the folder is free.
func (l *Log) Close() (err error) {
	l.closed.Do(func() {
		l.running.Store(false)
		close(l.closing)
		if err = l.writerEnded(); err != nil {
			return
		}
		l.reading.Lock()
		l.shut = true
		l.reading.Unlock()
		err = l.closeFiles()
	})
	return err
}

// writerEnded waits for the writer, for good while the log is well. On a disk
// that failed the writer may stand still inside Pebble for ever.
func (l *Log) writerEnded() error {
	select {
	case <-l.writer.done:
		return nil
	case <-l.halt:
	}
	select {
	case <-l.writer.done:
		return nil
	case <-time.After(patience):
		return l.staysLocked()
	}
}

// patience is how long Close waits for a Pebble that failed.
const patience = 5 * time.Second

func (l *Log) staysLocked() error {
	return fmt.Errorf("eventstore: %s stays locked until this process ends: %w", l.dir, l.stoppedBy())
}

// abandon gives up a log that could not be opened.
func (l *Log) abandon() error {
	switch {
	case l.lock == nil: // whoever still opens it has it
		return nil
	case l.db == nil:
		return l.lock.Close()
	}
	return l.closeFiles()
}

// closeFiles gives the folder free only once Pebble has let go of it. After a
// failed write Pebble may be unable to: then the folder stays locked until the
// process ends, so that nobody opens it beside what still runs.
func (l *Log) closeFiles() error {
	if l.still || l.writer == nil && l.stoppedBy() == nil {
		return errors.Join(l.db.Close(), l.lock.Close())
	}
	if l.flushed() {
		err := l.sure(l.db.Close())
		if err == nil {
			err = writeSeal(context.Background(), l.fs, l.dir, l.store, false)
		}
		return errors.Join(err, l.lock.Close())
	}
	done := make(chan struct{})
	go func() {
		defer func() {
			if recover() == nil {
				close(done)
			}
		}()
		_ = l.db.Close() // the failure was told when it happened
	}()
	select {
	case <-done:
		return l.lock.Close()
	case <-time.After(patience):
		return l.staysLocked()
	}
}

// flushed moves what was written from the write-ahead log to tables, so that all
// of what lies still is under checksums. It tells whether the log is well.
func (l *Log) flushed() bool {
	if l.stoppedBy() != nil {
		return false
	}
	if !l.writer.wrote {
		return true
	}
	done, err := l.db.AsyncFlush()
	if err != nil {
		l.stop(fmt.Errorf("flushing before closing: %w", err))
		return false
	}
	select {
	case <-done:
		return l.stoppedBy() == nil
	case <-l.halt:
		return false
	}
}
