package queue

import "parley/domain"

// Overflow is what the queue does when it cannot take a conversation, or keeps
// it for too long (RTE-6). A condition without an action is not there.
type Overflow struct {
	OutsideHours Action         `json:"outsideHours,omitzero"`
	MoreThan     int            `json:"moreThan,omitempty"` // waiting, 1 to 100
	Waiting      Action         `json:"waiting,omitzero"`
	LongerThan   domain.Seconds `json:"longerThan,omitempty"` // 1 minute to 2 days
	Waited       Action         `json:"waited,omitzero"`
}

// Action is what is done: end (live only), queue with another queue's id, or
// anyway.
type Action struct {
	Do    string `json:"do"`
	Queue string `json:"queue,omitempty"`
}

// What an overflow may do.
const (
	DoEnd    = "end"
	DoQueue  = "queue"
	DoAnyway = "anyway"
)

func (o Overflow) check(own string) error {
	for _, one := range []struct {
		field string
		Action
	}{{"overflow.outsideHours", o.OutsideHours}, {"overflow.waiting", o.Waiting}, {"overflow.waited", o.Waited}} {
		switch {
		case one.Action == Action{}:
		case one.Do != DoEnd && one.Do != DoQueue && one.Do != DoAnyway:
			return domain.Invalid(one.field, "give end, queue or anyway")
		case (one.Do == DoQueue) != (one.Queue != ""), one.Queue != "" && !domain.ValidID(one.Queue):
			return domain.Invalid(one.field, "name the other queue with queue, and only with that")
		case one.Queue == own && own != "":
			return domain.Invalid(one.field, "a queue does not flow over into itself")
		}
	}
	switch {
	case (o.MoreThan != 0) != (o.Waiting != Action{}), o.MoreThan < 0 || o.MoreThan > 100:
		return domain.Invalid("overflow.moreThan", "give 1 to 100 waiting, with what is done then")
	case (o.LongerThan != 0) != (o.Waited != Action{}), o.LongerThan != 0 && (o.LongerThan < 60 || o.LongerThan > 2*24*60*60):
		return domain.Invalid("overflow.longerThan", "give 1 minute to 2 days, with what is done then")
	}
	return nil
}

// ErrHoldsWork refuses to delete a queue in which something is (AGT-6).
var ErrHoldsWork = domain.Refuse("queue_not_empty", "AGT-6", "the queue holds work: move its conversations first")

// ErrNeeded refuses to delete a queue that something sends conversations into
// (AGT-6).
var ErrNeeded = domain.Refuse("queue_needed", "AGT-6", "conversations are sent into the queue: name another one there first")

// Delete takes a queue out of use. Holds is how many conversations that are not
// closed are in it; By names what sends conversations into it, and is empty when
// nothing does. A conversation that comes into it all the same, at the same
// moment, is moved on by the router.
type Delete struct {
	Holds int
	By    string
}

// Decide refuses while there is work, or may be.
func (cmd Delete) Decide(q Queue) ([]Event, error) {
	switch {
	case q.ID == "":
		return nil, ErrUnknown
	case q.Deleted:
		return nil, nil
	case cmd.Holds > 0:
		return nil, ErrHoldsWork
	case cmd.By != "":
		return nil, ErrNeeded.With("by", cmd.By)
	}
	return []Event{Deleted{Queue: q.ID}}, nil
}

// Deleted says that nothing is put into the queue any more.
type Deleted struct {
	Queue string `json:"queue"`
}

func (e Deleted) apply(q *Queue) { q.Deleted = true }
