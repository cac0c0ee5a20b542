package eventstore

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/segmentio/encoding/json"
)

// Times of a lease. A holder renews it; who sees no renewal for long enough, by
// its own clock, takes it over. Clocks of machines are never compared.
const (
	LeaseRenewed = 3 * time.Second
	LeaseLost    = 10 * time.Second
)

// LeaseMarks begin the names of the marks that are leases.
const LeaseMarks = "lease-"

// LeaseNodes gives the runs that a lease's mark names, in order.
func LeaseNodes(m Mark) ([]string, error) {
	v, err := readLease(m)
	return slices.Sorted(maps.Keys(v.Nodes)), err
}

// Lease lets one of several nodes on a log do what needs no more than one:
// route, react, fire timers. It also tells which nodes are there. Nothing
// breaks when two believe they hold it, for the domain decides; it only keeps
// them out of each other's way.
//
// It is the mark "lease-<name>": who holds it, in which term, and a count for
// each node that it raises when it renews.
type Lease struct {
	Log  Log
	Name string
	// Node names this node, and is the same when it is started again; Turn names
	// this run of it. A run is over when the same node runs anew.
	Node, Turn string

	asking sync.Mutex      // one at a time asks the log; it keeps what follows
	seen   map[string]beat // of each run: when this node last saw it renew
	awake  time.Duration   // how long this node has looked: a log that is away makes nobody late
	looked time.Time
	joined bool

	mu   sync.Mutex // never held while the log is asked: it may take its time
	term uint64
	mine bool
	live []string
}

// ErrLeaseLost tells that this node did not renew for so long that others hold
// it for gone, and have done what is then to be done.
var ErrLeaseLost = errors.New("eventstore: this node stood still for so long that the others took over its work: start it again")

// leaseValue is what the mark holds.
type leaseValue struct {
	Holder string               `json:"holder,omitempty"` // a run
	Term   uint64               `json:"term"`
	Nodes  map[string]leaseNode `json:"nodes"` // by run
}

type leaseNode struct {
	Node  string `json:"node"`
	Beats uint64 `json:"beats"`
}

type beat struct {
	count uint64
	at    time.Duration // of awake
}

// Join takes part, and takes the lease when nobody holds it. Whoever lets
// clients in calls it before.
func (l *Lease) Join(ctx context.Context) error { return l.renew(ctx) }

// Live gives the runs that are there, this one included, in order, as they were
// when this node renewed last.
func (l *Lease) Live() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.live)
}

// Now asks the log which runs are there.
func (l *Lease) Now(ctx context.Context) ([]string, error) {
	m, err := l.Log.Mark(ctx, LeaseMarks+l.Name, nil)
	if err != nil {
		return nil, err
	}
	return LeaseNodes(m)
}

// Held tells whether this run holds the lease, as far as it knows, and in which
// term.
func (l *Lease) Held() (bool, uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mine, l.term
}

// Hold renews until ctx is done and runs work while the lease is held: it is
// cancelled when the lease is lost. Changed is called whenever runs came or
// went, while the lease is held. When work fails though the log is there, so does
// Hold; when the log is away, work begins anew once it is back. In the end the
// lease is given up, so that another takes it at once.
func (l *Lease) Hold(ctx context.Context, work func(context.Context) error, changed func(context.Context, []string) error) (err error) {
	var job *leaseJob
	defer func() {
		if failed := job.stop(); failed != nil && !errors.Is(failed, context.Canceled) {
			err = errors.Join(err, failed)
		}
		leaving, done := context.WithTimeout(context.WithoutCancel(ctx), LeaseRenewed)
		defer done()
		_ = l.leave(leaving) // else the others find out by themselves
	}()
	tick := time.NewTicker(LeaseRenewed)
	defer tick.Stop()
	var known []string
	renewed := time.Now()
	for {
		if held, _ := l.Held(); held && job == nil {
			job, known = startJob(ctx, work), nil
		} else if !held && job != nil {
			_ = job.stop() // it was stopped because the log is away: what failed is done again
			job = nil
		}
		if live := l.Live(); job != nil && changed != nil && !slices.Equal(live, known) {
			if changed(ctx, live) == nil { // else it is told again
				known = live
			}
		}
		var ended error
		over := false
		select {
		case <-ctx.Done():
			return nil
		case <-job.ended():
			ended, over, job = job.stop(), true, nil
		case <-tick.C:
		}
		if ctx.Err() != nil {
			return nil
		}
		// Not renewed for so long, another may have it: better nobody works than two.
		within, done := context.WithTimeout(ctx, LeaseRenewed)
		failed := l.renew(within)
		done()
		switch {
		case failed == nil && over:
			return ended
		case failed == nil:
			renewed = time.Now()
		case errors.Is(failed, ErrClosed), errors.Is(failed, ErrLeaseLost):
			return errors.Join(failed, ended)
		case over || time.Since(renewed) > LeaseLost-LeaseRenewed:
			l.drop()
		}
	}
}

