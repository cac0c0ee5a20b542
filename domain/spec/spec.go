// Package spec tests a kind of stream by tables of given, when and then, and
// keeps the events as they were first written.
//
// Beside what a table says, each case proves the laws every kind obeys: a
// decision is the same when made again and changes nothing; a command repeated
// records nothing more; an event and a carried state survive being stored.
package spec

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"testing"

	"parley/domain"
)

// Case is one line of a table.
type Case[S, E any] struct {
	Name  string
	Given []E                  // what was recorded before
	When  domain.Command[S, E] // what is asked
	Then  []E                  // what is recorded; none when it is already so
	Err   error                // or the refusal, told by its code; its field and rule count when they are set
	Again bool                 // the command records anew each time it is asked
}

// Run proves each case, and the laws of every kind with it.
func Run[S, E any](t *testing.T, kind *domain.Kind[S, E], cases []Case[S, E]) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			t.Helper()
			if err := c.check(kind); err != nil {
				t.Error(err)
			}
		})
	}
}

// check tells what is wrong with the case.
func (c Case[S, E]) check(kind *domain.Kind[S, E]) error {
	for _, e := range append(append([]E{}, c.Given...), c.Then...) {
		if err := survives(kind, e); err != nil {
			return err
		}
	}
	state, untouched := c.given(kind), c.given(kind)
	got, err := c.When.Decide(state)
	if problem := wrongError(err, c.Err); problem != "" {
		return fmt.Errorf("%s\nevents %s", problem, pretty(got))
	}
	if err != nil && len(got) > 0 {
		return fmt.Errorf("the refusal %v comes with events %s", err, pretty(got))
	}
	if !(len(got) == 0 && len(c.Then) == 0) && !reflect.DeepEqual(got, c.Then) {
		return fmt.Errorf("recorded %s\nwant     %s", events(got), events(c.Then))
	}
	if !same(state, untouched) {
		return fmt.Errorf("the decision changed the state\nfrom %s\nto   %s", pretty(untouched), pretty(state))
	}
	if again, err2 := c.When.Decide(state); !reflect.DeepEqual(again, got) || fmt.Sprint(err2) != fmt.Sprint(err) {
		return fmt.Errorf("decided again\nit is %s, %v\nwas   %s, %v", events(again), err2, events(got), err)
	}
	if err := carried(kind, state, len(c.Given) > 0); err != nil {
		return err
	}
	if err != nil || len(got) == 0 {
		return nil
	}
	after := kind.Fold(c.given(kind), got...)
	if err := carried(kind, after, true); err != nil {
		return err
	}
	if c.Again {
		return nil
	}
	repeated, err := c.When.Decide(after)
	if _, refused := errors.AsType[*domain.Error](err); err != nil && !refused {
		return fmt.Errorf("repeated, the command fails: %v", err)
	}
	if len(repeated) > 0 {
		return fmt.Errorf("repeated, the command records %s", events(repeated))
	}
	return nil
}

// given folds events that share no memory with the table's.
func (c Case[S, E]) given(kind *domain.Kind[S, E]) S {
	var s S
	for _, e := range c.Given {
		own, err := stored(e)
		if err != nil {
			own = e
		}
		kind.Apply(&s, own)
	}
	return s
}

// wrongError tells what is wrong with an error; nothing when it is as wanted.
func wrongError(got, want error) string {
	if want == nil {
		if got != nil {
			return fmt.Sprintf("refused: %v", got)
		}
		return ""
	}
	if !errors.Is(got, want) {
		return fmt.Sprintf("got the error %v, want %v", got, want)
	}
	g, _ := errors.AsType[*domain.Error](got)
	w, _ := errors.AsType[*domain.Error](want)
	if g != nil && w != nil && (w.Field != "" && g.Field != w.Field || w.Rule != "" && g.Rule != w.Rule) {
		return fmt.Sprintf("refused with field %q and rule %q, want %q and %q", g.Field, g.Rule, w.Field, w.Rule)
	}
	return ""
}

// survives proves that an event has a name and is the same when read back.
func survives[S, E any](kind *domain.Kind[S, E], e E) error {
	if nameOf(kind, e) == "" {
		return fmt.Errorf("%T has no name in the names of %s", e, kind.Name)
	}
	back, err := stored(e)
	if err != nil {
		return err
	}
	if !same(back, e) {
		return fmt.Errorf("%T does not survive being stored\nread    %#v\nwritten %#v", e, back, e)
	}
	return nil
}

// carried proves that the state is the same when it was carried forward, into
// nothing and onto itself.
func carried[S, E any](kind *domain.Kind[S, E], s S, began bool) error {
	if kind.Carry == nil || !began {
		return nil
	}
	e := kind.Carry(s)
	if err := survives(kind, e); err != nil {
		return err
	}
	back, err := stored(e)
	if err != nil {
		return err
	}
	var fresh S
	kind.Apply(&fresh, back)
	if !same(fresh, s) {
		return fmt.Errorf("the state does not survive being carried forward\nread   %s\nbefore %s", pretty(fresh), pretty(s))
	}
	back, err = stored(e)
	if err != nil {
		return err
	}
	onto := fresh
	kind.Apply(&onto, back)
	if !same(onto, s) {
		return fmt.Errorf("carrying the state forward changes it\nto   %s\nfrom %s", pretty(onto), pretty(s))
	}
	return nil
}

// stored gives a value as it is read after it was written.
func stored[E any](e E) (E, error) {
	var none E
	text, err := json.Marshal(e)
	if err != nil {
		return none, fmt.Errorf("%T cannot be written: %w", e, err)
	}
	p := reflect.New(reflect.TypeOf(e))
	if err := json.Unmarshal(text, p.Interface()); err != nil {
		return none, fmt.Errorf("%T cannot be read: %w\n%s", e, err, text)
	}
	back, ok := p.Elem().Interface().(E)
	if !ok {
		return none, fmt.Errorf("%T is read as another type", e)
	}
	return back, nil
}

func nameOf[S, E any](kind *domain.Kind[S, E], e E) string {
	for name, zero := range kind.Names {
		if reflect.TypeOf(zero) == reflect.TypeOf(e) {
			return name
		}
	}
	return ""
}

// events shows events with their types, as JSON.
func events[E any](list []E) string {
	text := ""
	for _, e := range list {
		text += fmt.Sprintf("\n  %T %s", e, pretty(e))
	}
	if text == "" {
		return "nothing"
	}
	return text
}

func pretty(v any) string {
	text, err := json.MarshalIndent(v, "  ", "  ")
	if err != nil || string(text) == "{}" {
		return fmt.Sprintf("%#v", v)
	}
	return string(text)
}
