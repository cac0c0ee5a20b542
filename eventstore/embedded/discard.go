package embedded

import (
	"errors"
	"fmt"
)

// ErrRecorded tells that a log holds records, and is not discarded.
var ErrRecorded = errors.New("eventstore: the log holds records")

// Discard removes a log in which nothing was ever recorded, such as one that was
// made for an import that failed. Nobody else can open it meanwhile; before it is
// gone, also is called, which removes what belongs to it. ErrLocked tells that
// somebody has it open already.
func Discard(o Options, also func() error) error {
	o.complete()
	l, err := Open(o)
	if err != nil {
		return err
	}
	if head, _ := l.tail.state(); head > 0 {
		return errors.Join(fmt.Errorf("%w: %s stays", ErrRecorded, o.Dir), l.Close())
	}
	close(l.closing)
	err = l.writerEnded()
	l.reading.Lock()
	l.shut = true
	l.reading.Unlock()
	if err = errors.Join(err, l.db.Close()); err == nil {
		err = also()
	}
	if err == nil {
		err = o.FS.RemoveAll(o.Dir)
	}
	return errors.Join(err, l.lock.Close())
}
