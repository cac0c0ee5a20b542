package eventstore

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"time"

	"github.com/google/uuid"
)

// savingTime is how long the cursor may take to be saved in the end.
const savingTime = 30 * time.Second

// window is what a reactor has read of the log and not yet looked at: the
// causes wait in it until their effects would have shown.
type window struct {
	records []waiting
	seen    map[uuid.UUID]int // commands of the records, how many of each
	last    time.Time         // recorded-at of the last record read
	caught  bool              // nothing more is in the log
}

type waiting struct {
	record *Record
	due    time.Time
}

// add takes in a record. A record from a clock that runs ahead waits no longer
// than one heard now.
func (w *window) add(r *Record, delay time.Duration) {
	due := time.Now()
	if r.RecordedAt.Before(due) {
		due = r.RecordedAt
	}
	w.records = append(w.records, waiting{r, due.Add(delay)})
	w.seen[r.Command]++
	w.last = r.RecordedAt
}

// ready tells that the first record is old enough, and that the log was read
// as far as its effects could be.
func (w *window) ready(now time.Time, delay time.Duration, full bool) bool {
	if len(w.records) == 0 || w.records[0].due.After(now) {
		return false
	}
	return w.caught || full || w.last.Sub(w.records[0].record.RecordedAt) >= delay
}

// drop removes the first record; what lies before it can be no effect of those
// that follow.
func (w *window) drop() {
	command := w.records[0].record.Command
	if w.seen[command]--; w.seen[command] == 0 {
		delete(w.seen, command)
	}
	w.records[0] = waiting{}
	w.records = w.records[1:]
}

// Run follows the log until ctx is done. It ends with an error when it cannot
// begin, or when the log is closed; failures of the store are waited out.
func (r *Reactor) Run(ctx context.Context) (err error) {
	position, store, err := r.begin(ctx)
	if err != nil {
		return err
	}
	r.progress.restart(position)
	r.mu.Lock()
	r.status = ReactorStatus{Position: position, Read: position, Advanced: time.Now()}
	r.mu.Unlock()

	lanes := newLanes(r.options.Lanes)
	router, err := r.router(lanes)
	if err != nil {
		return err
	}
	running, cancel := context.WithCancel(ctx)
	var parts sync.WaitGroup
	news, failure := make(chan Update, 256), make(chan error, 2)
	parts.Go(func() { failure <- router.Run(running) })
	parts.Go(func() {
		failure <- listen(running, r.engine.Log, position, Filter{Names: r.options.Names}, r.options.Delay/10, news, r.note)
	})
	defer func() {
		cancel()
		parts.Wait()
		closing, done := context.WithTimeout(context.WithoutCancel(ctx), savingTime)
		defer done()
		err = errors.Join(err, r.save(closing, store))
	}()
	return r.turn(ctx, lanes, news, failure, store)
}

// turn is the reactor's loop: read ahead, look at what is old enough, hand over
// what is left to do, save the cursor each second.
func (r *Reactor) turn(ctx context.Context, lanes []*lane, news <-chan Update, failure <-chan error, store string) error {
	w := &window{seen: map[uuid.UUID]int{}}
	second := time.NewTicker(time.Second)
	defer second.Stop()
	alarm := time.NewTimer(time.Hour)
	defer alarm.Stop()
	for {
		r.look(w, lanes, time.Now())
		if len(w.records) > 0 {
			alarm.Reset(max(time.Until(w.records[0].due), 0))
			if w.ready(time.Now(), r.options.Delay, len(w.records) >= r.options.Ahead) || !w.records[0].due.After(time.Now()) {
				alarm.Stop() // it is room in the lanes or news that is missing, not time
			}
		}
		read := news
		if len(w.records) >= r.options.Ahead {
			read = nil
		}
		select {
		case u := <-read:
			r.hear(w, u)
		case <-r.done:
		case <-alarm.C:
		case <-second.C:
			if err := errors.Join(r.save(ctx, store), r.learnParked(ctx)); err != nil && ctx.Err() == nil {
				r.note(err)
			}
		case err := <-failure:
			if ctx.Err() != nil {
				return nil
			}
			return cmp.Or(err, errStopped)
		case <-ctx.Done():
			return nil
		}
	}
}

// hear takes in an update.
func (r *Reactor) hear(w *window, u Update) {
	w.caught = u.CaughtUp
	if u.Record != nil {
		w.add(u.Record, r.options.Delay)
	} else if len(w.records) == 0 {
		r.progress.pass(u.Position)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.status.Read, r.status.Behind = u.Position, len(w.records) // together: nobody sees one without the other
}

// look judges what is ready, as far as there is room in the lanes.
func (r *Reactor) look(w *window, lanes []*lane, now time.Time) {
	_, open := r.progress.reached()
	for open < r.options.Ahead && w.ready(now, r.options.Delay, len(w.records) >= r.options.Ahead) {
		record := w.records[0].record
		j := r.judge(record, w.seen)
		if j == nil {
			r.crossed.Add(1)
		} else {
			r.progress.begin(record.Position)
			open++
		}
		r.progress.pass(record.Position)
		if j != nil {
			laneOf(lanes, j.key).push(j)
		}
		w.drop()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.status.Behind, r.oldest = len(w.records), time.Time{}
	if len(w.records) > 0 {
		r.oldest = w.records[0].record.RecordedAt
	}
}
