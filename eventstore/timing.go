package eventstore

import (
	"cmp"
	"time"

	"parley/domain"
)

// timing is a timer in the wheel.
type timing struct {
	domain.Timer
	next  time.Time // when it is tried: its time, later after failures
	tries int
	index int // in the queue; -1 outside
}

// timingQueue orders timers by when they are tried, then by key.
type timingQueue []*timing

func (q timingQueue) Len() int { return len(q) }
func (q timingQueue) Less(i, j int) bool {
	return cmp.Or(q[i].next.Compare(q[j].next), cmp.Compare(q[i].Key, q[j].Key)) < 0
}
func (q timingQueue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].index, q[j].index = i, j
}
func (q *timingQueue) Push(x any) {
	t := x.(*timing)
	t.index = len(*q)
	*q = append(*q, t)
}
func (q *timingQueue) Pop() any {
	last := len(*q) - 1
	t := (*q)[last]
	(*q)[last] = nil
	*q, t.index = (*q)[:last], -1
	return t
}
