package api

import (
	"context"
	"time"

	"parley/eventstore"
	"parley/projections"
)

// askTime bounds how long the state of followers may take to find out.
const askTime = 2 * time.Second

// stalledAfter is how long a reactor may leave a record waiting before it
// counts as stalled.
const stalledAfter = 10 * time.Second

// FollowersOf tells how far projections and reactors are, for Options.Followers.
func FollowersOf(runner *projections.Runner, reactors ...*eventstore.Reactor) func() []Follower {
	return func() []Follower {
		ctx, cancel := context.WithTimeout(context.Background(), askTime)
		defer cancel()
		var all []Follower
		states, err := runner.Status(ctx)
		if err != nil { // the log does not answer: nobody advances
			all = append(all, Follower{Name: "projections", Stalled: true})
		}
		for _, st := range states {
			all = append(all, Follower{Name: st.Name, Events: st.Lag, Lag: st.Delay, Stalled: st.Stalled, Parked: st.Parked})
		}
		for _, r := range reactors {
			st := r.Status()
			all = append(all, Follower{
				Name: st.Name, Reactor: true, Events: uint64(max(0, st.Behind)), Lag: st.Age, Stalled: stuck(st), Parked: st.Parked,
			})
		}
		return all
	}
}

func stuck(st eventstore.ReactorStatus) bool { return st.Broken || st.Age > stalledAfter }

// ReadyWhen gives the reasons why the server should not be asked yet, for
// Options.Ready: a read model that was never built, or is far behind, or a
// reactor that cannot work. Parked events and rebuilds are no such reason.
func ReadyWhen(runner *projections.Runner, reactors ...*eventstore.Reactor) func() []string {
	return func() []string {
		ctx, cancel := context.WithTimeout(context.Background(), askTime)
		defer cancel()
		states, err := runner.Status(ctx)
		if err != nil {
			return []string{"the log does not answer"}
		}
		var reasons []string
		for _, st := range states {
			switch {
			case st.State == projections.StateBuilding:
				reasons = append(reasons, "the projection "+st.Name+" is being built")
			case st.Stalled && st.State != projections.StatePaused:
				reasons = append(reasons, "the projection "+st.Name+" does not advance")
			}
		}
		for _, r := range reactors {
			if st := r.Status(); stuck(st) {
				reasons = append(reasons, "the reactor "+st.Name+" does not advance")
			}
		}
		return reasons
	}
}
