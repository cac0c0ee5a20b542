package eventstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/segmentio/encoding/json"
)

// Parked is an event whose work failed for good, or that came behind such a
// one in its lane key. It waits for an operator.
type Parked struct {
	Key      string    `json:"key"`
	Position Position  `json:"position"`
	Event    uuid.UUID `json:"event"`
	Name     string    `json:"name"`
	Error    string    `json:"error,omitempty"` // empty when it only came behind
	At       time.Time `json:"at"`
}

// maxParkedError bounds the error kept, which is for people to read.
const maxParkedError = 400

// Parked lists what is parked, in the order of the log.
func (r *Reactor) Parked(ctx context.Context) ([]Parked, error) {
	m, err := r.engine.Log.Mark(ctx, r.parkedMark(), nil)
	if err != nil {
		return nil, err
	}
	return readParked(m)
}

// Replay does the work of parked events again, of those keys or of all, in the
// order of the log. Those done are parked no more. The first that fails again
// stays with all behind it, and the failure is returned once the other keys
// were replayed. It tells how many events were done.
func (r *Reactor) Replay(ctx context.Context, keys ...string) (int, error) {
	done, stuck := 0, map[string]error{}
	for {
		list, err := r.Parked(ctx)
		if err != nil {
			return done, err
		}
		i := slices.IndexFunc(list, func(p Parked) bool {
			return stuck[p.Key] == nil && (len(keys) == 0 || slices.Contains(keys, p.Key))
		})
		if i < 0 {
			break
		}
		p := list[i]
		if err := r.replay(ctx, p); err != nil {
			if ctx.Err() != nil {
				return done, err
			}
			stuck[p.Key] = fmt.Errorf("%s at position %d stays parked: %w", p.Name, p.Position, err)
			continue
		}
		if err := r.unpark(ctx, p); err != nil {
			return done, err
		}
		done++
	}
	var errs []error
	for _, err := range stuck {
		errs = append(errs, err)
	}
	return done, errors.Join(errs...)
}

func (r *Reactor) replay(ctx context.Context, p Parked) (err error) {
	defer recovered(&err)
	for record, err := range r.engine.Log.Read(ctx, Query{After: p.Position - 1, Until: p.Position, Limit: 1}) {
		if err != nil {
			return err
		}
		return r.work(ctx, record)
	}
	return &DamageError{Where: fmt.Sprintf("position %d", p.Position), What: "the parked event is not in the log"}
}

func (r *Reactor) parkedMark() string { return "parked-" + r.options.Name }

func readParked(m Mark) ([]Parked, error) {
	var list []Parked
	if len(m.Value) == 0 {
		return nil, nil
	}
	if err := json.Unmarshal(m.Value, &list); err != nil {
		return nil, &DamageError{Where: "the list of parked events", What: err.Error()}
	}
	return list, nil
}

// park puts a job aside because of what failed.
func (r *Reactor) park(ctx context.Context, j *job, failure error) error {
	r.parkLock.Lock()
	defer r.parkLock.Unlock()
	text, _, _ := strings.Cut(failure.Error(), "\n")
	if len(text) > maxParkedError {
		text = strings.ToValidUTF8(text[:maxParkedError], "")
	}
	return r.addParked(ctx, j, text)
}

// parkBehind puts a job aside when its key is parked.
func (r *Reactor) parkBehind(ctx context.Context, j *job) (bool, error) {
	r.parkLock.Lock()
	defer r.parkLock.Unlock()
	if r.parked[j.key] == 0 {
		return false, nil
	}
	return true, r.addParked(ctx, j, "")
}

// addParked is called with parkLock held, as are those below.
func (r *Reactor) addParked(ctx context.Context, j *job, failure string) error {
	p := Parked{Key: j.key, Position: j.record.Position, Event: j.record.ID, Name: j.record.Name, Error: failure, At: r.engine.Now().UTC()}
	return r.moveParked(ctx, func(list []Parked) []Parked {
		at, found := slices.BinarySearchFunc(list, p.Position, func(p Parked, position Position) int { return cmp.Compare(p.Position, position) })
		if found {
			return list
		}
		return slices.Insert(list, at, p)
	})
}

func (r *Reactor) unpark(ctx context.Context, done Parked) error {
	r.parkLock.Lock()
	defer r.parkLock.Unlock()
	return r.moveParked(ctx, func(list []Parked) []Parked {
		return slices.DeleteFunc(list, func(p Parked) bool { return p.Position == done.Position })
	})
}

// moveParked changes the list beside the log and what is known of it here. A
// nil change only reads it.
func (r *Reactor) moveParked(ctx context.Context, change func([]Parked) []Parked) error {
	var list []Parked
	var damage error
	move := func(m Mark) ([]byte, bool) {
		if list, damage = readParked(m); damage != nil {
			return nil, false
		}
		list = change(list)
		value, err := json.Marshal(list)
		damage = err
		return value, err == nil
	}
	if change == nil {
		move = nil
	}
	m, err := r.engine.Log.Mark(ctx, r.parkedMark(), move)
	if err == nil {
		err = damage
	}
	if err == nil && change == nil {
		list, err = readParked(m)
	}
	if err != nil {
		return err
	}
	r.parked = map[string]int{}
	for _, p := range list {
		r.parked[p.Key]++
	}
	r.parkedCount = len(list)
	return nil
}

// learnParked reads what is parked; another process may have replayed.
func (r *Reactor) learnParked(ctx context.Context) error {
	r.parkLock.Lock()
	defer r.parkLock.Unlock()
	return r.moveParked(ctx, nil)
}