// drop notes that this run does not hold the lease.
func (l *Lease) drop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mine = false
}

// leaseJob is work under way.
type leaseJob struct {
	cancel context.CancelFunc
	done   chan struct{}
	err    error // once done
}

func startJob(ctx context.Context, work func(context.Context) error) *leaseJob {
	ctx, cancel := context.WithCancel(ctx)
	j := &leaseJob{cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(j.done)
		j.err = work(ctx)
	}()
	return j
}

func (j *leaseJob) ended() <-chan struct{} {
	if j == nil {
		return nil
	}
	return j.done
}

// stop ends the work, and tells how it ended.
func (j *leaseJob) stop() error {
	if j == nil {
		return nil
	}
	j.cancel()
	<-j.done
	return j.err
}

// renew tells the others that this run is there, learns which others are, and
// takes the lease when its holder is not.
func (l *Lease) renew(ctx context.Context) error {
	l.asking.Lock()
	defer l.asking.Unlock()
	if l.seen == nil {
		l.seen = map[string]beat{}
	}
	now := time.Now()
	awake, gap := l.awake, now.Sub(l.looked)
	blind := gap > LeaseRenewed+LeaseRenewed/2 // it could not see others renew either
	if !blind {
		awake += gap
	}
	var v leaseValue
	var damage error
	lost := false
	_, err := l.Log.Mark(ctx, LeaseMarks+l.Name, func(m Mark) ([]byte, bool) {
		if v, damage = readLease(m); damage != nil {
			return nil, false
		}
		own, there := v.Nodes[l.Turn]
		if lost = l.joined && !there; lost {
			return nil, false
		}
		l.look(&v, awake, blind)
		v.Nodes[l.Turn] = leaseNode{Node: l.Node, Beats: own.Beats + 1}
		if _, there := v.Nodes[v.Holder]; !there {
			v.Holder, v.Term = l.Turn, v.Term+1
		}
		value, err := json.Marshal(v)
		damage = err
		return value, err == nil
	})
	if err := errors.Join(err, damage); err != nil {
		return err
	}
	if lost {
		l.drop()
		return ErrLeaseLost
	}
	l.awake, l.looked, l.joined = awake, now, true
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mine, l.term = v.Holder == l.Turn, v.Term
	l.live = slices.Sorted(maps.Keys(v.Nodes))
	return nil
}

// look notes who has renewed, and takes out of the value who is gone: an
// earlier run of this node at once, others when they have not renewed for long
// while this node could have seen it.
func (l *Lease) look(v *leaseValue, awake time.Duration, blind bool) {
	for run, n := range v.Nodes {
		before, known := l.seen[run]
		switch {
		case run == l.Turn:
			continue
		case n.Node == l.Node:
		case !known || blind || before.count != n.Beats:
			l.seen[run] = beat{n.Beats, awake}
			continue
		case awake-before.at < LeaseLost:
			continue
		}
		delete(v.Nodes, run)
		delete(l.seen, run)
	}
}

// leave takes this run out of the mark.
func (l *Lease) leave(ctx context.Context) error {
	l.asking.Lock()
	defer l.asking.Unlock()
	l.drop()
	l.joined = false
	_, err := l.Log.Mark(ctx, LeaseMarks+l.Name, func(m Mark) ([]byte, bool) {
		v, err := readLease(m)
		if err != nil {
			return nil, false
		}
		delete(v.Nodes, l.Turn)
		if v.Holder == l.Turn {
			v.Holder = "" // who renews next takes it
		}
		value, err := json.Marshal(v)
		return value, err == nil
	})
	return err
}

func readLease(m Mark) (leaseValue, error) {
	v := leaseValue{}
	if len(m.Value) > 0 {
		if err := json.Unmarshal(m.Value, &v); err != nil {
			return v, &DamageError{Where: "a lease", What: fmt.Sprintf("it cannot be read: %v", err)}
		}
	}
	if v.Nodes == nil {
		v.Nodes = map[string]leaseNode{}
	}
	return v, nil
}
