package eventstore

import (
	"context"
	"sync/atomic"
	"time"

	"parley/domain"
)

// Engine decides commands against the log and runs what follows from their
// events. Make it with NewEngine; it may be used by many goroutines.
type Engine struct {
	Log      Log
	Codec    *Codec
	Now      func() time.Time
	Policies []domain.Policy
	// Terms, when there is one, gives an intent the settings that hold as it is
	// carried out, so that its event records them: a policy cannot look them up.
	Terms func(context.Context, domain.Intent) (domain.Intent, error)

	states  states
	doing   Underway
	cloners cloners
	settled settled
	spare   chan struct{} // bounds the goroutines of follow-ups
	left    atomic.Uint64
}

// maxSpare bounds how many follow-ups run beside the requests that caused them.
const maxSpare = 64

// NewEngine makes an engine; now is the clock, time.Now when it is nil.
func NewEngine(log Log, codec *Codec, policies []domain.Policy, now func() time.Time) *Engine {
	if now == nil {
		now = time.Now
	}
	return &Engine{Log: log, Codec: codec, Now: now, Policies: policies, spare: make(chan struct{}, maxSpare)}
}

// Busy tells in how many streams a command is being decided, or waits to be
// tried again on a store that fails.
func (e *Engine) Busy() int { return e.states.busy() }

// Left counts the follow-ups that could not be run at once and were left to
// the reactor.
func (e *Engine) Left() uint64 { return e.left.Load() }
