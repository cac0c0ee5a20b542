package eventstore

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"

	"github.com/google/uuid"

	"parley/domain"
)

// policyActor is who does what follows from an event.
var policyActor = domain.Actor{ID: "policy", Role: domain.RoleSystem}

// maxDepth bounds how far follow-ups of follow-ups are run within one request;
// what is deeper is left to the reactor.
const maxDepth = 32

// Act is Do, and then at once all that follows from it in other streams, so
// that the answer is complete. What fails in the store is left to the reactor
// and does not fail the request: the recorded event implies it. The outcome's
// position is the highest written.
func Act[S, E any](ctx context.Context, e *Engine, k *domain.Kind[S, E], id string, cmd domain.Command[S, E], m Meta) (Outcome, error) {
	out, err := Do(ctx, e, k, id, cmd, m)
	if err != nil {
		return out, err
	}
	out.Position = max(out.Position, e.follow(ctx, out, 1))
	return out, nil
}

// Run is Act without the types. When the domain refuses the intent, its Else
// is run, and the refusal is returned; should that fail in the store, the
// failure is, so that the whole is tried again.
func (e *Engine) Run(ctx context.Context, intent domain.Intent, m Meta) (Outcome, error) {
	if m.Command == uuid.Nil {
		var err error
		if m, err = e.complete(m); err != nil {
			return Outcome{}, err
		}
	}
	out, refusal := e.run(ctx, intent, m, 0)
	if _, refused := errors.AsType[*domain.Error](refusal); !refused {
		return out, refusal
	}
	if _, err := e.runElse(ctx, intent, m, []string{m.Command.String()}, 0); err != nil {
		return Outcome{}, err
	}
	return out, refusal
}

// run does the intent's command and follows it.
func (e *Engine) run(ctx context.Context, intent domain.Intent, m Meta, depth int) (Outcome, error) {
	k, ok := e.Codec.Kinds.kinds[intent.Kind]
	if !ok {
		return Outcome{}, fmt.Errorf("eventstore: no kind %q is registered, which %T is meant for", intent.Kind, intent.Command)
	}
	if e.Terms != nil {
		var err error
		if intent, err = e.Terms(ctx, intent); err != nil {
			return Outcome{}, err
		}
	}
	out, err := k.do(ctx, e, intent.ID, intent.Command, m)
	if err != nil {
		return out, err
	}
	out.Position = max(out.Position, e.follow(ctx, out, depth+1))
	return out, nil
}

// runElse runs what was to be done in case of a refusal. name is what the
// refused command's id was made of.
func (e *Engine) runElse(ctx context.Context, intent domain.Intent, m Meta, name []string, depth int) (Position, error) {
	var highest Position
	for i, other := range intent.Else {
		p := pursuit{intent: other, name: elseName(name, i)}
		position, err := e.pursue(ctx, p, m, depth)
		if err != nil {
			return highest, err
		}
		highest = max(highest, position)
	}
	return highest, nil
}

func elseName(name []string, i int) []string {
	return append(name[:len(name):len(name)], "else", strconv.Itoa(i))
}

// pursuit is an intent and what its command id is made of.
type pursuit struct {
	intent domain.Intent
	name   []string
}

func (p pursuit) command() uuid.UUID { return derive(p.name...) }

// pursuits are all that the policies intend after a fact.
func (e *Engine) pursuits(f domain.Fact) (all []pursuit, err error) {
	if f.Imported {
		return nil, nil
	}
	defer recovered(&err)
	for _, policy := range e.Policies {
		for i, intent := range policy.Follow(f) {
			all = append(all, pursuit{intent, []string{f.EventID, policy.Name, strconv.Itoa(i)}})
		}
	}
	return all, nil
}

// follow runs what follows from an outcome, and gives the highest position
// that was written. What fails is left to the reactor.
func (e *Engine) follow(ctx context.Context, out Outcome, depth int) Position {
	var highest Position
	for i, r := range out.Records {
		if depth > maxDepth || ctx.Err() != nil {
			e.left.Add(1)
			return highest
		}
		position, err := e.settle(ctx, r, out.Events[i], depth)
		if err != nil {
			e.left.Add(1)
		}
		highest = max(highest, position)
	}
	return highest
}

// settle runs what follows from one event, whose personal text is in the
// clear. Only what fails of its own follow-ups is an error: theirs are events
// of their own.
func (e *Engine) settle(ctx context.Context, r Record, event any, depth int) (Position, error) {
	all, err := e.pursuits(fact(r, event))
	if err != nil || len(all) == 0 {
		return 0, err
	}
	m := Meta{At: r.HappenedAt, Actor: policyActor, Correlation: r.Correlation, Causation: r.ID}
	groups := byTarget(all)
	positions, errs := make([]Position, len(groups)), make([]error, len(groups))
	var wait sync.WaitGroup
	for i, group := range groups {
		run := func() { positions[i], errs[i] = e.pursueAll(ctx, group, m, depth) }
		if i == len(groups)-1 {
			run()
			break
		}
		select {
		case e.spare <- struct{}{}:
			wait.Go(func() {
				defer func() { <-e.spare }()
				run()
			})
		default:
			run()
		}
	}
	wait.Wait()
	var highest Position
	for _, p := range positions {
		highest = max(highest, p)
	}
	if err := errors.Join(errs...); err != nil {
		return highest, err
	}
	e.settled.add(r.ID)
	return highest, nil
}

// byTarget puts together the intents for one stream, which are run in their
// order; those of different streams are independent.
func byTarget(all []pursuit) [][]pursuit {
	var groups [][]pursuit
	index := map[string]int{}
	for _, p := range all {
		target := p.intent.Kind + "-" + p.intent.ID
		i, ok := index[target]
		if !ok {
			i = len(groups)
			index[target] = i
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], p)
	}
	return groups
}

// pursueAll runs intents one after the other. One that fails does not keep the
// others from being run: each is harmless alone, whatever the order.
func (e *Engine) pursueAll(ctx context.Context, group []pursuit, m Meta, depth int) (Position, error) {
	var highest Position
	var errs []error
	for _, p := range group {
		position, err := e.pursue(ctx, p, m, depth)
		highest, errs = max(highest, position), append(errs, err)
	}
	return highest, errors.Join(errs...)
}

// pursue runs one intent, and its Else when it is refused.
func (e *Engine) pursue(ctx context.Context, p pursuit, m Meta, depth int) (position Position, err error) {
	defer recovered(&err)
	m.Command = p.command()
	out, err := e.run(ctx, p.intent, m, depth)
	if err == nil {
		return out.Position, nil
	}
	if _, refused := errors.AsType[*domain.Error](err); !refused {
		return 0, err
	}
	return e.runElse(ctx, p.intent, m, p.name, depth)
}
