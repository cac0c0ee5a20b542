package embedded

import (
	"context"
	"iter"

	"parley/eventstore"
)

// Follow yields what is after a position and then what comes. A position
// beyond the head was another log's, or this one's before it was restored from
// a backup: it is ErrLogMoved.
func (l *Log) Follow(ctx context.Context, after eventstore.Position, f eventstore.Filter) iter.Seq2[eventstore.Update, error] {
	return func(yield func(eventstore.Update, error) bool) {
		at, told := after, false
		keep := newFilter(eventstore.Query{Kinds: f.Kinds, Names: f.Names})
		for ctx.Err() == nil {
			head, wake := l.tail.state()
			switch {
			case at > head:
				yield(eventstore.Update{}, eventstore.ErrLogMoved)
				return
			case at < head:
				told = false
				records, to, err := l.next(at, head, f, &keep)
				at = to
				if !yieldAll(ctx, yield, records, at) {
					return
				}
				if err != nil {
					yield(eventstore.Update{}, err)
					return
				}
			case !told:
				told = true
				if !yield(eventstore.Update{Position: at, CaughtUp: true}, nil) {
					return
				}
			default:
				select {
				case <-ctx.Done():
				case <-wake:
				case <-l.closing:
					yield(eventstore.Update{}, eventstore.ErrClosed)
					return
				}
			}
		}
	}
}

// yieldAll yields one chunk, and how far the log was passed over behind it.
func yieldAll(ctx context.Context, yield func(eventstore.Update, error) bool, records []*eventstore.Record, to eventstore.Position) bool {
	for _, r := range records {
		if ctx.Err() != nil {
			return false
		}
		if !yield(eventstore.Update{Position: r.Position, Record: r}, nil) {
			return false
		}
	}
	if n := len(records); n > 0 && records[n-1].Position == to {
		return true
	}
	return yield(eventstore.Update{Position: to}, nil)
}

// next gives the records a follower wants of the next stretch of the log, and
// how far that stretch goes: from memory when it is recent, else from disk.
func (l *Log) next(at, head eventstore.Position, f eventstore.Filter, keep *filter) ([]*eventstore.Record, eventstore.Position, error) {
	select {
	case <-l.closing:
		return nil, at, eventstore.ErrClosed
	default:
	}
	if recent, ok := l.tail.after(at, chunkRecords); ok {
		to := recent[len(recent)-1].Position
		kept := recent[:0]
		for _, r := range recent {
			if keep.wants([]byte(r.Stream), []byte(r.Name), r.Revision, r.Position) {
				kept = append(kept, r)
			}
		}
		return kept, to, nil
	}
	s, err := l.scan(eventstore.Query{After: at, Kinds: f.Kinds, Names: f.Names}, head)
	if err != nil {
		return nil, at, err
	}
	read, err := s.chunk(chunkRecords)
	records := make([]*eventstore.Record, len(read))
	for i := range read {
		records[i] = &read[i]
	}
	if err != nil {
		if n := len(records); n > 0 {
			at = records[n-1].Position
		}
		return records, at, err
	}
	if s.done {
		return records, head, nil
	}
	return records, eventstore.Position(s.lo - 1), nil
}
